"""Strings that are no names: what people type to try a form, and what breaks one."""

from collections.abc import Callable, Sequence
from string import ascii_lowercase as LATIN

import numpy as np

CYRILLIC = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
QWERTY = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
JCUKEN = ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")
SYMBOLS = "!#$%&()*+,./:;<=>?@[]^_{|}~"
SHUFFLED = "shuffled letters of a name"

Random = np.random.Generator


def noise(names: Sequence[str]) -> dict[str, Callable[[Random], str]]:
    """Makers of strings that are no names, by kind; some are made from real names."""
    latin = [n for n in names if len(n) >= 5 and set(n) <= set(LATIN)]
    cyrillic = [n for n in names if len(n) >= 5 and set(n) <= set(CYRILLIC)]

    def pick(random: Random, of: Sequence[str]) -> str:
        return of[int(random.integers(len(of)))]

    def letters(of: str, least: int, most: int) -> Callable[[Random], str]:
        def make(random: Random) -> str:
            return "".join(random.choice(list(of), random.integers(least, most + 1)))

        return make

    def hybrid(random: Random) -> str:
        first, second = pick(random, latin), pick(random, cyrillic)
        return first[: len(first) // 2] + second[len(second) // 2 :]

    def homoglyph(random: Random) -> str:
        name = pick(random, latin)
        i = int(random.integers(len(name)))
        return name[:i] + pick(random, CYRILLIC) + name[i + 1 :]

    kinds = {f"{n} random letters": letters(LATIN, n, n) for n in (3, 4, 5, 6, 8, 10, 12)}
    kinds |= {
        "3 to 12 random letters": letters(LATIN, 3, 12),
        "3 to 12 random Cyrillic letters": letters(CYRILLIC, 3, 12),
        "keyboard walk, qwerty": lambda random: walk(random, QWERTY),
        "keyboard walk, йцукен": lambda random: walk(random, JCUKEN),
        "one letter 3 to 8 times": lambda r: pick(r, LATIN) * int(r.integers(3, 9)),
        "digits": letters("0123456789", 2, 9),
        "letters and digits": lambda r: letters(LATIN, 1, 5)(r) + letters("0123456789", 1, 4)(r),
        "symbols": letters(SYMBOLS, 2, 9),
        "half Latin, half Cyrillic": hybrid,
        "one letter Cyrillic in a Latin name": homoglyph,
        SHUFFLED: lambda r: "".join(r.permutation(list(pick(r, latin)))),
    }
    return kinds


def walk(random: Random, rows: Sequence[str]) -> str:
    """4 to 10 keys, each a neighbour of the one before, mostly in one direction."""
    row = int(random.integers(3))
    key = int(random.integers(len(rows[row])))
    direction = int(random.choice([-1, 1]))
    keys = []
    for _ in range(random.integers(4, 11)):
        keys.append(rows[row][key])
        if random.random() < 0.15:
            row = min(max(row + int(random.choice([-1, 1])), 0), 2)
        else:
            if not 0 <= key + direction < len(rows[row]):
                direction = -direction
            key += direction
        key = min(key, len(rows[row]) - 1)
    return "".join(keys)
