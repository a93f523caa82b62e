"""Names normalised and flattened, in a loop that Numba compiles; `speller.py` says of what.

Shapes: R characters read, N names, S symbols of all spellings, Q symbols written.
"""

# mypy: disable-error-code="no-untyped-def"
# What each argument is stands in the signature, which is what the compiler goes by.

from numba import int64

from model.loops import CODES, IDS, PLACES, compiled
from model.speller import CLASS_FROM, ODD, TABLED

BREAK, SPACE = ord("\n"), ord(" ")
CODE = (1 << CLASS_FROM) - 1


@compiled((CODES, IDS, IDS))
def room(read, places, symbols):
    """How many symbols these characters (R,) are; of one that has none, `UNSEEN` or `ODD`."""
    total = 0
    for code in read:
        if code != BREAK:
            place = places[code] if code < TABLED else ODD
            if place < 0:
                return place
            total += symbols[place]
    return total


@compiled(int64(CODES, IDS, IDS, IDS, IDS, PLACES, PLACES))
def write(read, places, symbols, apart, codes, starts, lengths):
    """Write names that a line break follows (R,), of which there is `room`; how many symbols (Q,).

    `apart` is what stands between two names.
    """
    codes[0] = apart[-1]
    end, name = 1, 0
    begin = sorted_from = end
    for code in read:
        if code == BREAK:
            if end > begin and codes[end - 1] == SPACE:
                end -= 1
            starts[name], lengths[name] = begin, end - begin
            for symbol in apart:
                codes[end] = symbol
                end += 1
            name += 1
            begin = sorted_from = end
            continue
        place = places[code]
        if symbols[place] == 0:  # what is left out keeps marks apart like any other
            sorted_from = end
        for i in range(place + 1, place + 1 + symbols[place]):
            symbol, at = symbols[i], end
            if symbol == SPACE and (end == begin or codes[end - 1] == SPACE):
                continue
            if symbol > CODE:  # Unicode's canonical order: marks by their classes
                while at > sorted_from and codes[at - 1] >> CLASS_FROM > symbol >> CLASS_FROM:
                    codes[at] = codes[at - 1]
                    at -= 1
            codes[at] = symbol
            end += 1
    for i in range(end):
        codes[i] &= CODE
    return end
