"""What goes over the wire: request bodies, answers, and the refusal of a bad request."""

from collections.abc import Iterable
from typing import Annotated, Any, Self

import bentoml
from pydantic import AfterValidator, ConfigDict, Field, SkipValidation, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from model.classifier import MAX_NAME_LENGTH, check_name

MAX_NAMES = 10_000
MAX_ERRORS = 10
"""How many of a request's errors the refusal spells out."""
MAX_ECHO = 120
"""How many characters of a refused value are sent back."""


def _readable(name: str) -> str:
    check_name(name)
    return name


Name = Annotated[
    str,
    Field(
        description="A family name in any script.",
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        examples=["Kowalski"],
    ),
    AfterValidator(_readable),
]
TopK = Annotated[
    int | None,
    Field(description="How many languages to answer with; all of them without it.", ge=1),
]


class Refusal(JSONResponse):
    """A 400 that says for each error which field, which value, and what was expected.

    The body goes to the caller, whose names these are, and nowhere else.
    """

    def __init__(self, error: ValidationError, fields: Iterable[str]) -> None:
        errors = error.errors(include_url=False, include_context=False)
        detail = [_explain(fields, **error) for error in errors[:MAX_ERRORS]]
        super().__init__(
            {"error": f"invalid request: {len(errors)} error(s)", "detail": detail}, 400
        )


def _explain(
    fields: Iterable[str], *, type: str, loc: tuple[int | str, ...], msg: str, input: Any, **_: Any
) -> dict[str, Any]:
    field = "".join(f"[{part}]" if isinstance(part, int) else part for part in loc)
    unknown = type == "extra_forbidden"
    expected = f"no field but {', '.join(fields)}" if unknown else msg.removeprefix("Value error, ")
    return {"field": field or "body", "value": _echo(input), "expected": expected}


def _echo(value: Any) -> Any:
    """What was sent, kept short: ``["a", "b"]`` → ``"array of 2"``."""
    match value:
        case bytes():  # the whole body, where it is no JSON
            return value[:MAX_ECHO].decode("utf-8", "replace")
        case str():
            return value[:MAX_ECHO]
        case list():
            return f"array of {len(value)}"
        case dict():
            return f"object of {len(value)}"
        case int() | None:
            return value
        case _:  # a float, which JSON may not know: NaN, Infinity
            return str(value)


class _Body(bentoml.IODescriptor):
    """A JSON object as the whole body of a request; no field but the declared ones."""

    __root_input__ = True  # BentoML hands the body over as one argument, not one for each field.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    async def from_http_request(cls, request: Request, serde: object) -> Self | Refusal:
        """The body, or its refusal.

        The refusal is returned, for BentoML would log what is raised here, names included.
        """
        try:
            return cls.model_validate_json(await request.body())
        except ValidationError as error:
            return Refusal(error, cls.model_fields)


class ClassifyRequest(_Body):
    """Which languages does this name come from?"""

    name: Name
    top_k: TopK = None


class BatchRequest(_Body):
    """Which languages does each of these names come from?"""

    names: Annotated[list[Name], Field(min_length=1, max_length=MAX_NAMES)]
    top_k: TopK = None


class LanguageProbability(TypedDict):
    """One line of an answer."""

    code: str
    language: str
    probability: float


class Result(TypedDict):
    """A name as it was sent, and what the model makes of it."""

    name: str
    verdict: str
    reason: str
    set: list[str]
    languages: list[LanguageProbability]


# The classifier's answers are not validated again, which would take longer than making them.
class ClassifyAnswer(bentoml.IODescriptor):
    """The languages of a name, the most probable first, and how far they can be relied on."""

    model: str
    name: str
    verdict: Annotated[str, Field(description="confident, ambiguous or unknown")]
    reason: Annotated[str, Field(description="why, as a code", examples=["one_language"])]
    set: Annotated[
        list[str], Field(description="languages that hold the true one nine times out of ten")
    ]
    languages: SkipValidation[list[LanguageProbability]]


class BatchAnswer(bentoml.IODescriptor):
    """One result for each name, in the order asked."""

    model: str
    results: SkipValidation[list[Result]]
