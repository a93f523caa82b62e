"""What the client asks, and how it reads what comes back. Nothing is sent here."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypedDict, TypeVar

import httpx
from typing_extensions import TypeIs

from service import answers, requests
from service.client_retry import NamelangError

URL = "http://localhost:3000"
TIMEOUT = 30.0
"""Seconds without a sign of the service after which an attempt has failed."""
SIZE = 1000
"""Names in a batch: ten times as many are read no faster, and take ten times the memory."""
LONGEST = 401
"""Characters of a name that are sent: one more than any may have, so what is refused still is."""
MOST_BYTES = 3 * 2**20
"""Of the names of a batch: the service takes a body of 4 MiB unless told otherwise."""
BYTES_OF_A_CHARACTER = 6
"""At most, which a control character takes."""

T = TypeVar("T")
Result = answers.ClassifyAnswer | answers.FailedItem


class Options(TypedDict, total=False):
    """What can be asked of an answer; None is as if not given. docs/api.md has more on each."""

    top_k: int | None
    """How many languages to list; all of them without it."""
    threshold: float | None
    """List only languages at least this probable."""
    languages: Sequence[str] | None
    """Only these can be: codes, ISO 639-3 codes, English names, or groups."""
    prior: Mapping[str, float] | None
    """How likely each language or group is before the name is seen; `*` is the rest."""
    coverage: float | None
    """How often `set` is to hold the true language, 0.5 to 0.99."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request whose answer is a T."""

    path: str
    body: Mapping[str, Any] | None = None
    """None for a GET."""

    @property
    def method(self) -> str:
        """Of HTTP."""
        return "GET" if self.body is None else "POST"

    @property
    def content(self) -> bytes | None:
        """The body as sent, without lone surrogates: UTF-8 has none, and the model reads none."""
        if self.body is None:
            return None
        given = {field: value for field, value in self.body.items() if value is not None}
        return json.dumps(given, ensure_ascii=False).encode("utf-8", "ignore")

    def answer(self, response: httpx.Response) -> T:
        """What the service answered with status 200.

        Raises:
            NamelangError: it is no JSON.
        """
        try:
            answer: T = response.json()
        except ValueError:  # its message may hold the answer, and so names
            raise NamelangError("the answer is no JSON: is this the service?") from None
        return answer


@dataclass(frozen=True)
class Batch:
    """A part of a list of names, as a request."""

    start: int
    """Where in the list it begins."""
    call: Call[answers.BatchAnswer]

    def results(self, answer: answers.BatchAnswer) -> Iterator[Result]:
        """A result for each name, with the model, or with its place in the whole list."""
        for i, result in enumerate(answer["results"], start=self.start):
            if failed(result):
                fault = result["error"]
                field = f"{fault['field'].partition('[')[0]}[{i}]"
                yield answers.FailedItem(name=result["name"], error={**fault, "field": field})
            else:
                yield answers.ClassifyAnswer(model=answer["model"], **result)


def connection(url: str, key: str | None, timeout: float) -> dict[str, Any]:
    """How httpx is to connect."""
    headers = {"Content-Type": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key.strip()}"
    return {"base_url": url, "headers": headers, "timeout": timeout}


def failed(result: answers.Answer | answers.FailedItem) -> TypeIs[answers.FailedItem]:
    """Whether the name of a result could not be read; its `error` says why."""
    return "error" in result


def classify(
    name: str, full_name: bool, options: Mapping[str, Any]
) -> Call[answers.ClassifyAnswer]:
    """The request for the languages of a name."""
    return Call("/v1/classify", {**_one(name, full_name), **options})


def explain(
    name: str, full_name: bool, neighbours: int | None, options: Mapping[str, Any]
) -> Call[answers.ExplainAnswer]:
    """The request for the languages of a name, and for what the answer rests on."""
    return Call("/v1/explain", {**_one(name, full_name), "neighbours": neighbours, **options})


def embed(names: Iterable[str], full_names: bool) -> Call[answers.EmbedAnswer]:
    """The request for the model's states after names."""
    return Call("/v1/embed", _many(names, full_names))


def composition(
    names: Iterable[str],
    full_names: bool,
    languages: Sequence[str] | None,
    confidence: float | None,
) -> Call[answers.CompositionAnswer]:
    """The request for the languages of names taken together."""
    asked = {"languages": languages, "confidence": confidence}
    return Call("/v1/composition", {**_many(names, full_names), **asked})


LANGUAGES: Call[answers.LanguagesAnswer] = Call("/v1/languages")
MODEL: Call[answers.ModelAnswer] = Call("/v1/model")
MODELS: Call[answers.ModelsAnswer] = Call("/v1/models")


def batches(
    names: Iterable[str], full_names: bool, size: int, options: Mapping[str, Any]
) -> Iterator[Batch]:
    """The names in requests of at most so many, each made when it is asked for.

    Raises:
        ValueError: no request can have so many names; at once, not with the first request.
        TypeError: the names are one string.
    """
    _refuse_one_string(names)
    if not 1 <= size <= requests.MAX_NAMES:
        raise ValueError(f"batches of {size} names; expected 1 to {requests.MAX_NAMES}")
    return _batches(names, full_names, size, options)


def _batches(
    names: Iterable[str], full_names: bool, size: int, options: Mapping[str, Any]
) -> Iterator[Batch]:
    start = 0
    for part in _parts(names, size):
        yield Batch(start, Call("/v1/classify_batch", {**_many(part, full_names), **options}))
        start += len(part)


def _parts(names: Iterable[str], size: int) -> Iterator[list[str]]:
    """The names in lists of at most so many, and not too large to be taken together."""
    part: list[str] = []
    room = MOST_BYTES
    for name in names:
        length = BYTES_OF_A_CHARACTER * len(_cut(name) or "null")
        if part and (len(part) == size or length > room):
            yield part
            part, room = [], MOST_BYTES
        part.append(name)
        room -= length
    if part:
        yield part


def _one(name: str, full_name: bool) -> dict[str, Any]:
    return {"full_name" if full_name else "name": _cut(name)}


def _many(names: Iterable[str], full_names: bool) -> dict[str, Any]:
    _refuse_one_string(names)
    return {"full_names" if full_names else "names": [_cut(name) for name in names]}


def _refuse_one_string(names: Iterable[str]) -> None:
    """A string is an iterable of strings too, but hardly ever meant as one."""
    if isinstance(names, str):
        raise TypeError("names are one string; expected a list of names")


def _cut(name: str) -> str | None:
    """As much of a name as is sent.

    A table's missing name (None, or the NaN of pandas, which no JSON can have) is sent as null, so
    that it fails alone.
    """
    return name[:LONGEST] if isinstance(name, str) else None
