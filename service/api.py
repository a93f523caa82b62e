"""The endpoints that read names: what each takes, and how its answer is made."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from service import requests
from service.asgi import NDJSON, PRIVATE, Reply, Scope, accepts, private
from service.asked import context_of, many, one_name, options_of, sent
from service.current import Current
from service.desk import Desk
from service.make_up import Slice, made_up
from service.names import read_each, readable
from service.problems import Kind, Problem
from service.served import Options, Served

EMBEDDING_DECIMALS = 5


class Api:
    """Answers validated requests with the model that is served when they come."""

    def __init__(
        self,
        desk: Desk,
        current: Current,
    ) -> None:
        self._desk = desk
        self._current = current

    async def classify(self, request: requests.ClassifyRequest, scope: Scope) -> Reply:
        """The languages of one name, the most probable first."""
        served = self._current.served
        name = one_name(request)
        answer = await self._desk.answer(served, name, options_of(served, request))
        return private({"model": served.tag, **answer, **sent(request)})

    async def explain(self, request: requests.ExplainRequest, scope: Scope) -> Reply:
        """The answer for one name, letter by letter, and what it rests on.

        It is not counted among the names that the metrics watch for drift: a page that asks at
        every key would fill them with beginnings of names.
        """
        served = self._current.served
        name, options = one_name(request), options_of(served, request)

        def explain() -> bytes:
            [explanation] = served.classifier.explain(
                [name],
                options.top_k,
                threshold=options.threshold,
                coverage=options.coverage,
                context=options.context,
                neighbours=request.neighbours,
            )
            return orjson.dumps({"model": served.tag, **explanation, **sent(request)})

        return Reply(await self._desk.alone(explain), headers=list(PRIVATE))

    async def classify_batch(self, request: requests.BatchRequest, scope: Scope) -> Reply:
        """The languages of each name, in the order asked; as a stream of lines if so accepted."""
        served = self._current.served
        options = options_of(served, request)

        def answers(names: list[str]) -> Iterable[Mapping[str, object]]:
            return self._desk.answers(served, names, options)

        return await self._results(
            served, request, answers, stream=accepts(scope, b"accept", NDJSON)
        )

    async def embed(self, request: requests.EmbedRequest, scope: Scope) -> Reply:
        """The model's last state for each name, in the order asked."""
        served = self._current.served

        def embed(names: list[str]) -> Iterable[Mapping[str, object]]:
            rows = served.classifier.embed(names).astype(np.float64).round(EMBEDDING_DECIMALS)
            pairs = zip(names, rows.tolist(), strict=True)
            return ({"name": name, "embedding": row} for name, row in pairs)

        head = {"dimensions": len(served.classifier.artifact.W)}
        return await self._results(served, request, embed, head=head)

    async def composition(self, request: requests.CompositionRequest, scope: Scope) -> Reply:
        """The language make-up of names taken together, corrected for the model's own mistakes.

        Nothing of the names is kept. Those whose verdict is unknown are left out, and counted.
        """
        served = self._current.served
        if served.classifier.artifact.confusion is None:
            raise Problem(
                Kind.NOT_IN_MODEL, "this model has no confusion matrix; expected one trained anew"
            )
        context = context_of(served, request.languages, None)
        full, items = many(request)

        def read(items: Sequence[Any], start: int) -> Slice:
            names = [readable(item, "", full=full) for item in items]
            good = [name for name in names if isinstance(name, str)]
            judged = self._desk.judge(served, good, Options())
            return Slice.of(judged, unreadable=len(items) - len(good))

        parts = [part async for part in self._desk.slices(items, read)]
        only = None if context is None else context.prior > 0
        answer = await self._desk.alone(
            lambda: made_up(parts, served.classifier.artifact, only, request.confidence)
        )
        return private({"model": served.tag, **answer})

    async def _results(
        self,
        served: Served,
        request: requests.ManyNames,
        read: Callable[[list[str]], Iterable[Mapping[str, object]]],
        *,
        head: Mapping[str, Any] | None = None,
        stream: bool = False,
    ) -> Reply:
        """What `read` makes of the names, slice by slice, and the faults of those that have any."""
        full, items = many(request)

        def results(items: Sequence[Any], start: int) -> bytes:
            found = read_each(items, start, full=full, read=read)
            if not stream:
                return orjson.dumps(found)[1:-1]
            return b"".join(
                orjson.dumps({"model": served.tag, **result}, option=orjson.OPT_APPEND_NEWLINE)
                for result in found
            )

        slices = self._desk.slices(items, results)
        if stream:
            return Reply(await _started(slices), NDJSON, headers=list(PRIVATE))
        opening = orjson.dumps({"model": served.tag, **(head or {}), "results": []})
        body = b",".join([part async for part in slices])
        return Reply(opening[:-2] + body + opening[-2:], headers=list(PRIVATE))


async def _started(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same parts, of which the first is there already: what refuses them has done so."""
    first = await anext(parts)

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for part in parts:
            yield part

    return rest()
