"""The client for asyncio."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Self, TypeVar, Unpack

import httpx

from service import answers
from service import client_calls as calls
from service.client_calls import Options, Result
from service.client_retry import RETRY, Attempts, Outcome, Retry, answered

T = TypeVar("T")


class AsyncClient:
    """The same for asyncio."""

    def __init__(
        self,
        url: str = calls.URL,
        *,
        key: str | None = None,
        timeout: float = calls.TIMEOUT,
        retry: Retry = RETRY,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`key` is an API key, if the service asks for one; `sleep` and `clock` are for tests."""
        self._http = httpx.AsyncClient(**calls.connection(url, key, timeout))
        self._retry = retry
        self._sleep = sleep
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def classify(
        self, name: str, *, full_name: bool = False, **options: Unpack[Options]
    ) -> answers.ClassifyAnswer:
        """The languages of a name, and how far they can be relied on."""
        return await self._ask(calls.classify(name, full_name, options))

    def classify_all(
        self,
        names: Iterable[str],
        *,
        full_names: bool = False,
        size: int = calls.SIZE,
        **options: Unpack[Options],
    ) -> AsyncIterator[Result]:
        """A result for each of any number of names, in their order; `failed` tells the unreadable.

        No more than one batch of `size` names is asked about ahead, and kept.

        Raises:
            ValueError: `size` is not 1 to 10,000.
        """
        batches = calls.batches(names, full_names, size, options)
        return self._results(batches)

    async def explain(
        self,
        name: str,
        *,
        full_name: bool = False,
        neighbours: int | None = None,
        **options: Unpack[Options],
    ) -> answers.ExplainAnswer:
        """The languages of a name, and what the answer rests on."""
        return await self._ask(calls.explain(name, full_name, neighbours, options))

    async def embed(self, names: Iterable[str], *, full_names: bool = False) -> answers.EmbedAnswer:
        """The model's last state for each of at most 10,000 names."""
        return await self._ask(calls.embed(names, full_names))

    async def composition(
        self,
        names: Iterable[str],
        *,
        full_names: bool = False,
        languages: Sequence[str] | None = None,
        confidence: float | None = None,
    ) -> answers.CompositionAnswer:
        """Of which languages at most 10,000 names are, taken together."""
        return await self._ask(calls.composition(names, full_names, languages, confidence))

    async def languages(self) -> answers.LanguagesAnswer:
        """The languages that the model knows, and the groups that can be named."""
        return await self._ask(calls.LANGUAGES)

    async def model(self) -> answers.ModelAnswer:
        """The record of the model that answers."""
        return await self._ask(calls.MODEL)

    async def models(self) -> answers.ModelsAnswer:
        """The versions in the service's store, the newest first."""
        return await self._ask(calls.MODELS)

    async def _results(self, batches: Iterable[calls.Batch]) -> AsyncIterator[Result]:
        for batch in batches:
            for result in batch.results(await self._ask(batch.call)):
                yield result

    async def _ask(self, call: calls.Call[T]) -> T:
        attempts, content = Attempts(self._retry, self._clock), call.content
        while True:
            outcome: Outcome
            try:
                outcome = await self._http.request(call.method, call.path, content=content)
            except httpx.RequestError as error:
                outcome = error
            if answered(outcome):
                return call.answer(outcome)
            await self._sleep(attempts.wait(outcome))
