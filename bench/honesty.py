"""`python -m bench.honesty --model DIR --split DIR`: does the model know what it doesn't know?

The threshold of familiarity comes from real validation names alone, so no noise has chosen it.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.noise import SHUFFLED, noise
from bench.report import Table
from model.classifier import Classifier
from model.conformal import Conformal
from model.context import EACH, Context, training_prior
from model.familiarity import Reading
from model.text import normalise_all, script
from model.verdict import JUDGEMENTS, LEAST_FAMILIARITY, judge
from pipeline.calibrate import Calibration, calibrate
from pipeline.evaluate import calibration_error
from pipeline.table import NameTable

NOISE = 1000  # strings of each kind
HALVES = 100
DRAWS = 100
FREQUENT = 2000
COVERAGES = (0.8, 0.9, 0.95)
BY_HAND = ("xqzv", "qwerty", "asdfgh", "zzzzz", "aaaaaaa", "12ab", "qwertz", "lkjhgf", "xxxx")


def measure(model: Path, split: Path) -> Iterator[Table]:
    """Calibrate on training and validation names, then judge test names and noise."""
    classifier = Classifier.load(model)
    sides = {
        side: NameTable.read(split / f"{side}.parquet") for side in ("train", "validation", "test")
    }
    calibration = calibrate(classifier, sides["train"], sides["validation"])
    test = sides["test"]
    names = sorted(set(test.name))
    yield flagged_names(classifier, calibration, names)
    yield flagged_noise(classifier, calibration, names)
    yield coverage(classifier, calibration, test)
    yield coverage_again(classifier, calibration, sides["validation"], test)
    yield verdicts(classifier, calibration, test)
    yield calibration_floor(classifier, test)
    yield worlds(classifier, test)
    yield remembered(classifier, sides["train"])


def flagged_names(classifier: Classifier, calibration: Calibration, names: Sequence[str]) -> Table:
    """How many real names that the model has not seen count as unknown: by script, by length."""
    unknown = strange(read(calibration, names))
    scripts = np.array([script(name[0]) for name in names])
    lengths = np.array([len(name) for name in names])
    parts = {"all": np.ones(len(names), bool)}
    parts |= {s: scripts == s for s in sorted(set(scripts.tolist()))}
    latin = scripts == "LATIN"
    parts |= {f"LATIN, {n} letters": latin & (lengths == n) for n in range(2, 8)}
    parts |= {"LATIN, 8 letters or more": latin & (lengths >= 8)}
    rows: list[dict[str, str | float]] = [
        {"real test names": part, "names": int(of.sum()), "flagged": float(unknown[of].mean())}
        for part, of in parts.items()
        if of.any()
    ]
    return Table(
        f"Familiarity below {LEAST_FAMILIARITY} (or mixed, or unreadable)",
        {"real test names": "", "names": "d", "flagged": ".1%"},
        rows,
    )


def flagged_noise(classifier: Classifier, calibration: Calibration, names: Sequence[str]) -> Table:
    """How many strings that are no names count as unknown, by kind."""
    random = np.random.default_rng(20)
    rows: list[dict[str, str | float]] = []
    for kind, make in noise(names).items():
        strings = sorted({make(random) for _ in range(NOISE)} - set(names))
        share = float(strange(read(calibration, strings)).mean())
        rows.append({"noise": kind, "strings": len(strings), "flagged": share})
    by_hand = strange(read(calibration, BY_HAND)).mean()
    rows.append({"noise": "by hand", "strings": len(BY_HAND), "flagged": float(by_hand)})
    mean = np.mean([float(row["flagged"]) for row in rows if row["noise"] != SHUFFLED])
    rows.append({"noise": f"mean of kinds, less {SHUFFLED}", "flagged": float(mean)})
    return Table("Noise", {"noise": "", "strings": "d", "flagged": ".1%"}, rows)


def coverage(classifier: Classifier, calibration: Calibration, test: NameTable) -> Table:
    """How often the conformal set holds the row's label, and how large it is."""
    truth = classes(classifier, test)
    probabilities = classifier.probabilities(test.name)
    group = np.array(calibration.conformal.groups)[truth]
    titles = {g: f"group {g} (n={n})" for g, n in enumerate(np.bincount(group)) if n}
    rows = []
    for nominal in COVERAGES:
        sets = calibration.conformal.sets(probabilities, nominal)
        hit = sets[np.arange(len(truth)), truth]
        by_language = [hit[truth == c].mean() for c in set(truth.tolist())]
        rows.append(
            {"nominal": nominal, "covered": float(hit.mean()), "size": float(sets.sum(1).mean())}
            | {"single": float((sets.sum(1) == 1).mean()), "worst": float(min(by_language))}
            | {title: float(hit[group == g].mean()) for g, title in titles.items()}
        )
    accuracy = (probabilities.argmax(1) == truth).mean()
    columns = {"nominal": ".2f", "covered": ".3f", "size": ".2f", "single": ".0%", "worst": ".2f"}
    return Table(
        "Conformal sets, test rows by label",
        columns | dict.fromkeys(titles.values(), ".3f"),
        rows,
        "group 0: the languages of fewest training names, with their test rows; single: sets of\n"
        "one language; worst: the least covered language. No set is empty, so none covers less\n"
        f"than the top answer alone: {accuracy:.3f}.",
    )


def coverage_again(
    classifier: Classifier, calibration: Calibration, validation: NameTable, test: NameTable
) -> Table:
    """Coverage when validation and test names are shared out anew, many times."""
    sides = (validation, test)
    probabilities = classifier.probabilities([name for side in sides for name in side.name])
    truth = np.concatenate([classes(classifier, side) for side in sides])
    # Names of one group stay together, as in the split.
    _, kin = np.unique(np.concatenate([side.group for side in sides]), return_inverse=True)
    group = np.array(calibration.conformal.groups)
    random = np.random.default_rng(21)
    rows: list[dict[str, str | float]] = []
    for nominal in COVERAGES:
        runs = []
        for _ in range(HALVES):
            half = (random.random(kin.max() + 1) < 0.5)[kin]
            again = Conformal.fit(probabilities[half], truth[half], calibration.conformal.groups)
            rest = truth[~half]
            hit = again.sets(probabilities[~half], nominal)[np.arange(len(rest)), rest]
            runs.append([hit.mean(), *(hit[group[rest] == g].mean() for g in set(group.tolist()))])
        for what, values in (("mean", np.mean(runs, axis=0)), ("± 1 sd", np.std(runs, axis=0))):
            by_group = {f"group {g}": float(value) for g, value in enumerate(values[1:])}
            rows.append({"nominal": nominal, "": what, "covered": float(values[0]), **by_group})
    columns = {"nominal": ".2f", "": "", "covered": ".3f"}
    return Table(
        f"Coverage over {HALVES} random halves of validation and test rows",
        columns | {f"group {g}": ".3f" for g in sorted(set(group.tolist()))},
        rows,
    )


def verdicts(classifier: Classifier, calibration: Calibration, test: NameTable) -> Table:
    """How often each verdict falls, and how often the top answer is the row's label then."""
    probabilities = classifier.probabilities(test.name)
    sets = calibration.conformal.sets(probabilities)
    judgements = judge(read(calibration, test.name), sets)
    codes = np.array([language.code for language in classifier.languages])
    right = codes[probabilities.argmax(axis=1)] == np.array(test.language)
    rows: list[dict[str, str | float]] = []
    for place, (verdict, reason) in enumerate(JUDGEMENTS):
        of = judgements == place
        if of.any():
            share, accuracy = float(of.mean()), float(right[of].mean())
            rows.append({"verdict": verdict, "reason": reason, "share": share, "right": accuracy})
    columns = {"verdict": "", "reason": "", "share": ".1%", "right": ".1%"}
    return Table("Verdicts on test rows, sets of coverage 0.9", columns, rows)


def calibration_floor(classifier: Classifier, test: NameTable) -> Table:
    """The calibration error beside that of answers which are right exactly as often as they say.

    Those have one too, by chance, and the larger the fewer the rows.
    """
    probabilities = classifier.probabilities(test.name)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == classes(classifier, test)
    random = np.random.default_rng(22)
    rows: list[dict[str, str | float]] = []
    for n in (len(test), len(test) // 2, len(test) // 4):
        found, floor = [], []
        for _ in range(DRAWS):
            some = random.permutation(len(test))[:n]
            found.append(calibration_error(confidence[some], right[some]))
            fair = random.random(n) < confidence[some]
            floor.append(calibration_error(confidence[some], fair))
        rows.append({"rows": n, "found": float(np.mean(found)), "perfect": float(np.mean(floor))})
    return Table(
        f"Expected calibration error, mean of {DRAWS} draws of rows",
        {"rows": "d", "found": ".4f", "perfect": ".4f"},
        rows,
    )


def worlds(classifier: Classifier, test: NameTable) -> Table:
    """What is found with the shares of training for a prior, and with all languages as frequent."""
    truth, probabilities = classes(classifier, test), classifier.probabilities(test.name)
    shares = training_prior(classifier.artifact)
    rows: list[dict[str, str | float]] = []
    for title, prior in (("as in training", None), ("each the same", {EACH: 1.0})):
        context = Context.of(classifier.languages, shares, prior=prior)
        right = context.adjust(probabilities).argmax(axis=1) == truth
        recall = {classifier.languages[c].code: right[truth == c].mean() for c in set(truth)}
        worst = min(recall, key=recall.__getitem__)
        rows.append(
            {"prior": title, "right": float(right.mean()), "evenly": np.mean(list(recall.values()))}
            | {"least": float(recall[worst]), "of": worst}
        )
    columns = {"prior": "", "right": ".1%", "evenly": ".1%", "least": ".1%", "of": ""}
    return Table(
        "First answers by prior, test rows",
        columns,
        rows,
        "right: where languages are as frequent as in the test rows; evenly: where each is as\n"
        "frequent as the others, the mean of their recalls, of which the least is the last column",
    )


def remembered(classifier: Classifier, training: NameTable) -> Table:
    """How many training names have one of their own languages for a first answer."""
    records: Counter[str] = Counter()
    for name, count in zip(training.name, training.count.tolist(), strict=True):
        records[name] += count
    names = [name for name, _ in records.most_common()]
    first = classifier.probabilities(names).argmax(axis=1).tolist()
    labels = set(zip(training.name, training.language, strict=True))
    own = [
        (name, classifier.languages[c].code) in labels for name, c in zip(names, first, strict=True)
    ]
    rows: list[dict[str, str | float]] = [
        {"training names": which, "names": len(part), "own": float(np.mean(part))}
        for which, part in (("all", own), ("of the most records", own[:FREQUENT]))
    ]
    return Table(
        "Training names whose first answer is a language of their own",
        {"training names": "", "names": "d", "own": ".1%"},
        rows,
    )


def classes(classifier: Classifier, table: NameTable) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """(R,) the class of each row's label."""
    class_of = {language.code: c for c, language in enumerate(classifier.languages)}
    return np.array([class_of[language] for language in table.language], np.int64)


def read(calibration: Calibration, names: Sequence[str]) -> Reading:
    """How strings look as they are typed."""
    return calibration.familiarity.of(normalise_all(names))


def strange(reading: Reading) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(N,) whether the verdict is "unknown"."""
    return np.asarray(reading.familiarity < LEAST_FAMILIARITY)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.honesty", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="an artifact's directory")
    parser.add_argument(
        "--split", type=Path, required=True, help="its train|validation|test.parquet"
    )
    arguments = parser.parse_args(argv)
    for table in measure(arguments.model, arguments.split):
        print(f"\n{table.text()}", flush=True)


if __name__ == "__main__":
    main()
