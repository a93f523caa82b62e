"""`python -m bench [SUITE] [--data FILE] [--json DIR]`, `… http [--seconds N] [--minutes M]`."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path

import bench
from bench.names import load
from bench.report import Table, machine, write_json
from pipeline.process import settle
from pipeline.table import NameTable

SUITES = ("inference", "sharing", "training", "profile")
"""Those of training come last, because they settle the whole process for themselves."""
ASKED_FOR = ("bulk", "device", "growth", "http")
"""Those that need what not every machine has: a promoted model, a GPU, memory, wrk."""


def main() -> None:
    """Measure, print tables, and leave JSON where it is asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=bench.__doc__)
    parser.add_argument(
        "suite",
        nargs="?",
        choices=(*SUITES, *ASKED_FOR),
        help="default: all but bulk, device, growth and http",
    )
    parser.add_argument("--data", default="builtin", metavar="FILE", help="names to measure on")
    parser.add_argument("--json", type=Path, metavar="DIR", help="leave <suite>.json there")
    parser.add_argument("--seconds", type=float, metavar="N", help="http: of one measurement")
    parser.add_argument(
        "--minutes", type=float, metavar="M", help="http: for which memory is watched"
    )
    arguments = parser.parse_args()
    amounts = {"seconds": arguments.seconds, "minutes": arguments.minutes}
    try:
        names = load(arguments.data)
    except (ValueError, OSError) as error:  # all our errors for the user are ValueErrors
        sys.exit(f"bench: {error}")
    context = {
        "machine": machine(),
        "data": {
            "source": arguments.data,
            "names": len(set(names.name)),
            "languages": len(set(names.language)),
        },
    }
    for about, values in context.items():
        print(f"{about}:", ", ".join(f"{key} {value}" for key, value in values.items()))
    for suite in [arguments.suite] if arguments.suite else SUITES:
        measured = []
        try:
            measuring = tables(suite, names, amounts if suite == "http" else {})
        except ValueError as error:
            sys.exit(f"bench: {error}")
        for table in measuring:
            print(f"\n{table.text()}", flush=True)
            measured.append(table)
        if arguments.json:
            write_json(arguments.json / f"{suite}.json", context, measured)


def tables(suite: str, names: NameTable, amounts: Mapping[str, float]) -> Iterator[Table]:
    """Run a suite; each table comes as soon as it is measured."""
    # Threads of torch that wait must not spin while NumPy is measured; to be said before it loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if suite in ("training", "profile"):
        settle()
    measure: Callable[..., Iterator[Table]] = import_module(f"bench.{suite}").measure
    return measure(names, **amounts)


if __name__ == "__main__":
    main()
