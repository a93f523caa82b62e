"""Tables of any length cut anew, so that parts do not depend on how a file is read."""

from collections.abc import Iterable, Iterator

import pyarrow as pa


def recut(tables: Iterable[pa.Table], rows: int, first: int = 0) -> Iterator[pa.Table]:
    """The rows of tables of one schema in parts of so many, from the part `first` on.

    Where there is no row, there is one part without any, so that the titles are not lost.
    """
    waiting: list[pa.Table] = []
    here, number = 0, 0
    for table in tables:
        waiting.append(table)
        here += len(table)
        if here >= rows:
            together = pa.concat_tables(waiting)
            for start in range(0, here - rows + 1, rows):
                if number >= first:
                    yield _whole(together.slice(start, rows))
                number += 1
            waiting, here = [together.slice(here - here % rows)], here % rows
    if waiting and (here or not number) and number >= first:
        yield _whole(pa.concat_tables(waiting))


def _whole(table: pa.Table) -> pa.Table:
    """The same table, each column in one piece."""
    pieces = max((column.num_chunks for column in table.columns), default=0)
    return table.combine_chunks() if pieces > 1 else table
