"""The endpoints: what each takes, and how its answer is made."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from model.card import card
from model.context import GROUPS, Context
from model.pointer import published
from service import schemas
from service.asgi import NDJSON, Reply, Scope, header
from service.current import Current
from service.desk import Desk
from service.names import read_each, readable
from service.problems import Fault, echo, invalid
from service.served import Options, Served

EMBEDDING_DECIMALS = 5
PRIVATE = ((b"cache-control", b"no-store"),)
"""No answer is kept on its way to the caller."""


class Api:
    """Answers validated requests with the model that is served when they come."""

    def __init__(
        self,
        desk: Desk,
        current: Current,
        stored: Callable[[Served], list[schemas.StoredModel]],
    ) -> None:
        """`stored` lists the versions in the store, the newest first."""
        self._desk = desk
        self._current = current
        self._stored = stored

    async def classify(self, request: schemas.ClassifyRequest, scope: Scope) -> Reply:
        """The languages of one name, the most probable first."""
        served = self._current.served
        name = _one_name(request)
        answer = await self._desk.answer(served, name, _options(served, request))
        return _reply({"model": served.tag, **answer, **_sent(request)})

    async def explain(self, request: schemas.ExplainRequest, scope: Scope) -> Reply:
        """The answer for one name, letter by letter, and what it rests on.

        It is not counted among the names that the metrics watch for drift: a page that asks at
        every key would fill them with beginnings of names.
        """
        served = self._current.served
        name, options = _one_name(request), _options(served, request)

        def explain() -> bytes:
            [explanation] = served.classifier.explain(
                [name],
                options.top_k,
                threshold=options.threshold,
                coverage=options.coverage,
                context=options.context,
                neighbours=request.neighbours,
            )
            return orjson.dumps({"model": served.tag, **explanation, **_sent(request)})

        return Reply(await self._desk.explain(explain), headers=list(PRIVATE))

    async def classify_batch(self, request: schemas.BatchRequest, scope: Scope) -> Reply:
        """The languages of each name, in the order asked; as a stream of lines if so accepted."""
        served = self._current.served
        options = _options(served, request)

        def answers(names: list[str]) -> Iterable[Mapping[str, object]]:
            return self._desk.answers(served, names, options)

        return await self._results(served, request, answers, stream=NDJSON in _accept(scope))

    async def embed(self, request: schemas.EmbedRequest, scope: Scope) -> Reply:
        """The model's last state for each name, in the order asked."""
        served = self._current.served

        def embed(names: list[str]) -> Iterable[Mapping[str, object]]:
            rows = served.classifier.embed(names).astype(np.float64).round(EMBEDDING_DECIMALS)
            pairs = zip(names, rows.tolist(), strict=True)
            return ({"name": name, "embedding": row} for name, row in pairs)

        head = {"dimensions": len(served.classifier.artifact.W)}
        return await self._results(served, request, embed, head=head)

    async def languages(self, request: None, scope: Scope) -> Reply:
        """The languages that the model knows, and the groups that requests can name."""
        served = self._current.served
        counts = served.record["data"].get("languages", {})
        quality = served.record["metrics"].get("test", {}).get("per_language", {})
        codes = [language.code for language in served.classifier.languages]
        return _reply(
            {
                "model": served.tag,
                "languages": [
                    {
                        "code": language.code,
                        "language": language.name,
                        "iso639_3": language.iso639_3,
                        "names": counts.get(language.code, {}).get("names"),
                        "test": _quality(quality.get(language.code)),
                    }
                    for language in served.classifier.languages
                ],
                "groups": {
                    name: [code for code in codes if code.partition("-")[0] in group]
                    for name, group in GROUPS.items()
                    if group.intersection(code.partition("-")[0] for code in codes)
                },
            }
        )

    async def model(self, request: None, scope: Scope) -> Reply:
        """The served model's own record: data, licences, quality, and its card."""
        served = self._current.served
        record, when = served.record, published(served.tag)
        return _reply(
            {
                "model": served.tag,
                "sha256": served.sha256,
                "promoted_at": served.promoted_at,
                "created": when and when.isoformat(timespec="seconds"),
                "hidden": len(served.classifier.artifact.W),
                **{part: record[part] for part in ("data", "metrics", "training", "libraries")},
                "card": card(record, served.tag),
            }
        )

    async def models(self, request: None, scope: Scope) -> Reply:
        """Every version in the store, the newest first."""
        served = self._current.served
        versions = await asyncio.to_thread(self._stored, served)
        return _reply({"model": served.tag, "models": versions})

    async def ready(self, request: None, scope: Scope) -> Reply:
        """That the process answers, with which model, and which one it had to refuse."""
        refused = self._current.refused
        return _reply(
            {
                "ready": True,
                "model": self._current.served.tag,
                "shadow": self._current.shadow and self._current.shadow.tag,
                "refused": refused and {"model": refused.model, "reason": refused.reason},
            }
        )

    async def _results(
        self,
        served: Served,
        request: schemas.ManyNames,
        read: Callable[[list[str]], Iterable[Mapping[str, object]]],
        *,
        head: Mapping[str, Any] | None = None,
        stream: bool = False,
    ) -> Reply:
        """What `read` makes of the names, slice by slice, and the faults of those that have any."""
        full, items = _many(request)

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


def _reply(body: Any) -> Reply:
    return Reply(orjson.dumps(body), headers=list(PRIVATE))


def _accept(scope: Scope) -> str:
    return header(scope, b"accept")


def _one_name(request: schemas.OneName) -> str:
    """The family name that a request asks about.

    Raises:
        Problem: there is nothing to read in it.
    """
    full = request.full_name is not None
    name = readable(
        request.full_name if full else request.name, "full_name" if full else "name", full=full
    )
    if isinstance(name, str):
        return name
    raise invalid([name])


def _sent(request: schemas.OneName) -> dict[str, str]:
    """What an answer repeats of a request for a full name."""
    return {} if request.full_name is None else {"full_name": request.full_name}


def _many(request: schemas.ManyNames) -> tuple[bool, list[Any]]:
    """Whether a request is about full names, and its items."""
    if request.full_names is not None:
        return True, request.full_names
    return False, request.names or []


def _options(served: Served, request: schemas.Asked) -> Options:
    return Options(
        request.top_k,
        request.threshold,
        request.coverage,
        _context(served, request.languages, request.prior),
    )


def _context(
    served: Served, languages: list[str] | None, prior: Mapping[str, float] | None
) -> Context | None:
    """The context that a request describes.

    Raises:
        Problem: it names what the model does not know, or leaves nothing.
    """
    try:
        served.context(languages, None)  # by itself, to know which field is at fault
    except ValueError as error:
        raise invalid(
            [Fault(field="languages", value=echo(languages), expected=str(error))]
        ) from None
    try:
        return served.context(languages, prior)
    except ValueError as error:
        raise invalid([Fault(field="prior", value=echo(prior), expected=str(error))]) from None


def _quality(quality: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return quality and {key: quality[key] for key in ("n", "precision", "recall", "f1")}
