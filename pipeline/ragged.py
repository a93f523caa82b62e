"""The ids of many names in a file that is mapped into memory, so that they need not fit there.

Nothing pads them: the names follow one another, step by step, and a batch is padded when it is cut.

Shapes: N names, P steps of all names, K ids of a step.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.lookup import Ids
from model.vocabulary import Vocabulary

CHUNK = 8192
"""Names that are encoded at once, which bounds the memory that it takes."""


class Ragged(NamedTuple):
    """Encoded names, one after the other."""

    ids: Ids
    """(N + P, K) memory-mapped; before the steps of each name stands a row of 0, which pads it."""
    bounds: NDArray[np.int64]
    """(N + 1,) name n has the rows from `bounds[n]` to below `bounds[n + 1]`."""


def encode(names: Sequence[str], vocabulary: Vocabulary, scratch: Path | None = None) -> Ragged:
    """Ids of normalised names, in a file without a name that goes when nothing maps it any more.

    `scratch` is the folder it lies in, None for the system's temporary one, which on some machines
    is memory itself.
    """
    bounds = np.zeros(len(names) + 1, np.int64)
    with TemporaryFile(dir=scratch) as file:
        for begin in range(0, len(names), CHUNK):
            ids, lengths = vocabulary.encode(names[begin : begin + CHUNK])
            ids = np.pad(ids, ((0, 0), (1, 0), (0, 0)))
            mine = np.arange(ids.shape[1], 0, -1) <= lengths[:, np.newaxis] + 1
            file.write(ids[mine].data)
            bounds[begin + 1 : begin + 1 + len(lengths)] = lengths + 1
        file.flush()
        np.cumsum(bounds, out=bounds)
        return Ragged(_map(file, (int(bounds[-1]), vocabulary.width), np.int32), bounds)


def mapped(shape: tuple[int, ...], kind: type[np.generic], scratch: Path | None = None) -> Any:
    """Zeros of this shape and kind in such a file.

    Raises:
        OSError: there is no room for it.
    """
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    with TemporaryFile(dir=scratch) as file:
        if size and hasattr(os, "posix_fallocate"):
            # Else a disk that is full would be found out by the kernel, which ends the process.
            os.posix_fallocate(file.fileno(), 0, size)
        file.truncate(size)
        return _map(file, shape, kind)


def _map(file: IO[bytes], shape: tuple[int, ...], kind: type[np.generic]) -> Any:
    # To be written to, as torch demands of what it shares. Nothing cannot be mapped.
    return np.memmap(file, kind, "r+", shape=shape) if all(shape) else np.zeros(shape, kind)
