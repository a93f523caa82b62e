"""Drift from counts alone: distances, chance, windows, and what counts as drift."""

import json
import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from model import tally
from model.classifier import Classifier
from pipeline import windows
from pipeline.cli_drift import seconds
from pipeline.divergence import chance, divergence
from pipeline.drift import THRESHOLDS, Against, Comparison, Finding, Report, compare
from pipeline.standard import standardise
from pipeline.textfile import (
    FAILED,
    SUCCEEDED,
    TRAINING,
    training_failed,
    training_succeeded,
    write_drift,
)
from pipeline.watch import to_ask
from pipeline.windows import History, Snapshot, latest

HOUR = 3600.0


# Distances


def brute_force(first: list[int], second: list[int]) -> float:
    """Half of each distribution's Kullback-Leibler divergence from their mean."""
    P = [x / sum(first) for x in first]
    Q = [x / sum(second) for x in second]
    M = [(p + q) / 2 for p, q in zip(P, Q, strict=True)]
    halves = [sum(a * math.log2(a / m) for a, m in zip(A, M, strict=True) if a > 0) for A in (P, Q)]
    return sum(halves) / 2


def test_the_divergence_is_the_textbooks() -> None:
    random = np.random.default_rng(1)
    for K in (2, 3, 13, 40):
        first, second = (random.integers(0, 50, K).tolist() for _ in range(2))
        first[0], second[-1] = 1, 1
        assert divergence(first, second) == pytest.approx(brute_force(first, second), abs=1e-12)
        assert divergence(first, second) == pytest.approx(divergence(second, first), abs=1e-15)


def test_it_is_0_for_equal_shares_and_1_for_disjoint_ones() -> None:
    assert divergence([1, 2, 3], [10, 20, 30]) == pytest.approx(0, abs=1e-12)
    assert divergence([4, 0, 0], [0, 1, 2]) == pytest.approx(1)


def test_small_differences_are_the_population_stability_index_by_8_ln_2() -> None:
    P, Q = np.array([0.3, 0.3, 0.4]), np.array([0.32, 0.29, 0.39])
    index = ((P - Q) * np.log(P / Q)).sum()
    assert divergence(P, Q) == pytest.approx(index / (8 * math.log(2)), rel=0.01)


@pytest.mark.parametrize(("n", "m"), [(200, 200), (300, 5000), (5000, 5000)])
@pytest.mark.parametrize("shares", [[0.95, 0.05], [0.3, 0.3, 0.2, 0.1, 0.05, 0.03, 0.01, 0.01]])
def test_chance_exceeds_its_level_once_in_a_hundred(n: int, m: int, shares: list[float]) -> None:
    random = np.random.default_rng(2)
    first, second = (np.multiply(shares, size).round().astype(int) for size in (n, m))
    level = chance(first, second, (n, m))
    pairs = zip(
        random.multinomial(n, shares, 4000), random.multinomial(m, shares, 4000), strict=True
    )
    beyond = np.mean([divergence(first, second) > level for first, second in pairs])
    assert 0.004 < beyond < 0.018


def test_chance_is_repeatable_and_shrinks_with_the_names() -> None:
    few, many = (chance([0.9, 0.1], [90, 10], (n, n)) for n in (100, 10_000))
    assert few == chance([9, 1], [0.9, 0.1], (100, 100))
    assert many < few / 50


# What is drift


def counts(
    unknown: int = 48, told: int = 952, *, strange: int = 5, unlearned: int = 3, pl: float = 0.5
) -> windows.Counts:
    polish = round(pl * told)
    rest = unknown + told - strange
    return {
        "languages": {"pl": polish, "ru": told - polish},
        "verdicts": {"unknown": unknown, "confident": told},
        "familiarity": {"0.01": strange, "0.5": rest // 2, "1": rest - rest // 2},
        "symbols": {"learned": 6 * (unknown + told) - unlearned, "unlearned": unlearned},
    }


def findings(
    window: tally.Tally, other: tally.Tally, against: Against = Against.REFERENCE
) -> dict[str, Finding]:
    return {c.feature: c.finding for c in compare(window, other, against)}


def test_the_same_shares_are_steady() -> None:
    found = findings(counts(), counts(4 * 48, 4 * 952, strange=20, unlearned=12))
    assert found.pop("languages") is Finding.INFORMATION
    assert set(found.values()) == {Finding.STEADY}


def test_names_that_the_model_does_not_know_are_drift() -> None:
    found = findings(counts(200, 800, strange=200, unlearned=600), counts())
    assert found.pop("languages") is Finding.INFORMATION
    assert set(found.values()) == {Finding.DRIFT}


def test_names_known_better_than_the_references_are_none() -> None:
    found = findings(counts(), counts(200, 800, strange=200, unlearned=600))
    assert found.pop("languages") is Finding.INFORMATION
    assert set(found.values()) == {Finding.BETTER}
    before = findings(counts(), counts(200, 800, strange=200, unlearned=600), Against.BEFORE)
    assert before.pop("languages") is Finding.STEADY
    assert set(before.values()) == {Finding.DRIFT}


def test_other_languages_are_drift_only_against_the_window_before() -> None:
    moved = counts(pl=0.9)
    assert findings(moved, counts())["languages"] is Finding.INFORMATION
    assert findings(moved, counts(), Against.BEFORE)["languages"] is Finding.DRIFT


def test_whether_an_answer_is_confident_is_up_to_the_caller() -> None:
    other = counts() | {"verdicts": {"unknown": 48, "ambiguous": 900, "confident": 52}}
    assert findings(counts(), other)["verdicts"] is Finding.STEADY


def test_a_tenth_of_noise_is_the_threshold_of_verdicts() -> None:
    unknown = round(0.9 * 480 + 0.966 * 1000)  # README.md: 96.6 % of noise is unknown
    window = counts(unknown, 10_000 - unknown)
    [_, verdicts, *_] = compare(window, counts(480, 9520), Against.REFERENCE)
    assert verdicts.distance == pytest.approx(THRESHOLDS["verdicts"], rel=0.05)


@pytest.mark.parametrize("against", Against)
def test_of_few_names_nothing_is_said(against: Against) -> None:
    for window in (counts(4, 60, strange=1, unlearned=0), counts(50, 0, strange=50)):
        found = findings(window, counts(), against)
        assert set(found.values()) <= {Finding.TOO_FEW, Finding.INFORMATION}
    few = counts(5, 95, strange=1)
    assert findings(few, few, against)["verdicts"] is Finding.TOO_FEW
    assert findings(counts(40, 60, strange=1), few, against)["verdicts"] is Finding.DRIFT


def test_a_name_in_letters_never_seen_counts_once_however_long() -> None:
    [*_, symbols] = compare(counts(told=252, strange=1, unlearned=0), counts(), Against.REFERENCE)
    ours, theirs = (list(side.values()) for side in (symbols.window, symbols.other))
    per_character = chance(ours, theirs, (6 * 300, 6 * 1000))
    assert symbols.chance > per_character


def test_nothing_but_unknown_names_leaves_no_language_to_compare() -> None:
    found = findings(counts(500, 0, strange=500), counts(), Against.BEFORE)
    assert found["languages"] is Finding.TOO_FEW
    assert found["verdicts"] is Finding.DRIFT


# What the reference comes to in other languages


def of_language(code: str, unknown: int, told: int, unlearned: int) -> windows.Counts:
    return {
        "languages": {code: told},
        "verdicts": {"unknown": unknown, "confident": told},
        "familiarity": {"0.01": unknown, "1": told},
        "symbols": {"learned": 5 * (unknown + told) - unlearned, "unlearned": unlearned},
    }


REFERENCE = {"pl": of_language("pl", 10, 390, 0), "zh": of_language("zh", 20, 80, 50)}


def test_of_its_own_languages_the_reference_is_the_sum() -> None:
    found = standardise(REFERENCE, {"pl": 390, "zh": 80})

    assert found["languages"] == {"pl": 390, "zh": 80}
    assert found["verdicts"] == pytest.approx({"unknown": 30, "confident": 470})
    assert found["symbols"] == pytest.approx({"learned": 2450, "unlearned": 50})
    again = standardise(REFERENCE, {})
    assert again["familiarity"] == pytest.approx(found["familiarity"])


def test_of_one_language_it_is_that_languages_names() -> None:
    found = standardise(REFERENCE, {"zh": 1234})

    assert found["verdicts"] == pytest.approx({"unknown": 20, "confident": 80})
    assert found["symbols"]["unlearned"] == pytest.approx(50)


def test_of_another_mixture_it_is_worth_fewer_names() -> None:
    found = standardise(REFERENCE, {"pl": 390, "zh": 320})  # half of 800 names each

    worth = 1 / (0.25 / 400 + 0.25 / 100)
    assert sum(found["verdicts"].values()) == pytest.approx(worth)
    assert found["verdicts"]["unknown"] == pytest.approx(worth * (0.5 * 0.025 + 0.5 * 0.2))
    elsewhere = standardise(REFERENCE, {"th": 100})
    assert elsewhere["verdicts"] == pytest.approx({"unknown": 30, "confident": 470})


def test_names_of_one_language_are_no_drift_though_the_sum_is_far_from_them() -> None:
    window = of_language("zh", 200, 800, 500)
    all_names = standardise(REFERENCE, {})
    assert findings(window, all_names)["verdicts"] is Finding.DRIFT
    found = compare(window, standardise(REFERENCE, window["languages"]), Against.REFERENCE)
    assert [c.distance for c in found[1:]] == pytest.approx([0, 0, 0], abs=1e-12)


# Windows


def snapshot(
    hours: float, names: int, *, model: str = "m1", started: float = 0, alone: bool = True
) -> Snapshot:
    return Snapshot(hours * HOUR, started * HOUR, model, alone, counts(names, 0, strange=0))


def window(*snapshots: Snapshot, hours: float = 24) -> tuple[float, float]:
    """Where the latest window begins, in hours, and how many names it has."""
    found, _ = latest(snapshots, hours * HOUR)
    return found.since / HOUR, found.counts["verdicts"].get("unknown", 0)


def test_the_first_window_begins_with_the_service() -> None:
    assert window(snapshot(5, 100, started=2)) == (2, 100)
    assert window(snapshot(5, 100), snapshot(10, 150)) == (0, 150)


def test_a_window_begins_with_the_newest_snapshot_that_is_old_enough() -> None:
    history = [snapshot(hour, 10 * hour) for hour in range(1, 73)]
    assert window(*history) == (49, 230)  # a twentieth may be missing
    assert window(*history, hours=2) == (70, 20)


def test_the_window_before_ends_where_this_one_begins() -> None:
    history = [snapshot(hour, hour * hour) for hour in range(0, 73, 12)]
    now, earlier = latest(history, 24 * HOUR)
    before, rest = latest(earlier, 24 * HOUR)
    assert (before.since, before.until, now.since) == (24 * HOUR, 48 * HOUR, 48 * HOUR)
    assert before.counts["verdicts"]["unknown"] == 48**2 - 24**2
    assert [s.at / HOUR for s in rest] == [0, 12, 24]


def test_counters_that_fell_began_anew() -> None:
    history = [snapshot(0, 1000), snapshot(10, 1100), snapshot(20, 30), snapshot(30, 50)]
    assert window(*history, hours=28) == (0, 150)


def test_a_restart_is_told_by_its_time_where_no_counter_fell() -> None:
    history = [snapshot(0, 100), snapshot(20, 300, started=1), snapshot(30, 500, started=1)]
    assert window(*history, hours=28) == (0, 500)


def test_another_model_begins_a_window_of_its_own() -> None:
    old = [snapshot(hour, 100 * hour) for hour in range(0, 40)]
    first = snapshot(40, 4010, model="m2", alone=False)
    assert window(*old, first)[1] == 0
    assert window(*old, first, snapshot(50, 4100, model="m2", alone=False)) == (40, 90)
    back = snapshot(60, 5000, alone=False)
    assert window(*old, first, back)[1] == 0
    assert window(*old, back)[1] == 0, "m2 was served in between, unseen by any snapshot"
    restarted = snapshot(61, 7, model="m2", started=60.5)
    assert window(*old, first, restarted) == (40, 7)


def test_a_history_is_kept_whole_and_what_is_old_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "it.json"
    assert windows.read(path) == History()
    history = History([snapshot(hour, 1) for hour in range(0, 24 * 30, 4)], {"m1": 5.0})
    windows.write(path, history)
    read = windows.read(path)
    assert read.asked == {"m1": 5.0}
    assert read.snapshots == history.snapshots[-len(read.snapshots) :]
    assert (read.snapshots[-1].at - read.snapshots[0].at) == windows.KEPT
    windows.write(path, History([snapshot(i / 60, 1) for i in range(5000)]))
    assert len(windows.read(path).snapshots) < windows.MOST * 6
    path.write_text("{")
    with pytest.raises(ValueError, match=r"it\.json holds no snapshots"):
        windows.read(path)


def test_those_who_look_at_once_lose_nothing_and_one_of_them_asks(home: Path) -> None:
    url = "http://127.0.0.1:3000"
    windows.path_of(url).parent.mkdir(parents=True)
    windows.write(windows.path_of(url), History([snapshot(0, 1)]))

    def look(i: int) -> bool:
        with windows.changing(windows.path_of(url)) as history:
            history.snapshots.append(snapshot(len(history.snapshots), i))
        return to_ask(url, "m1", 24 * HOUR)

    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(look, range(40)))

    assert sum(asked) == 1
    assert len(windows.read(windows.path_of(url)).snapshots) == 41
    assert to_ask(url, "m2", 24 * HOUR)


@pytest.mark.parametrize(("given", "expected"), [("90s", 90), ("1.5h", 5400), ("7d", 604_800)])
def test_lengths_of_time(given: str, expected: float) -> None:
    assert seconds(given) == expected
    with pytest.raises(ValueError, match="expected one like 30m"):
        seconds(f"{given}!")


# What is counted, and what is left for alerts


def test_the_reference_counts_each_name_once_per_feature(artifact: Path) -> None:
    classifier = Classifier.load(artifact)
    names = ["Kowalski", "Tanaka", "xqzvxqzvwq", "12345", "Kowalskiж", "Nowak"]

    found = tally.reference(classifier, names)

    judged = classifier.judge(names)
    best = [classifier.languages[c].code for c in judged.probabilities.argmax(axis=1)]
    whole = tally.tally(classifier.vocabulary, names, best, judged)
    for feature in tally.FEATURES:
        summed: Counter[str] = Counter()
        for own in found.values():
            summed.update(own[feature])
        assert summed == whole[feature]
    assert found.keys() == set(best)
    assert sum(whole["familiarity"].values()) == len(names)
    assert sum(whole["languages"].values()) == len(names) - whole["verdicts"]["unknown"]
    assert whole["symbols"]["unlearned"] >= 5
    assert sum(whole["symbols"].values()) == sum(map(len, names))
    record = json.loads((artifact / "model.json").read_text())
    assert all(own.keys() == set(tally.FEATURES) for own in record["reference"].values())


def gauges(path: Path) -> dict[str, float]:
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(path.read_text())
        for sample in family.samples
    }


def test_alerts_can_compare_the_distance_with_its_limit(tmp_path: Path) -> None:
    def comparison(feature: str, distance: float, finding: Finding) -> Comparison:
        return Comparison(feature, distance, 0.02, 0.01, finding, {}, {})

    comparisons = (
        comparison("languages", 0.5, Finding.INFORMATION),
        comparison("verdicts", 0.1, Finding.DRIFT),
        comparison("familiarity", 0.015, Finding.STEADY),
        comparison("symbols", 0.1, Finding.BETTER),
    )
    report = Report("", "m", Against.REFERENCE, "", "", 500, 900, comparisons)
    write_drift(report, tmp_path / "drift.prom")

    found = gauges(tmp_path / "drift.prom")
    assert found["namelang_drift_names"] == 500
    drifted = {
        feature
        for feature in tally.FEATURES
        if found[f"namelang_drift{feature}"] > found[f"namelang_drift_threshold{feature}"]
    }
    assert drifted == {"verdicts"}


def test_the_end_of_a_training_is_left_beside_the_last_other_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training_failed(None, None, None)
    path = tmp_path / "training.prom"
    monkeypatch.setenv(TRAINING, str(path))

    training_failed(None, None, None)
    failed = gauges(path)
    training_succeeded(None, None, None)
    both = gauges(path)

    assert failed.keys() == {FAILED}
    assert both[SUCCEEDED] >= both[FAILED] == failed[FAILED] > 1.7e9
