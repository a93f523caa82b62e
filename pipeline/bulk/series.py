"""Columns that are in memory already: pandas, polars, Arrow, each answered with its own table."""

from functools import lru_cache
from typing import Any

import pyarrow as pa

from model.limits import COVERAGE
from pipeline.bulk.columns import ScoreOptions
from pipeline.bulk.readers import Model
from pipeline.bulk.scorer import Scorer
from pipeline.bulk.texts import texts


def classify_series(
    series: Any, *, model: str | None = None, top_k: int = 3, coverage: float = COVERAGE
) -> Any:
    """What the model says of each name, row by row: the columns that `namelang score` adds.

    Of a pandas Series (N) a DataFrame with its index, of a polars Series a DataFrame, of an Arrow
    array a Table. A missing name gets nothing but a reason. Each distinct name is read once, and
    the model is loaded once for as long as it stays the same.

    `model` is a tag of the store or an artifact directory; None: what is promoted now.

    Raises:
        ValueError: the series holds something else than text; there is no such model.
    """
    scorer = _loaded(Model.found(model), top_k, coverage)
    library = type(series).__module__.partition(".")[0]
    if library == "pandas":
        return scorer.columns(_texts(series)).to_pandas().set_index(series.index)
    if library == "polars":
        import polars

        return polars.from_arrow(scorer.columns(_texts(series.to_arrow())))
    return scorer.columns(_texts(series))


@lru_cache(maxsize=2)
def _loaded(model: Model, top_k: int, coverage: float) -> Scorer:
    return model.scorer(ScoreOptions(column="", top_k=top_k, coverage=coverage), "cpu")


def _texts(series: Any) -> pa.Array:
    """Names as Arrow has them; of pandas, NaN and None are missing."""
    if isinstance(series, pa.ChunkedArray):
        column = series
    else:
        try:
            column = pa.chunked_array([pa.array(series, from_pandas=True)])
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise ValueError("the series holds values of several types; expected text") from None
    if pa.types.is_null(column.type):  # nothing but missing names
        column = column.cast(pa.string())
    return texts(column, str(getattr(series, "name", None) or "series"))
