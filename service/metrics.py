"""What the service counts, for Prometheus: numbers about many names, and no name.

BentoML's `/metrics` shows them: it collects what every process wrote. Labels take few values, all
of them known beforehand: endpoints, statuses, verdicts, languages, and the tags of models.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from model.classifier import Judged
from model.pointer import published
from model.tally import tally
from service.current import Current
from service.served import Served

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_SIZES = tuple(2**power for power in range(14))


class Metrics:
    """The series of one process."""

    def __init__(self, current: Current) -> None:
        """The series, the first of which tell what is served."""
        # No registry: BentoML reads the files of all processes, not the objects of one.
        # Cached: to find a label's series takes longer than to count in it.
        self._requests = cache(
            Counter(
                "namelang_requests", "Answered requests.", ("endpoint", "status"), registry=None
            ).labels
        )
        self._seconds = cache(
            Histogram(
                "namelang_request_seconds",
                "From the request's headers to the last byte handed to the server.",
                ("endpoint",),
                buckets=SECONDS,
                registry=None,
            ).labels
        )
        self._batch = Histogram(
            "namelang_batch_names",
            "Names that were read together.",
            buckets=BATCH_SIZES,
            registry=None,
        )
        self._waiting = Gauge(
            "namelang_waiting_names",
            "Names that wait to be read.",
            multiprocess_mode="livesum",
            registry=None,
        )
        self._model = Gauge(
            "namelang_model_info",
            "Processes that serve this model.",
            ("model",),
            multiprocess_mode="livesum",
            registry=None,
        )
        self._verdicts = cache(
            Counter("namelang_verdicts", "Names.", ("verdict",), registry=None).labels
        )
        self._languages = cache(
            Counter(
                "namelang_top_languages",
                "Names by their most probable language, those of verdict unknown left out.",
                ("language",),
                registry=None,
            ).labels
        )
        self._familiarity = cache(
            Counter(
                "namelang_familiarity_names",
                "Names by the share of real names that look stranger: `bin` is its upper end.",
                ("bin",),
                registry=None,
            ).labels
        )
        self._symbols = Counter("namelang_symbols", "Characters of the names read.", registry=None)
        self._unlearned = Counter(
            "namelang_unlearned_symbols", "Those that no training name had.", registry=None
        )
        self._promoted = Gauge(
            "namelang_model_published_timestamp_seconds",
            "When the served model was published.",
            multiprocess_mode="livemin",
            registry=None,
        )
        self._refused = Gauge(
            "namelang_model_refused",
            "1 while a process refuses what the pointer names.",
            multiprocess_mode="livemax",
            registry=None,
        )
        self._shadow = Counter(
            "namelang_shadow_names",
            "Names for a challenger too: its answer was the same, was another, or it missed them.",
            ("challenger", "answer"),
            registry=None,
        )
        started = Gauge(
            "namelang_started_timestamp_seconds",
            "When the counting began: the start of the first process.",
            multiprocess_mode="min",  # of all that ever ran, as the counters are
            registry=None,
        )
        started.set(time.time())
        self._tag = ""
        self._follow(current)
        current.on_look(self._follow)

    def _follow(self, current: Current) -> None:
        """Tell what is served now."""
        tag = current.served.tag
        if tag != self._tag:
            if self._tag:
                self._model.labels(self._tag).set(0)
            self._model.labels(tag).set(1)
            self._tag = tag
        when = published(tag)
        self._promoted.set(when.timestamp() if when else 0)
        self._refused.set(current.refused is not None)

    def request(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests(endpoint, status).inc()
        self._seconds(endpoint).observe(seconds)

    def waiting(self, names: int) -> None:
        """So many names wait."""
        self._waiting.set(names)

    def shadowed(self, challenger: str, same: Sequence[bool]) -> None:
        """A challenger read names, and gave the champion's answer or not."""
        self._shadow.labels(challenger, "same").inc(sum(same))
        self._shadow.labels(challenger, "other").inc(len(same) - sum(same))

    def missed(self, challenger: str, names: int) -> None:
        """A challenger did not read so many names, for there was too much to do."""
        self._shadow.labels(challenger, "missed").inc(names)

    def judged(self, served: Served, names: Sequence[str], judged: Judged) -> None:
        """The model read names."""
        self._batch.observe(len(names))
        counts = tally(served.classifier.vocabulary, names, served.best(judged), judged)
        _count(self._verdicts, counts["verdicts"])
        _count(self._languages, counts["languages"])
        _count(self._familiarity, counts["familiarity"])
        self._symbols.inc(sum(counts["symbols"].values()))
        self._unlearned.inc(counts["symbols"]["unlearned"])


def _count(series: Callable[[str], Counter], counts: Mapping[str, int]) -> None:
    for label, count in counts.items():
        series(label).inc(count)
