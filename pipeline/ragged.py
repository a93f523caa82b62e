"""The ids of many names in a file that is mapped into memory, so that they need not fit there.

Nothing pads them: the names follow one another, step by step, and a batch is padded when it is cut.

Shapes: N names, P steps of all names, G n-gram order.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.lookup import Ids
from model.vocabulary import Vocabulary

CHUNK = 8192
"""Names that are encoded at once, which bounds the memory that it takes."""


class Ragged(NamedTuple):
    """Encoded names, one after the other."""

    ids: Ids
    """(1 + P, G) of all steps, memory-mapped; the first row is 0, for what pads a batch."""
    bounds: NDArray[np.int64]
    """(N + 1,) name n has the rows from `bounds[n]` to below `bounds[n + 1]`."""


def encode(names: Sequence[str], vocabulary: Vocabulary, scratch: Path | None = None) -> Ragged:
    """Ids of normalised names, in a file without a name that goes when nothing maps it any more.

    `scratch` is the folder it lies in, None for the system's temporary one, which on some machines
    is memory itself.
    """
    G = vocabulary.order
    bounds = np.ones(len(names) + 1, np.int64)
    with TemporaryFile(dir=scratch) as file:
        file.write(np.zeros(G, np.int32).data)
        for begin in range(0, len(names), CHUNK):
            ids, lengths = vocabulary.encode(names[begin : begin + CHUNK])
            steps = np.arange(ids.shape[1]) >= ids.shape[1] - lengths[:, np.newaxis]
            file.write(ids[steps].data)
            bounds[begin + 1 : begin + 1 + len(lengths)] = lengths
        file.flush()
        np.cumsum(bounds, out=bounds)
        # To be written to, as torch demands of what it shares; nobody does.
        return Ragged(np.memmap(file, np.int32, "r+", shape=(int(bounds[-1]), G)), bounds)


def mapped(shape: tuple[int, ...], kind: type[np.generic], scratch: Path | None = None) -> Any:
    """Zeros of this shape and kind in such a file; a plain array where there are none."""
    if not all(shape):
        return np.zeros(shape, kind)
    with TemporaryFile(dir=scratch) as file:
        file.truncate(int(np.prod(shape)) * np.dtype(kind).itemsize)
        return np.memmap(file, kind, "r+", shape=shape)
