"""One look at a running service: what it counted, kept for later and compared."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from model.artifact import RECORD, load_record
from model.pointer import bentoml_home, model_directory
from model.tally import Tally
from pipeline import windows
from pipeline.drift import Against, Report, compare, names
from pipeline.standard import standardise
from pipeline.windows import Snapshot

SECONDS = 10.0  # that the service may take to answer

COUNTERS = {
    "namelang_top_languages_total": ("languages", "language"),
    "namelang_verdicts_total": ("verdicts", "verdict"),
    "namelang_familiarity_names_total": ("familiarity", "bin"),
}
"""Series of the service → the feature that it counts, and its label."""


class CannotTell(ValueError):
    """There is nothing to compare, or nothing to compare it with."""


def look(url: str, seconds: float, against: Against, model: str | None = None) -> Report:
    """Take a snapshot of the service at `url` and compare the window that it ends.

    `model` is the directory of the served model, where the store of this `BENTOML_HOME` lacks it.

    Raises:
        CannotTell: the service does not answer or has read no name yet, there is no window before,
            or the model has no reference.
        ValueError: the window is too long, or the file of snapshots is damaged.
    """
    if not 0 < seconds <= windows.MOST_SECONDS:
        raise ValueError(f"a window of {seconds:g} seconds; expected above 0 and at most 7 days")
    now = scrape(url)
    with windows.changing(windows.path_of(url)) as history:
        history.snapshots.append(now)
    window, earlier = windows.latest(history.snapshots, seconds)
    if not names(window.counts):
        raise CannotTell(f"{now.model} has read no name since {_time(window.since)}")
    other: Tally
    if against is Against.REFERENCE:
        other = standardise(reference(now.model, model), window.counts["languages"])
    elif not earlier:
        raise CannotTell(f"there is no window before {_time(window.since)}; look again later")
    else:
        other = windows.latest(earlier, seconds)[0].counts
    return Report(
        url=url,
        model=now.model,
        against=against,
        since=_time(window.since),
        until=_time(window.until),
        names=names(window.counts),
        other_names=names(other),
        comparisons=compare(window.counts, other, against),
    )


def to_ask(url: str, model: str, seconds: float) -> bool:
    """Whether a retraining is to be asked for because of this model; once in a window at most.

    The answer yes is given once: it is written down.
    """
    now = time.time()
    with windows.changing(windows.path_of(url)) as history:
        long_ago = now - history.asked.get(model, 0.0) >= (1 - windows.SLACK) * seconds
        if long_ago:
            history.asked = {model: now}
    return long_ago


def scrape(url: str) -> Snapshot:
    """What the service at `url` counted until now.

    Raises:
        CannotTell: it does not answer, or it is another service.
    """
    try:
        ready, metrics = (
            httpx.get(f"{url.rstrip('/')}/{path}", timeout=SECONDS).raise_for_status()
            for path in ("readyz", "metrics")
        )
        return parse(metrics.text, ready.json()["model"], time.time())
    except httpx.HTTPError as error:
        raise CannotTell(f"{url} cannot be asked: {error or type(error).__name__}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CannotTell(f"{url} shows no counts of namelang: {error!r}") from error


def parse(metrics: str, model: str, at: float) -> Snapshot:
    """A snapshot, from the text that Prometheus reads and the tag of the served model.

    Raises:
        KeyError: a series is missing.
        ValueError: it is no such text.
    """
    counts: dict[str, dict[str, int]] = {"languages": {}, "verdicts": {}, "familiarity": {}}
    single: dict[str, float] = {}
    models = set()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            if sample.name in COUNTERS:
                feature, label = COUNTERS[sample.name]
                counts[feature][sample.labels[label]] = int(sample.value)
            elif sample.name == "namelang_model_info":
                models.add(sample.labels["model"])
            elif not sample.labels:
                single[sample.name] = sample.value
    symbols = int(single["namelang_symbols_total"])
    unlearned = int(single["namelang_unlearned_symbols_total"])
    counts["symbols"] = {"learned": symbols - unlearned, "unlearned": unlearned}
    started = single["namelang_started_timestamp_seconds"]
    return Snapshot(at, started, model, models <= {model}, counts)


def reference(tag: str, directory: str | None = None) -> Mapping[str, Tally]:
    """The counts of a model's test names by the language they were answered with.

    Raises:
        CannotTell: the store lacks the model, or the model lacks the counts.
        ArtifactError: the record cannot be read.
    """
    folder = Path(directory) if directory else model_directory(bentoml_home(), tag)
    if not (folder / RECORD).exists():
        raise CannotTell(f"{folder} holds no model; --model names the directory of {tag}")
    found: Mapping[str, Tally] | None = load_record(folder).get("reference")
    if found is None:
        raise CannotTell(
            f"{tag} has no reference counts, as models of before had none: train a new one, or "
            "compare with the window before"
        )
    return found


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
