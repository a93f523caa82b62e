"""Counting in a pass gives what counting everything at once gives."""

from collections import Counter
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.counting import GramCounts
from model.symbols import END, START
from model.text import normalise, script
from model.vocabulary import CHUNK, Vocabulary

NAMES = st.lists(st.text(alphabet="abcπж田\u0301'", max_size=9).map(normalise), max_size=30)
MOST = st.none() | st.integers(0, 25)


def plain(
    names: list[str], order: int, marks: bool, min_count: int, most: int | None
) -> Vocabulary:
    """`Vocabulary.fit` as one would say it."""
    marked = [f"{START}{name}{END}" if marks else name for name in names]
    counts = Counter(
        name[end - length : end]
        for name in marked
        for length in range(1, order + 1)
        for end in range(length, len(name) + 1)
    )
    ranked = sorted(
        (len(gram) > 1, -n, len(gram), gram) for gram, n in counts.items() if n >= min_count
    )
    grams = sorted((gram for *_, gram in ranked[:most]), key=lambda gram: (len(gram), gram))
    scripts = sorted({script(c) for name in names for c in name})
    return Vocabulary(order, marks, tuple(scripts), tuple(grams))


def in_chunks(
    chunks: list[list[str]], order: int, marks: bool, min_count: int, most: int | None
) -> list[str]:
    counts = GramCounts(order, marks)
    for chunk in chunks:
        counts.add(chunk)
    return [gram for *_, gram in counts.most_frequent(min_count, most)]


@settings(deadline=None)
@given(NAMES, st.integers(1, 5), st.booleans(), st.integers(1, 3), MOST)
def test_a_vocabulary_holds_what_plain_counting_says(
    names: list[str], order: int, marks: bool, min_count: int, most: int | None
) -> None:
    if most is not None:  # characters first, and without them there are no n-grams
        most = max(most, len(set("".join(names))) + 2)
    expected = plain(names, order, marks, min_count, most)
    options = {"order": order, "marks": marks, "min_count": min_count, "most": most}
    assert Vocabulary.fit(iter(names), **options) == expected  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.lists(NAMES, max_size=8), st.integers(1, 4), st.booleans(), st.integers(1, 3), MOST)
def test_how_the_names_are_parted_and_ordered_does_not_matter(
    chunks: list[list[str]], order: int, marks: bool, min_count: int, most: int | None
) -> None:
    whole = in_chunks([[*chain(*chunks)]], order, marks, min_count, most)
    assert in_chunks(chunks, order, marks, min_count, most) == whole
    assert in_chunks(chunks[::-1], order, marks, min_count, most) == whole


def test_more_names_than_are_counted_at_once() -> None:
    random = np.random.default_rng(0)
    names = ["".join(random.choice(list("abcdeж田"), 5)) for _ in range(2 * CHUNK + 7)]
    many = Vocabulary.fit(names, order=4, min_count=3, most=2000)
    assert many == plain(names, 4, True, 3, 2000)


def test_the_limit_of_characters_is_that_of_the_whole() -> None:
    counts = GramCounts(order=5, marks=False)
    counts.add(["".join(map(chr, range(0x4E00, 0x6000)))])
    with pytest.raises(ValueError, match="lower the n-gram order"):
        counts.add(["".join(map(chr, range(0x6000, 0x7000)))])
