"""An n-gram as one whole number, so that NumPy can count and look up many at once.

Each character is a digit from 1 on; 0 is "not known".

Shapes: n places in a text.
"""

import math

import numpy as np

from model.lookup import Keys
from model.symbols import Codes, Integers


def base_of(letters: int, order: int) -> int:
    """The base in which an n-gram of so many distinct characters is a number.

    Raises:
        ValueError: they are too many.
    """
    base = letters + 1
    if base**order >= 2**64:
        raise ValueError(
            f"{letters} distinct characters are too many for n-grams of length {order}: "
            "lower the n-gram order or raise the minimum count"
        )
    return base


def largest_base(order: int) -> int:
    """The base that leaves room for the most characters."""
    base = math.ceil(2 ** (64 / order))
    while base**order >= 2**64:
        base -= 1
    return base


def digits_of(alphabet: Codes) -> Keys:
    """From code point to digit, 0 for those not in the alphabet and, last, beyond it.

    The digits count from 1 in the alphabet's order.
    """
    digit = np.zeros(int(alphabet.max(initial=0)) + 2, np.uint64)
    digit[alphabet] = np.arange(1, alphabet.size + 1)
    return digit


def numbers_at(digit: Keys, codes: Codes, at: Integers, length: int, base: int) -> Keys:
    """(n,) the digits of the `length` code points that end at each place, as one number.

    Before the first name the last ones are read; there is a 0 between, so no n-gram is like them.

    >>> numbers_at(digits_of(np.array([97, 98])), np.array([97, 98, 0]), np.array([1]), 2, 3)
    array([5], dtype=uint64)
    """
    numbers = digit.take(codes[at], mode="clip")
    for back in range(1, length):
        numbers += digit.take(codes[at - back], mode="clip") * np.uint64(base**back)
    return numbers


def spell(number: int, alphabet: Codes, base: int) -> str:
    """The n-gram of a number.

    >>> spell(21, np.array([ord("a"), ord("b")]), 10)
    'ba'
    """
    symbols = []
    while number:
        number, digit = divmod(number, base)
        symbols.append(chr(alphabet[digit - 1]))
    return "".join(reversed(symbols))
