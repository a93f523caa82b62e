"""What goes through many names holds a chunk of them at a time, however many there are."""

import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from model import vocabulary as counted
from model.ngrams import NGramModel
from model.vocabulary import Vocabulary
from pipeline import ragged
from pipeline.ragged import encode, mapped

RANDOM = np.random.default_rng(0)
NAMES = ["".join(RANDOM.choice(list("abdeiklmnorstuvz"), 8)) for _ in range(2**15)]
VOCABULARY = Vocabulary.fit(NAMES[:1000], order=3)


def many(times: int) -> Iterator[str]:
    """The names over and over, never all at once."""
    for _ in range(times):
        yield from NAMES


def peak(work: Callable[[], object]) -> int:
    """Bytes that Python and NumPy allocated meanwhile, at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("work", "bytes_a_name"),
    [
        (lambda times: Vocabulary.fit(many(times), order=3), 0),
        (lambda times: encode(NAMES * times, VOCABULARY), 2 * 8),  # a place in the list, a bound
        (lambda times: NGramModel.fit(VOCABULARY, NAMES * times), 8),
    ],
    ids=["vocabulary", "ids", "n-gram counts"],
)
def test_three_times_the_names_take_no_more_memory(
    work: Callable[[int], object], bytes_a_name: int
) -> None:
    assert len(NAMES) >= max(counted.CHUNK, ragged.CHUNK)
    work(1)  # what is loaded or computed once
    more = 4 * len(NAMES) * bytes_a_name
    assert peak(lambda: work(6)) < peak(lambda: work(2)) + more + 2**19


def test_a_mapped_array_is_zeros_that_can_be_written() -> None:
    array = mapped((3, 2), np.float32)
    assert array.tolist() == [[0, 0]] * 3
    array[1] = 5
    assert array.sum() == 10
    assert mapped((0, 2), np.float32).shape == (0, 2)
