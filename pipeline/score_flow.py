"""Bulk scoring as a Prefect flow, so that it can be scheduled; what came out is an artifact."""

from time import perf_counter

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact

from pipeline.bulk.readers import Model
from pipeline.bulk.score import ScoreConfig, score
from pipeline.bulk.tally import Tally

LANGUAGES = 15
"""So many are told, the most frequent first."""


@flow(name="namelang-score")
def scoring(config: ScoreConfig, model: str | None = None) -> int:
    """Score a file or folder as `namelang score` does; returns how many rows there were.

    `model` is a tag of the store or an artifact directory; None: what is promoted when it begins.
    With `resume` in the configuration a run that is tried again goes on where the last one ended.
    """
    scored = Model.found(model)
    start = perf_counter()
    tally = score(config, scored)
    seconds = perf_counter() - start
    get_run_logger().info("%s rows by %s in %.1f s", f"{tally.rows:,}", scored.tag, seconds)
    create_markdown_artifact(markdown(tally, scored.tag, seconds), key="score-report")
    return tally.rows


def markdown(tally: Tally, tag: str, seconds: float) -> str:
    """What is in the scored rows, as Markdown tables; no name is in it."""
    lines = [f"**{tally.rows:,} rows** by {tag} in {seconds:.1f} s", ""]
    for what, title in (("verdict", "verdict"), ("reason", "reason"), ("language_1", "language")):
        found = sorted(tally.counts[what].items(), key=lambda pair: -pair[1])[:LANGUAGES]
        lines += [f"| {title} | rows | share |", "|---|---|---|"]
        lines += [f"| {value} | {n:,} | {n / tally.rows:.1%} |" for value, n in found]
        lines.append("")
    return "\n".join(lines)
