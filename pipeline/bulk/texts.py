"""The column of names, whatever it is stored as.

Shapes: N rows.
"""

from typing import NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.bulk.answers import NONE
from pipeline.bulk.faults import Fault


def texts(column: pa.ChunkedArray, title: str) -> pa.Array:
    """A column as one array of strings, or of ids of strings where it is stored so.

    Raises:
        ValueError: it holds something else.
    """
    check_text(column.type, title)
    if pa.types.is_dictionary(column.type):
        return column.unify_dictionaries().combine_chunks()
    return column.cast(pa.large_string()).combine_chunks()


def check_text(kind: pa.DataType, title: str) -> None:
    """Refuse a column that does not hold text, or ids of texts.

    Raises:
        ValueError: it does not.
    """
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if inner not in (pa.string(), pa.large_string(), pa.string_view()):
        raise ValueError(f"column {title!r} is of type {kind}; expected text")


class Distinct(NamedTuple):
    """The distinct texts of N rows."""

    texts: pa.LargeStringArray
    """Each once."""
    rows: NDArray[np.int32]
    """(N,) the place of each row's text; `NONE` for a null."""

    @classmethod
    def of(cls, names: pa.Array) -> Self:
        """Of N texts or nulls, or ids of texts.

        >>> Distinct.of(pa.array(["b", None, "a", "b"])).rows
        array([ 0, -1,  1,  0], dtype=int32)
        """
        coded = _coded(names)
        ids = coded.indices.fill_null(NONE).to_numpy()
        # A dictionary of the input may hold what no row has.
        (used,) = np.bincount(ids[ids != NONE], minlength=len(coded.dictionary)).nonzero()
        place = np.full(len(coded.dictionary) + 1, NONE, np.int32)
        place[used] = np.arange(len(used))
        texts = coded.dictionary.take(pa.array(used)).cast(pa.large_string())
        return cls(texts, place[ids])


def _coded(names: pa.Array) -> pa.DictionaryArray:
    """Ids of distinct texts, none of which is null."""
    if pa.types.is_dictionary(names.type):
        texts = names.dictionary.cast(pa.large_string())
        if pc.count_distinct(texts, mode="all").as_py() == len(texts) and not texts.null_count:
            return names
        names = names.dictionary_decode()
    return names.dictionary_encode()


def missing(names: pa.Array) -> pa.Array:
    """(N,) the fault of each row that has no text; null elsewhere."""
    return pc.if_else(names.is_null(), Fault.NO_NAME.value, pa.scalar(None, pa.string()))
