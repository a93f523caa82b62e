"""Train and measure as on a closed GPU machine: `python tests/bare_machine.py FILE.csv`.

Of what is installed here, only these and what they require can be imported.
"""

import re
import sys
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from typing import Any

THERE = {"torch", "triton", "numpy", "safetensors", "pandas", "scikit-learn"}


def with_requirements(packages: set[str]) -> set[str]:
    """The packages and, however deep, what they require without extras."""
    found, left = set(packages), list(packages)
    while left:
        try:
            lines = requires(left.pop()) or []
        except PackageNotFoundError:
            continue
        names = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
        new = {match[0].lower().replace("_", "-") for match in names if match} - found
        found |= new
        left += new
    return found


def hide_all_but(packages: set[str]) -> None:
    hidden = {
        module
        for module, sources in packages_distributions().items()
        if not packages & {source.lower().replace("_", "-") for source in sources}
    } - {"bench", "model", "pipeline", "service"}

    class Bare(PathFinder):
        @classmethod
        def find_spec(cls, fullname: str, *rest: Any) -> Any:
            return None if fullname in hidden else super().find_spec(fullname, *rest)

    sys.meta_path[sys.meta_path.index(PathFinder)] = Bare


def main(data: str) -> None:
    hide_all_but(with_requirements(THERE))
    from bench import device, training
    from bench.names import load
    from model.vocabulary import Vocabulary
    from pipeline.batches import examples
    from pipeline.recipe import Recipe
    from pipeline.train import train

    table = load(data)
    known = examples(table, sorted(set(table.language)))
    recipe = Recipe(hidden=8, batch=16, epochs=2)
    trained = train(known, known, Vocabulary.fit(known.names), recipe)
    print(f"trained {trained.W.shape} on {len(known.names)} names; there is {device.__name__}")
    plan = training.Plan((8,), (16,), epochs=1, looped=4, sample=40, patience=0.0, times=(1,))
    for measured in training.measure(table, plan):
        print(measured.text())


if __name__ == "__main__":
    main(sys.argv[1])
