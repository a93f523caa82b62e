"""The bodies of requests. OpenAPI is made of them too."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from model.limits import COVERAGE, COVERAGES, MAX_NAME_LENGTH

MAX_NAMES = 10_000
MAX_NEIGHBOURS = 50
CONFIDENCE = 0.95

TopK = Annotated[
    int | None, Field(description="How many languages to list; all of them without it.", ge=1)
]
Threshold = Annotated[
    float, Field(description="List only languages at least this probable.", ge=0, le=1)
]
Languages = Annotated[
    list[str] | None,
    Field(
        description="Only these can be: codes, ISO 639-3 codes, English names, or groups.",
        min_length=1,
        max_length=200,
        examples=[["pl", "German", "Nordic"]],
    ),
]
Prior = Annotated[
    dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] | None,
    Field(
        description="How likely each language (or group) is before the name is seen, on any scale; "
        "`*` stands for the rest together, `each` for each of them; they can otherwise not be.",
        min_length=1,
        max_length=200,
        examples=[{"pl": 3, "de": 1, "*": 1}],
    ),
]
Coverage = Annotated[
    float,
    Field(
        description="How often `set` is to hold the true language.",
        ge=COVERAGES[0],
        le=COVERAGES[-1],
    ),
]
Names = Annotated[
    list[Any],  # what is no name fails alone, not the whole batch
    Field(
        description=f"Family names in any script, each of at most {MAX_NAME_LENGTH} characters.",
        min_length=1,
        max_length=MAX_NAMES,
        json_schema_extra={"items": {"type": "string"}},
        examples=[["Kowalski", "Papadopoulos", "田中"]],
    ),
]
FullNames = Annotated[
    list[Any],
    Field(
        description="Full names, of which the family names are read, in place of `names`.",
        min_length=1,
        max_length=MAX_NAMES,
        json_schema_extra={"items": {"type": "string"}},
        examples=[["Anna Maria Kowalska", "山田 太郎"]],
    ),
]


class Body(BaseModel):
    """A JSON object as the whole body of a request; no field but the declared ones."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _exactly_one(*fields: str) -> ConfigDict:
    """Says in the schema what `_one` checks."""
    either: list[JsonValue] = [
        {"required": [field], "properties": {field: {"not": {"type": "null"}}}} for field in fields
    ]
    return ConfigDict(json_schema_extra={"oneOf": either})


class OneName(Body):
    """A name or a full name."""

    model_config = _exactly_one("name", "full_name")

    name: Annotated[
        str | None,
        Field(
            description=f"A family name in any script, of at most {MAX_NAME_LENGTH} characters.",
            examples=["Kowalski"],
        ),
    ] = None
    full_name: Annotated[
        str | None,
        Field(
            description="A full name, of which the family name is read, in place of `name`.",
            examples=["Anna Maria Kowalska"],
        ),
    ] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.name is None) == (self.full_name is None):
            raise ValueError("exactly one of name and full_name")
        return self


class ManyNames(Body):
    """Names or full names."""

    model_config = _exactly_one("names", "full_names")

    names: Names | None = None
    full_names: FullNames | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.names is None) == (self.full_names is None):
            raise ValueError("exactly one of names and full_names")
        return self


class Asked(Body):
    """What a caller can ask of an answer."""

    top_k: TopK = None
    threshold: Threshold = 0.0
    languages: Languages = None
    prior: Prior = None
    coverage: Coverage = COVERAGE


class ClassifyRequest(Asked, OneName):
    """Which languages does this name come from?"""


class BatchRequest(Asked, ManyNames):
    """Which languages does each of these names come from?"""


class ExplainRequest(Asked, OneName):
    """Which languages does this name come from, and what does the answer rest on?"""

    neighbours: Annotated[
        int, Field(description="How many of the nearest known names.", ge=0, le=MAX_NEIGHBOURS)
    ] = 5


class EmbedRequest(ManyNames):
    """What is the model's state after each of these names?"""


class CompositionRequest(ManyNames):
    """Of which languages are these names, taken together?"""

    languages: Languages = None
    confidence: Annotated[
        float, Field(description="How often the intervals hold the true share.", ge=0.5, le=0.99)
    ] = CONFIDENCE
