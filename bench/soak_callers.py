"""Callers of a service that keeps changing its model and losing processes, and what they met.

Every answer is held against what the model that it names says in this process.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from model.classifier import Classifier
from model.pointer import model_directory

NAMES = ("Kowalski", "Παπαδόπουλος", "Иванов", "田中", "O’Neil", "Rossi", "Suzuki", "Nowak")
LISTED = 100
"""Names in a list."""
TOLERANCE = 1e-3
GRACE = 2.0
"""Seconds after a kill in which an open connection may break."""


@dataclass
class Log:
    """What all callers met, counted; and when processes were killed."""

    requests: Counter[str] = field(default_factory=Counter)
    """By endpoint."""
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    broken: int = 0
    """Connections that broke within `GRACE` of a kill: they were the killed process's."""
    models: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    """Of each request for one name."""
    kills: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def met(self, path: str, error: Exception) -> None:
        """A request failed; whether a kill explains it."""
        recent = any(time.monotonic() - kill < GRACE for kill in list(self.kills))
        with self.lock:
            if recent and isinstance(error, httpx.TransportError):
                self.broken += 1
            else:
                self.failed.append(f"{path}: {error!r}")


class Judge:
    """Knows what each model of a store answers."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._of = cache(self._read)

    def wrong(self, answer: dict[str, Any]) -> str | None:
        """What is wrong with an answer for one name, if anything is."""
        expected = self._of(answer["model"]).get(answer["name"])
        found = {line["code"]: line["probability"] for line in answer["languages"]}
        if expected is None or found.keys() != expected.keys():
            return f"{answer['model']} answered {sorted(found)} for {answer['name']!r}"
        code = max(found, key=lambda c: abs(found[c] - expected[c]))
        if abs(found[code] - expected[code]) > TOLERANCE:
            return f"{answer['model']} gave {answer['name']!r} {code} {found[code]}"
        return None

    def _read(self, tag: str) -> dict[str, dict[str, float]]:
        answers = Classifier.load(model_directory(self._home, tag)).classify(NAMES)
        return {
            answer["name"]: {line["code"]: line["probability"] for line in answer["languages"]}
            for answer in answers
        }


class Callers:
    """Threads that ask again and again, each over a connection that it keeps.

    Between an answer and the next request a thread rests for `pause` seconds.
    """

    def __init__(self, url: str, judge: Judge, pause: float = 0.0) -> None:
        self.log = Log()
        self._url = url
        self._judge = judge
        self._pause = pause
        self._stop = threading.Event()
        work = (self._single, self._single, self._single, self._list, self._other)
        self._threads = [threading.Thread(target=self._call, args=(one,)) for one in work]

    def __enter__(self) -> Log:
        """Begin to call."""
        for thread in self._threads:
            thread.start()
        return self.log

    def __exit__(self, *_: object) -> None:
        """End, when the last answers are there."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _call(self, work: Callable[[httpx.Client, int], None]) -> None:
        turn = 0
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self._stop.wait(self._pause):
                turn += 1
                work(client, turn)

    def _ask(self, client: httpx.Client, path: str, body: Any) -> dict[str, Any] | None:
        started = time.monotonic()
        try:
            reply = client.post(path, json=body).raise_for_status()
        except httpx.HTTPError as error:
            self.log.met(path, error)
            return None
        with self.log.lock:
            self.log.requests[path] += 1
            if path == "/v1/classify":
                self.log.seconds.append(time.monotonic() - started)
        answer: dict[str, Any] = reply.json()
        self.log.models[answer["model"]] += 1
        return answer

    def _check(self, answer: dict[str, Any] | None) -> None:
        if answer and (wrong := self._judge.wrong(answer)):
            self.log.wrong.append(wrong)

    def _single(self, client: httpx.Client, turn: int) -> None:
        self._check(self._ask(client, "/v1/classify", {"name": NAMES[turn % len(NAMES)]}))

    def _list(self, client: httpx.Client, turn: int) -> None:
        names = [NAMES[(turn + i) % len(NAMES)] for i in range(LISTED)]
        answer = self._ask(client, "/v1/classify_batch", {"names": names})
        for result in answer["results"] if answer else ():
            self._check({"model": answer["model"] if answer else "", **result})

    def _other(self, client: httpx.Client, turn: int) -> None:
        if turn % 2:
            self._check(self._ask(client, "/v1/explain", {"name": NAMES[turn % len(NAMES)]}))
        else:
            self._ask(client, "/v1/composition", {"names": list(NAMES)})
