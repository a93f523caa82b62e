"""The bodies of answers. OpenAPI is made of them too."""

from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from service.problems import Fault

TAG = "namelang:20261125-044952.540079-d6cf11ea"
"""An example of a model's."""

Model = Annotated[str, Field(description="The model that answered.", examples=[TAG])]
Share = Annotated[float, Field(ge=0, le=1)]


class LanguageProbability(TypedDict):
    """One line of an answer."""

    code: Annotated[str, Field(examples=["pl"])]
    language: Annotated[str, Field(examples=["Polish"])]
    probability: Share


class Answer(TypedDict):
    """What the model makes of a name."""

    name: Annotated[str, Field(description="The family name that was read, as it was sent.")]
    full_name: NotRequired[Annotated[str, Field(description="As it was sent, if it was.")]]
    verdict: Annotated[str, Field(pattern="^(confident|ambiguous|unknown)$")]
    reason: Annotated[str, Field(description="why, as a code", examples=["one_language"])]
    set: Annotated[
        list[str], Field(description="Codes that hold the true language as often as asked.")
    ]
    languages: Annotated[list[LanguageProbability], Field(description="Most probable first.")]


class ClassifyAnswer(Answer):
    """The languages of a name, and how far they can be relied on."""

    model: Model


class FailedItem(TypedDict):
    """An item that could not be read. The others were."""

    name: Annotated[Any, Field(description="What was sent, kept short.")]
    error: Fault


class BatchAnswer(TypedDict):
    """One result for each name, in the order asked."""

    model: Model
    results: list[Answer | FailedItem]


class Push(TypedDict):
    """How far an n-gram pushes towards a language, in logits above the mean of all languages."""

    code: str
    logit: float


class FiredGram(TypedDict):
    """An n-gram that fired, with the languages that it pushes to most."""

    text: str
    push: list[Push]


class TraceStep(TypedDict):
    """What the model believed after one symbol of the normalised name."""

    symbol: str
    grams: list[FiredGram]
    languages: list[LanguageProbability]


class Neighbour(TypedDict):
    """A known name near the one asked about."""

    name: str
    similarity: Annotated[float, Field(description="cosine of the embeddings")]
    languages: Annotated[dict[str, int], Field(description="training records by language")]


class ExplainAnswer(ClassifyAnswer):
    """An answer with what it rests on."""

    familiarity: Annotated[Share, Field(description="Share of real names that look stranger.")]
    on_lists: Annotated[
        dict[str, int] | None, Field(description="Training records with this very spelling.")
    ]
    nearest: list[Neighbour] | None
    trace: list[TraceStep]


class Embedding(TypedDict):
    """h_T of a name."""

    name: str
    full_name: NotRequired[str]
    embedding: list[float]


class EmbedAnswer(TypedDict):
    """One embedding for each name, in the order asked."""

    model: Model
    dimensions: int
    results: list[Embedding | FailedItem]


class LanguageShare(TypedDict):
    """A language's share of the names, with its interval."""

    code: str
    language: str
    share: Share
    low: Share
    high: Share
    answered: Annotated[Share, Field(description="Share of names so answered, uncorrected.")]


class MakeUp(TypedDict):
    """The language make-up of a list of names, corrected for what the model mistakes for what."""

    confidence: float
    names: Annotated[int, Field(description="Names that the make-up is of.")]
    unknown: Annotated[int, Field(description="Left out: they look like no name.")]
    unreadable: Annotated[int, Field(description="Left out: there was nothing to read.")]
    languages: list[LanguageShare]


class CompositionAnswer(MakeUp):
    """A make-up, with the model that it comes from."""

    model: Model


class TestQuality(TypedDict):
    """Quality on the test names of a language."""

    n: int
    precision: Share
    recall: Share
    f1: Share


class KnownLanguage(TypedDict):
    """A language that the model knows."""

    code: str
    language: str
    iso639_3: str | None
    names: Annotated[int | None, Field(description="Distinct names in its data.")]
    test: TestQuality | None


class LanguagesAnswer(TypedDict):
    """The languages that the model knows, and the groups that requests can name."""

    model: Model
    languages: list[KnownLanguage]
    groups: dict[str, list[str]]


class ModelAnswer(TypedDict):
    """The served model's own record."""

    model: Model
    sha256: str
    promoted_at: str | None
    created: str | None
    hidden: int
    data: Annotated[dict[str, Any], Field(description="Hash, origins, licences, counts.")]
    metrics: Annotated[dict[str, Any], Field(description="On test names, per language too.")]
    training: dict[str, Any]
    libraries: dict[str, str]
    card: Annotated[str, Field(description="The model card, Markdown.")]


class StoredModel(TypedDict):
    """A version in the store."""

    model: str
    created: str
    status: str
    promoted: bool


class ModelsAnswer(TypedDict):
    """Every version in the store, the newest first."""

    model: Model
    models: list[StoredModel]
