"""A client for Python programs, with threads or asyncio.

    with Client("http://localhost:3000") as client:
        client.classify("Kowalski", top_k=1)
        for result in client.classify_all(names):
            ...

It needs httpx and pydantic, and loads nothing of what the service itself needs. All methods raise
NamelangError where the service refuses or does not answer; what may go well a little later
(no connection, 429, 502, 503, 504) is tried again first, as `Retry` says. Names in `full_name` or
`full_names` requests are full names, of which the family name is read.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self, TypeVar, Unpack

import httpx

from service import answers
from service import client_calls as calls
from service.client_async import AsyncClient
from service.client_calls import Options, Result, failed
from service.client_retry import RETRY, Attempts, NamelangError, Outcome, Retry, answered

__all__ = ["AsyncClient", "Client", "NamelangError", "Options", "Result", "Retry", "failed"]

T = TypeVar("T")


class Client:
    """A client that waits for each answer. Threads may share it."""

    def __init__(
        self,
        url: str = calls.URL,
        *,
        key: str | None = None,
        timeout: float = calls.TIMEOUT,
        retry: Retry = RETRY,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`key` is an API key, if the service asks for one; `sleep` and `clock` are for tests."""
        self._http = httpx.Client(**calls.connection(url, key, timeout))
        self._retry = retry
        self._sleep = sleep
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def classify(
        self, name: str, *, full_name: bool = False, **options: Unpack[Options]
    ) -> answers.ClassifyAnswer:
        """The languages of a name, and how far they can be relied on."""
        return self._ask(calls.classify(name, full_name, options))

    def classify_all(
        self,
        names: Iterable[str],
        *,
        full_names: bool = False,
        size: int = calls.SIZE,
        **options: Unpack[Options],
    ) -> Iterator[Result]:
        """A result for each of any number of names, in their order; `failed` tells the unreadable.

        No more than one batch of `size` names is asked about ahead, and kept.

        Raises:
            ValueError: `size` is not 1 to 10,000.
        """
        batches = calls.batches(names, full_names, size, options)
        return (result for batch in batches for result in batch.results(self._ask(batch.call)))

    def explain(
        self,
        name: str,
        *,
        full_name: bool = False,
        neighbours: int | None = None,
        **options: Unpack[Options],
    ) -> answers.ExplainAnswer:
        """The languages of a name, and what the answer rests on."""
        return self._ask(calls.explain(name, full_name, neighbours, options))

    def embed(self, names: Iterable[str], *, full_names: bool = False) -> answers.EmbedAnswer:
        """The model's last state for each of at most 10,000 names."""
        return self._ask(calls.embed(names, full_names))

    def composition(
        self,
        names: Iterable[str],
        *,
        full_names: bool = False,
        languages: Sequence[str] | None = None,
        confidence: float | None = None,
    ) -> answers.CompositionAnswer:
        """Of which languages at most 10,000 names are, taken together."""
        return self._ask(calls.composition(names, full_names, languages, confidence))

    def languages(self) -> answers.LanguagesAnswer:
        """The languages that the model knows, and the groups that can be named."""
        return self._ask(calls.LANGUAGES)

    def model(self) -> answers.ModelAnswer:
        """The record of the model that answers."""
        return self._ask(calls.MODEL)

    def models(self) -> answers.ModelsAnswer:
        """The versions in the service's store, the newest first."""
        return self._ask(calls.MODELS)

    def _ask(self, call: calls.Call[T]) -> T:
        attempts, content = Attempts(self._retry, self._clock), call.content
        while True:
            outcome: Outcome
            try:
                outcome = self._http.request(call.method, call.path, content=content)
            except httpx.RequestError as error:
                outcome = error
            if answered(outcome):
                return call.answer(outcome)
            self._sleep(attempts.wait(outcome))
