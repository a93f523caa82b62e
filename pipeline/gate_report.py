"""The gate's decision for people: tables and sentences from what a record holds of it.

Everything is read from JSON values, so that a stored model of long ago shows what it has.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from model.card import FIGURES
from model.evidence import display
from pipeline.changes import Changed

LANGUAGES = 5
"""How many of the languages that gained or lost most are told."""

FIGURE_TITLES = ("on the same test rows", "challenger", "champion", "difference", "95 % interval")
NAME_TITLES = ("name", "labels", "champion", "challenger", "right before", "right now")


def figures(duel: Mapping[str, Any]) -> list[list[str]]:
    """A row for each figure: both models', their difference and its interval."""
    return [
        [
            FIGURES[name],
            f"{figure['challenger']:.3f}",
            f"{figure['champion']:.3f}",
            f"{figure['challenger'] - figure['champion']:+.3f}",
            f"{figure['low']:+.3f} to {figure['high']:+.3f}",
        ]
        for name, figure in duel["figures"].items()
    ]


def facts(contest: Mapping[str, Any]) -> dict[str, str]:
    """What else a record holds of a contest, by title; empty where it is of an older version."""
    found: dict[str, str] = {}
    if duel := contest.get("duel"):
        found |= _of_duel(duel)
    if "bytes" in contest:
        found["size"] = _against(contest["bytes"], lambda size: f"{size / 1e6:.1f} MB")
    if race := contest.get("race"):
        found["one name"] = _against(race, lambda speed: f"{speed['one_name_ms']:.2f} ms")
        found["batch, one thread"] = _against(
            race, lambda speed: f"{speed['names_per_second']:,.0f} names/s"
        )
        if race["one_name_ratio"] is not None:
            found["one name"] += f", {race['one_name_ratio']:.2f} times the time"
            found["batch, one thread"] += f", {race['batch_ratio']:.2f} times the time"
    return found


def names(examples: Iterable[Changed]) -> list[list[str]]:
    """A row for each name whose answer changed."""
    return [
        [
            display(name.name),
            ", ".join(name.labels),
            name.before,
            name.after,
            f"{name.right_before:.0%}",
            f"{name.right_after:.0%}",
        ]
        for name in examples
    ]


def markdown(gate: Mapping[str, Any], examples: Sequence[Changed] = ()) -> str:
    """All of a decision, `metrics.gate` of a record, with the names that may be shown."""
    parts = [
        f"# Gate: {'accepted' if gate['accepted'] else 'refused'}",
        "\n".join(f"- {reason}" for reason in gate["reasons"]),
    ]
    duel = gate.get("duel")
    if duel and duel["figures"]:
        parts.append(_table(FIGURE_TITLES, figures(duel)))
    parts.append(_table(("", ""), [list(fact) for fact in facts(gate).items()]))
    if examples:
        parts += [
            "## Names whose answer changed",
            "Those whose right answer became least probable come first.",
            _table(NAME_TITLES, names(examples)),
        ]
    return "\n\n".join(parts) + "\n"


def _of_duel(duel: Mapping[str, Any]) -> dict[str, str]:
    left_out = f"{duel['trained_on']:,} trained on, {duel['unknown']:,} of labels not known to both"
    found = {
        "champion": duel["champion"],
        "compared on": f"{duel['rows']:,} rows, {duel['names']:,} names with their spellings",
        "left out": left_out + ("" if duel["evidence"] else "; the champion has no evidence"),
        "languages gone": ", ".join(duel["gone"]),
        "languages new": ", ".join(duel["new"]),
    }
    moved = sorted(duel["languages"].items(), key=lambda item: _moved(item[1]))
    found["recall lost"] = _recalls(i for i in moved[:LANGUAGES] if _moved(i[1]) < 0)
    found["recall won"] = _recalls(i for i in moved[: -LANGUAGES - 1 : -1] if _moved(i[1]) > 0)
    if changed := duel["changes"]:
        pairs = (f"{p['before']} to {p['after']} {p['n']}" for p in changed["pairs"][:LANGUAGES])
        found["answers changed"] = (
            f"{changed['changed']:,} of {changed['names']:,} names, {changed['lost']:,} no longer "
            f"right, {changed['won']:,} newly right"
        )
        found["most often"] = ", ".join(pairs)
    return {title: value for title, value in found.items() if value}


def _moved(recall: Mapping[str, Any]) -> float:
    return float(recall["challenger"] - recall["champion"])


def _recalls(languages: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    return ", ".join(f"{code} {_moved(r):+.2f} ({r['rows']} rows)" for code, r in languages)


def _against(both: Mapping[str, Any], text: Callable[[Any], str]) -> str:
    """The challenger's, and the champion's where there is one."""
    if both["champion"] is None:
        return text(both["challenger"])
    return f"{text(both['challenger'])} against {text(both['champion'])}"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Text that cannot end its cell."""
    return text.replace("|", "\\|")
