"""The bootstrap against figures worked out draw by draw, and against a known truth."""

from time import perf_counter

import numpy as np
import pytest

from model.artifact import Language
from pipeline import bootstrap as boot
from pipeline.bootstrap import Answers, Drawn, Rows, bootstrap, interval
from pipeline.evaluate import evaluate

L = 4
LANGUAGES = tuple(Language(code, code) for code in "abcd")


def rows_of(groups: int, random: np.random.Generator, largest: int = 4) -> Rows:
    """Groups of 1 to `largest` rows of one language, rare and common languages among them."""
    sizes = random.integers(1, largest + 1, groups)
    language = random.choice(L, groups, p=[0.5, 0.3, 0.15, 0.05])
    group = np.repeat(np.arange(groups), sizes)
    return Rows(language[group], group, L)


def probabilities(rows: Rows, skill: float, random: np.random.Generator) -> np.ndarray:
    """(N, L) of a model that errs on the rows of a group alike, and on some of them alone."""
    logits = random.normal(size=(rows.groups, L))[rows.group]
    logits += 0.5 * random.normal(size=logits.shape)
    logits[np.arange(len(rows.truth)), rows.truth] += skill
    p = np.exp(logits)
    return np.asarray(p / p.sum(axis=1, keepdims=True), np.float32)


def answers(p: np.ndarray, rows: Rows) -> Answers:
    return Answers(p.argmax(axis=1), p.max(axis=1), p[np.arange(len(p)), rows.truth])


def duel(rows: Rows, skills: tuple[float, float], random: np.random.Generator, **how: int) -> Drawn:
    mine, theirs = (answers(probabilities(rows, skill, random), rows) for skill in skills)
    return bootstrap(rows, mine, theirs, **how)


@pytest.mark.parametrize("block", [2**22, 7 * 60], ids=["at once", "in blocks"])
def test_every_draw_is_what_evaluate_makes_of_the_rows_drawn(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(boot, "_BLOCK", block)
    random = np.random.default_rng(1)
    rows = rows_of(60, random)
    both = [probabilities(rows, skill, random) for skill in (1.0, 2.0)]
    drawn = bootstrap(rows, *(answers(p, rows) for p in both), replicates=20, seed=3)
    picks = np.random.default_rng(3).integers(60, size=(20, 60))
    for figures, observed, p in zip(drawn.draws, drawn.observed, both, strict=True):
        for b, pick in enumerate([*picks, np.arange(60)]):
            chosen = np.concatenate([np.flatnonzero(rows.group == g) for g in pick])
            labels = [LANGUAGES[c].code for c in rows.truth[chosen]]
            quality = evaluate(labels, labels, p[chosen], LANGUAGES)
            for name in ("accuracy", "macro_f1", "log_loss", "ece"):
                value = getattr(observed, name) if b == 20 else getattr(figures, name)[b]
                assert value == pytest.approx(getattr(quality, name), abs=1e-6)
            recall = observed.recall if b == 20 else figures.recall[b]
            for c, language in enumerate(LANGUAGES):
                there = quality.per_language.get(language.code)
                assert np.isnan(recall[c]) if there is None else recall[c] == there.recall


def test_a_language_that_is_no_label_is_an_answer_like_any_wrong_one() -> None:
    rows = Rows(np.array([0, 1]), np.array([0, 1]), 2)
    p = np.array([0.6, 0.6], np.float32)
    drawn = bootstrap(rows, *[Answers(np.array([0, 2]), p, p)] * 2, replicates=10)
    assert drawn.observed[0].accuracy == 0.5
    assert drawn.observed[0].macro_f1 == 0.5


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (
        duel(rows_of(50, np.random.default_rng(0)), (1, 2), np.random.default_rng(1), seed=seed)
        for seed in (5, 5, 6)
    )
    assert (first.draws[0].log_loss == again.draws[0].log_loss).all()
    assert (first.draws[0].log_loss != other.draws[0].log_loss).any()


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    """Of 300 test sets of 250 names: 95 % of the intervals, give or take 2.5 standard errors."""
    random = np.random.default_rng(7)
    names = ("accuracy", "macro_f1", "log_loss")
    skills = (1.5, 1.8)
    truth = duel(rows_of(200_000, random), skills, random, replicates=1)
    held = dict.fromkeys(names, 0)
    for _ in range(300):
        drawn = duel(rows_of(250, random), skills, random, replicates=400)
        for name in names:
            low, high = interval(getattr(drawn.draws[0], name) - getattr(drawn.draws[1], name))
            true = getattr(truth.observed[0], name) - getattr(truth.observed[1], name)
            held[name] += low <= true <= high
    for name, times in held.items():
        assert times / 300 == pytest.approx(0.95, abs=0.032), name


def test_rows_of_one_name_are_no_independent_witnesses() -> None:
    random = np.random.default_rng(2)
    rows = rows_of(400, random)
    both = [answers(probabilities(rows, skill, random), rows) for skill in (1.0, 1.2)]
    alone = Rows(rows.truth, np.arange(len(rows.truth)), L)
    widths = []
    for grouped in (rows, alone):
        mine, theirs = bootstrap(grouped, *both).draws
        low, high = interval(mine.log_loss - theirs.log_loss)
        widths.append(high - low)
    assert widths[0] > 1.3 * widths[1]


def test_a_usual_test_side_takes_well_under_a_second() -> None:
    random = np.random.default_rng(0)
    truth, group = random.integers(36, size=5000), np.arange(5000) // 2
    p = random.random(5000, dtype=np.float32)
    both = [Answers(random.integers(36, size=5000), p, p) for _ in range(2)]
    times = []
    for _ in range(3):
        start = perf_counter()
        bootstrap(Rows(truth, group, 36), *both)
        times.append(perf_counter() - start)
    assert min(times) < 1
