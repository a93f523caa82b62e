"""The new columns: what they are called, and how answers become them.

Shapes: N rows, k languages told of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from model.artifact import Language
from model.limits import COVERAGE, COVERAGES
from model.verdict import Judgement, Verdict
from pipeline.bulk.answers import NONE, OUTCOMES, Answers
from pipeline.bulk.faults import Fault
from pipeline.bulk.parts import place_of

Rows = NDArray[np.int32]

VERDICTS = tuple(Verdict)
VERDICT_OF = np.array(
    [VERDICTS.index(o.verdict) if isinstance(o, Judgement) else NONE for o in OUTCOMES] + [NONE],
    np.int8,
)
"""For each of `OUTCOMES`, and for `NONE`."""
REASONS = (*(o.reason.value for o in OUTCOMES if isinstance(o, Judgement)), *Fault)
REASON_OF = np.array(
    [REASONS.index(o.reason if isinstance(o, Judgement) else o) for o in OUTCOMES] + [NONE],
    np.int8,
)


class ScoreOptions(BaseModel):
    """What is asked of each name, and how the new columns are called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    """Title of the column that holds the names."""
    top_k: int = Field(3, ge=1)
    """How many languages are told, the most probable first; never more than the model has."""
    coverage: float = Field(COVERAGE, ge=COVERAGES[0], le=COVERAGES[-1])
    """How often the set is to hold the true language."""
    prefix: str = ""
    """Stands before the title of each new column."""


@dataclass(frozen=True)
class Columns:
    """What a model of these languages adds to a table."""

    languages: Sequence[Language]
    tag: str
    """The model's; it stands in every row."""
    options: ScoreOptions

    @property
    def top_k(self) -> int:
        """How many languages are told of each name."""
        return min(self.options.top_k, len(self.languages))

    @property
    def schema(self) -> pa.Schema:
        """The new columns, in their order."""
        return self.of(Answers.nothing(0, self.top_k), np.zeros(0, np.int32)).schema

    def check(self, schema: pa.Schema) -> None:
        """Refuse a table that lacks the names, or has a column that is to be added.

        Raises:
            ValueError: it does; the message says which, and what can be done.
        """
        place_of(self.options.column, schema.names)
        if taken := [title for title in self.schema.names if title in schema.names]:
            raise ValueError(
                f"there is a column {taken[0]!r} already; expected another prefix for the new "
                f"columns than {self.options.prefix!r}"
            )

    def of(self, answers: Answers, rows: Rows, faults: pa.Array | None = None) -> pa.Table:
        """The new columns of N rows, each of which has the text at `rows` (N,) of `answers`.

        A row of `NONE` has no text; why not stands in `faults` (N,), which is null elsewhere.
        """
        codes = [language.code for language in self.languages]
        columns: dict[str, pa.Array] = {}
        for j in range(self.top_k):
            columns[f"language_{j + 1}"] = _coded(_at(answers.languages[:, j], rows), codes)
            likely = _at(answers.probabilities[:, j], rows)
            columns[f"probability_{j + 1}"] = pa.array(likely, from_pandas=True)  # NaN is null
        outcomes = _at(answers.outcomes, rows)
        columns["verdict"] = _coded(VERDICT_OF[outcomes], VERDICTS)
        columns["reason"] = _coded(_with(faults, REASON_OF[outcomes]), REASONS)
        columns["set"] = _coded(*_used(_at(answers.sets, rows), answers.texts))
        columns["model"] = _coded(np.zeros(len(rows), np.int8), [self.tag])
        return pa.table({self.options.prefix + title: of for title, of in columns.items()})


def _at(values: NDArray[Any], rows: Rows) -> NDArray[Any]:
    """The values (N,) of these rows; of a row of `NONE` there is nothing."""
    nothing = np.nan if values.dtype.kind == "f" else NONE
    return np.append(values, values.dtype.type(nothing))[rows]


def _with(faults: pa.Array | None, reasons: NDArray[np.int8]) -> NDArray[np.int8]:
    """Reasons (N,), those of faulty rows among them."""
    if faults is None or faults.null_count == len(faults):
        return reasons
    found = pc.index_in(faults, pa.array(REASONS)).fill_null(NONE).to_numpy()
    return np.where(found == NONE, reasons, found).astype(np.int8)


def _used(ids: NDArray[np.int32], texts: Sequence[str]) -> tuple[NDArray[np.int32], list[str]]:
    """The same with those texts alone that occur, so that a part holds nothing of others."""
    (used,) = np.bincount(ids[ids != NONE], minlength=len(texts)).nonzero()
    place = np.full(len(texts) + 1, NONE, np.int32)
    place[used] = np.arange(len(used))
    return place[ids], [texts[i] for i in used.tolist()]


def _coded(ids: NDArray[Any], values: Sequence[str]) -> pa.Array:
    """Ids (N,) with what they stand for."""
    indices = pa.array(ids, mask=ids == NONE)
    return pa.DictionaryArray.from_arrays(indices, pa.array(map(str, values), pa.string()))
