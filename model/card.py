"""The model card: what a model is, what it is good for and what not, from its own record.

After Mitchell et al., Model Cards for Model Reporting, 2019.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

CALIBRATION = "calibration.png"
"""The picture that the card shows, beside it in the report's folder."""

FIGURES = {
    "accuracy": "accuracy",
    "any_valid_accuracy": "any valid label",
    "top3_accuracy": "top 3",
    "macro_f1": "macro-F1",
    "log_loss": "log-loss (nats)",
    "ece": "calibration error",
}
"""The single figures of `metrics.test` in a record, and what tables call them."""

FEW_NAMES, FEW_ROWS = 500, 50
"""Below these a language has little to learn from, or its figures are rough."""

EMBEDDED = {"Faker", "mimesis"}
"""Origins whose lists were drawn up to make test data, not to count people."""


def card(record: Mapping[str, Any], tag: str) -> str:
    """The card of the model `tag` as Markdown, from the content of its `model.json`.

    What the record does not say, the card says is not known.
    """
    sections = (
        f"# Model card: {tag}",
        _what_it_is(record),
        "## Data\n\n" + _data(record["data"]),
        "## Quality\n\n" + _quality(record["metrics"]),
        "## Languages\n\n" + _languages(record),
        "## Use\n\n" + _USE,
        "## Known weaknesses\n\n" + _bullets(_weaknesses(record)),
    )
    return "\n\n".join(sections) + "\n"


_USE = """\
For statistics over many names, for choosing a romanization, a pronunciation or a sorting order, and
for suggesting what a person then confirms.

**Not for deciding about individuals.** A name tells which lists it stands on, not who bears it: not
a person's mother tongue, citizenship, origin, ethnicity or religion. People are named by marriage,
adoption, migration and choice. Do not use it for hiring, lending, housing, insurance, policing,
border control, medical treatment, or to single out people or groups. Many laws treat a guess at
origin as sensitive personal data, however it was made."""


def _what_it_is(record: Mapping[str, Any]) -> str:
    languages, vocabulary = record["languages"], record["vocabulary"]
    hidden = record["training"].get("hidden", "not recorded")
    columns = 2 + len(vocabulary["scripts"]) + len(vocabulary["grams"])
    facts = (
        ("answers", f"a probability for each of {len(languages)} languages, for a family name"),
        ("model", "a vanilla recurrent network: h = tanh(W h + U x), p = softmax(V h)"),
        ("hidden units", hidden),
        ("columns of U", f"{columns:,}: 1- to {vocabulary['order']}-grams of characters, scripts"),
        ("kinds of character met", ", ".join(vocabulary["scripts"])),
        ("temperature", f"{record['temperature']:.3f}, fitted on validation names"),
        ("gate", _verdict(record["metrics"])),
        ("SHA-256 of the weights", f"`{record['weights_sha256']}`"),
    )
    return _table(("", ""), facts)


def _verdict(metrics: Mapping[str, Any]) -> str:
    gate = metrics.get("gate")
    if gate is None:
        return "never judged"
    return f"{'accepted' if gate['accepted'] else 'refused'}: {'; '.join(gate['reasons'])}"


def _data(data: Mapping[str, Any]) -> str:
    if not data:
        return "The record does not say what the model was trained on."
    origins = [
        (o["name"], o["version"], o["licence"] or "not stated", o["note"]) for o in data["origins"]
    ]
    rows = ", ".join(f"{count:,} {side}" for side, count in data["rows"].items())
    return (
        _table(("source", "version", "licence", ""), origins)
        + f"\n\nRows, one for each pair of name and language: {rows}. Sides share no name and no"
        + f" variant of one. SHA-256 of the cleaned table: `{data['sha256']}`."
    )


def _quality(metrics: Mapping[str, Any]) -> str:
    if "test" not in metrics:
        return "The model was never judged on test names."
    test, baseline = metrics["test"], metrics.get("baseline", {})
    figures = [
        (label, _share(test[key]), _share(baseline.get(key))) for key, label in FIGURES.items()
    ]
    return "\n\n".join(
        (
            f"On {test['n']:,} test rows, of names that training never saw, nor their variants.",
            _table(("", "this model", "n-gram baseline"), figures),
            f"![How often the first answer is right, by its probability]({CALIBRATION})",
        )
    )


def _languages(record: Mapping[str, Any]) -> str:
    """Every class, with what the record knows of its names and of its quality on test names."""
    counts = record["data"].get("languages", {})
    quality = record["metrics"].get("test", {}).get("per_language", {})
    rows = [
        (
            language["name"],
            language["code"],
            *(counts.get(language["code"], {}).get(key, "") for key in ("names", "records")),
            *(
                _share(quality.get(language["code"], {}).get(k))
                for k in ("precision", "recall", "f1")
            ),
            quality.get(language["code"], {}).get("n", 0),
        )
        for language in record["languages"]
    ]
    titles = ("language", "code", "names", "records", "precision", "recall", "F1", "test rows")
    return _table(titles, rows)


def _weaknesses(record: Mapping[str, Any]) -> Iterable[str]:
    data, metrics = record["data"], record["metrics"]
    yield (
        f"It knows {len(record['languages'])} languages, and shares every name out among them,"
        " whatever language it is from."
    )
    if EMBEDDED & {origin["name"] for origin in data.get("origins", ())}:
        yield (
            "The embedded lists are no census: they were drawn up to make test data, hold common"
            " names rather than all, and some names stand on the list of a country they came to."
        )
    if data:
        yield _prior(data["languages"])
    few = [
        f"{code} ({count['names']})"
        for code, count in _sorted(data.get("languages", {}), "names")
        if count["names"] < FEW_NAMES
    ]
    if few:
        yield f"Fewer than {FEW_NAMES} names, training and test together: {', '.join(few)}."
    if "test" in metrics:
        yield from _weak_spots(metrics["test"])
    confused = metrics.get("confused", ())
    if confused:
        pairs = (f"{c['true']} taken for {c['answered']} ({c['share']:.0%})" for c in confused)
        yield f"Most confused, as shares of the true language's names: {', '.join(pairs)}."


def _prior(languages: Mapping[str, Any]) -> str:
    total = sum(count["names"] for count in languages.values())
    *_, (code, most) = _sorted(languages, "names")
    return (
        f"How likely it holds a language to be follows from the lists: {code} has"
        f" {most['names'] / total:.0%} of the names. Where the people are others, give a prior."
    )


def _weak_spots(test: Mapping[str, Any]) -> Iterable[str]:
    languages = test["per_language"]
    worst = [
        f"{q['name']} (F1 {q['f1']:.2f}, finds {q['recall']:.0%})"
        for _, q in _sorted(languages, "f1")[:5]
    ]
    yield f"Weakest languages: {', '.join(worst)}."
    rough = [f"{code} ({q['n']})" for code, q in _sorted(languages, "n") if q["n"] < FEW_ROWS]
    if rough:
        yield f"Fewer than {FEW_ROWS} test rows, so their figures are rough: {', '.join(rough)}."
    shared = test["any_valid_accuracy"] - test["accuracy"]
    if shared > 0:
        yield (
            f"Names belong to several languages: {shared:.1%} of the answers are counted wrong"
            " though another row of the same name says they are right."
        )


def _sorted(fields: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    return sorted(fields.items(), key=lambda item: item[1][key])


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(value: object) -> str:
    """A value that cannot end its cell.

    >>> _cell("a|b")
    'a\\\\|b'
    """
    return " ".join(str(value).replace("|", "\\|").split())


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
