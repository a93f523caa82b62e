"""Counts between two points in time, from snapshots of counters that may restart.

A service counts from its start. So that a window can be told from the one before, snapshots of its
counters are kept in a small file: numbers with their time and the model's tag, and no name.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from model.tally import FEATURES, Tally
from pipeline.workspace import workspace

DAY = 86_400.0
MOST_SECONDS = 7 * DAY
"""The longest window."""
KEPT = 2 * MOST_SECONDS + DAY
"""Seconds for which a snapshot is kept: a window and the one before it."""
MOST = 1000
"""Snapshots in a file; beyond, every second one of the older half is dropped."""
SLACK = 0.05
"""Share of a window that may be missing: what looks every 24 h is seconds early at times."""

Counts = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Snapshot:
    """What the counters of a service said."""

    at: float
    """Unix time, in seconds, as `started`."""
    started: float
    """When the counters began at 0."""
    model: str
    alone: bool
    """Whether no other model was served since then."""
    counts: Tally


@dataclass
class History:
    """Snapshots of one service, the oldest first."""

    snapshots: list[Snapshot] = field(default_factory=list)
    asked: dict[str, float] = field(default_factory=dict)
    """Model → when a retraining was last asked for because of it."""


class Window(NamedTuple):
    """What one model read between two points in time."""

    since: float
    until: float
    counts: Counts


def path_of(url: str) -> Path:
    """The file of a service's snapshots."""
    return workspace() / "drift" / f"{urlsplit(url).netloc.replace(':', '-')}.json"


def read(path: Path) -> History:
    """The history in a file; an empty one where there is none yet.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        fields = json.loads(path.read_bytes())
        return History([Snapshot(**line) for line in fields["snapshots"]], fields["asked"])
    except FileNotFoundError:
        return History()
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} holds no snapshots ({error!r}); without it counting begins anew"
        ) from error


@contextmanager
def changing(path: Path) -> Iterator[History]:
    """The history in a file, which is written again when the block ends; one block at a time.

    Raises:
        ValueError: the file is damaged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        history = read(path)
        yield history
        write(path, history)


def write(path: Path, history: History) -> None:
    """Replace the file in one step, without what is too old to be asked for."""
    latest = history.snapshots[-1].at
    kept = [s for s in history.snapshots if latest - KEPT <= s.at <= latest]
    if len(kept) > MOST:
        kept = kept[: MOST // 2 : 2] + kept[MOST // 2 :]
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    fields: dict[str, Any] = {"snapshots": [asdict(s) for s in kept], "asked": history.asked}
    partial.write_text(json.dumps(fields), "utf-8")
    partial.replace(path)


def latest(snapshots: Sequence[Snapshot], seconds: float) -> tuple[Window, Sequence[Snapshot]]:
    """The window that ends with the last snapshot, and the snapshots up to its beginning.

    It begins with the newest snapshot that is `seconds` older, up to `SLACK`; else where the
    service began to count for this model. No snapshots are left then.
    """
    run = _of_one_model(snapshots)
    now, first = run[-1], run[0]
    long_ago = [i for i, s in enumerate(run) if now.at - s.at >= (1 - SLACK) * seconds]
    if long_ago:
        begin = long_ago[-1]
        return Window(run[begin].at, now.at, _counted(run[begin:])), run[: begin + 1]
    counts = _counted(run)
    if first.alone:
        return Window(first.started, now.at, _sum(first.counts, counts)), []
    return Window(first.at, now.at, counts), []


def _of_one_model(snapshots: Sequence[Snapshot]) -> Sequence[Snapshot]:
    """The last snapshots between which no other model was served."""
    begin = len(snapshots) - 1
    while begin > 0:
        earlier, later = snapshots[begin - 1], snapshots[begin]
        if earlier.model != later.model or (earlier.alone and not later.alone):
            break
        begin -= 1
    return snapshots[begin:]


def _counted(run: Sequence[Snapshot]) -> Counts:
    """What was counted after the first snapshot, restarts included.

    What came between a snapshot and a restart after it is lost.
    """
    counts: Counts = {feature: {} for feature in FEATURES}
    for earlier, later in pairwise(run):
        if not _restarted(earlier, later):
            counts = _sum(_sum(counts, later.counts), earlier.counts, sign=-1)
        elif later.alone:
            counts = _sum(counts, later.counts)
    return counts


def _restarted(earlier: Snapshot, later: Snapshot) -> bool:
    fell = any(
        later.counts[feature].get(label, 0) < count
        for feature in FEATURES
        for label, count in earlier.counts[feature].items()
    )
    return fell or later.started != earlier.started


def _sum(first: Tally, second: Tally, sign: int = 1) -> Counts:
    return {
        feature: {
            label: first[feature].get(label, 0) + sign * second[feature].get(label, 0)
            for label in first[feature].keys() | second[feature].keys()
        }
        for feature in FEATURES
    }
