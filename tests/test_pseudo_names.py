import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.batches import Examples
from pipeline.pseudo_names import LONGEST, invent, misspell, splice

NAMES = ["kowalski", "nowak", "zielinski", "papadopoulos", "georgiou", "nikolaidis", "田中"]
TARGETS = np.eye(3, dtype=np.float32)[[0, 0, 0, 1, 1, 1, 2]]
unit = st.floats(0, 1, exclude_max=True)
name = st.text("abcш田", min_size=1, max_size=8)


def made(tries: int, seed: int = 0) -> list[str]:
    return invent(Examples(NAMES, TARGETS), tries, np.random.default_rng(seed))


def test_they_are_new_distinct_and_a_seed_decides_which() -> None:
    invented = made(500)
    assert 50 < len(invented) <= 500
    assert len(set(invented)) == len(invented)
    assert not set(invented) & set(NAMES)
    assert all(1 < len(each) <= LONGEST for each in invented)
    assert made(500) == invented != made(500, seed=1)
    assert made(0) == []


def test_most_look_like_their_language() -> None:
    latin = [each for each in made(500) if "田" not in each and "中" not in each]
    endings = [each.endswith(("ski", "wak", "oulos", "giou", "idis")) for each in latin]
    assert np.mean(endings) > 0.5


@given(head=name, tail=name, cut=unit, joint=unit)
def test_a_splice_is_the_beginning_of_one_and_the_end_of_the_other(
    head: str, tail: str, cut: float, joint: float
) -> None:
    spliced = splice(head, tail, cut, joint)
    assert any(
        spliced == head[:i] + tail[j:]
        for i in range(1, len(head) + 1)
        for j in range(1, len(tail) + 1)
    )


@given(each=name, place=unit, change=unit)
def test_a_misspelling_is_one_symbol_away(each: str, place: float, change: float) -> None:
    wrong = misspell(each, place, change, "x")
    assert abs(len(wrong) - len(each)) <= 1
    assert any(
        wrong
        in (each[:i] + each[i + 1 :], each[:i] + "x" + each[i + 1 :], each[:i] + "x" + each[i:])
        for i in range(len(each))
    )
