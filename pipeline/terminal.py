"""What the command line prints: tables and bars for people, JSON for machines."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from model.answer import Answer, LanguageProbability
from model.artifact import Language
from model.evidence import describe
from pipeline import gate_report
from pipeline.changes import Changed

BAR = 40  # characters of a bar for a probability of 1

REASONS = {
    "one_language": "one language",
    "several_languages": "several languages are possible",
    "unfamiliar_spelling": "no training name looks like this",
    "mixed_scripts": "it mixes scripts as no training name does",
    "unreadable_script": "no letter is of a script that the model knows",
}


def print_answer(answer: Answer, languages: Sequence[Language]) -> None:
    """A name, its verdict and a bar for each language; of an explanation also what it rests on."""
    names = {language.code: language.name for language in languages}
    print(f"{answer['name']}: {answer['verdict']}, {REASONS[answer['reason']]}")
    for language in answer["languages"]:
        print(f"  {_bar(language)}")
    print(f"  set: {', '.join(names[code] for code in answer['set'])}")
    if "trace" in answer:
        _print_grounds(answer, languages)


def _print_grounds(explanation: Mapping[str, Any], languages: Sequence[Language]) -> None:
    print(f"  familiarity: {explanation['familiarity']:.0%} of real names look stranger")
    if explanation["on_lists"] is not None:
        lists = describe(explanation["on_lists"], languages) or "not there"
        print(f"  on the training lists: {lists}")
        for name in explanation["nearest"]:
            known = describe(name["languages"], languages)
            print(f"  near: {name['name']} ({known}), cosine {name['similarity']:.2f}")
    for step in explanation["trace"]:
        print(f"  {step['symbol']:<3}{_bar(step['languages'][0])}")


def _bar(language: LanguageProbability) -> str:
    share = language["probability"]
    return f"{language['language']:<16}{share:7.1%}  {'█' * round(share * BAR)}".rstrip()


def figures(quality: Mapping[str, Any]) -> dict[str, Any]:
    """The single figures of an evaluation, without its tables."""
    return {key: value for key, value in quality.items() if isinstance(value, int | float)}


def print_json(value: Any) -> None:
    """One JSON value on one line."""
    print(json.dumps(value, ensure_ascii=False))


def print_pairs(title: str, pairs: Mapping[str, object]) -> None:
    """A title and a line for each key and value."""
    print(title)
    table = Table(show_header=False, box=None)
    for key, value in pairs.items():
        table.add_row(key, cell(value))
    _console().print(table)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with titles."""
    table = Table(*columns, box=None)
    for row in rows:
        table.add_row(*row)
    _console().print(table)


def print_list(title: str, lines: Sequence[str]) -> None:
    """A title and a line for each entry."""
    for line in (title, *(f"  - {line}" for line in lines)):
        _console().print(line)


def print_contest(contest: Mapping[str, Any], examples: Sequence[Changed] = ()) -> None:
    """What a record holds of two models' contest; nothing, where it is of an older version."""
    if (duel := contest.get("duel")) and duel["figures"]:
        print_table(gate_report.FIGURE_TITLES, gate_report.figures(duel))
    if facts := gate_report.facts(contest):
        print_pairs("", facts)
    if examples:
        print_table(gate_report.NAME_TITLES, gate_report.names(examples))


def cell(value: object) -> str:
    """A value as a table shows it; numbers to three places."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _console() -> Console:
    """A console that wraps long lines on a terminal, and never in a file or a pipe."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=200)
