"""Many sets of languages as texts, each distinct one put together once.

Shapes: N names, C languages.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model.answer import descending
from pipeline.bulk.told import MEMBERS


def coded(
    keys: NDArray[np.uint64],
    probabilities: NDArray[np.float32],
    sets: NDArray[np.bool_],
    codes: Sequence[str],
) -> tuple[NDArray[np.int32], list[str]]:
    """The set of each row (N, C) as a place (N,) among the texts that are returned too.

    A text has the codes of the members, the most probable first. `keys` (N,) are those of `Told`.

    >>> p, keys = np.array([[0.4, 0.6], [0.7, 0.3]], np.float32), np.array([0x0102, 1], np.uint64)
    >>> coded(keys, p, np.array([[True, True], [True, False]]), ["de", "nl"])
    (array([0, 1], dtype=int32), ['nl de', 'de'])
    """
    (short,), (long,) = keys.nonzero(), (keys == 0).nonzero()
    distinct = pa.array(keys[short]).dictionary_encode()
    texts = _texts(distinct.dictionary.to_numpy(), codes)
    ids = np.empty(len(keys), np.int32)
    ids[short] = distinct.indices.to_numpy()
    ids[long] = len(texts) + np.arange(len(long))
    for order, members in zip(descending(probabilities[long]), sets[long], strict=True):
        texts.append(" ".join(codes[c] for c in order[members[order]].tolist()))
    return ids, texts


def _texts(keys: NDArray[np.uint64], codes: Sequence[str]) -> list[str]:
    """The text of each key."""
    places = np.ascontiguousarray(keys, "<u8").view(np.uint8).reshape(-1, MEMBERS)
    inside = places > 0
    members = pa.array(codes).take(pa.array(places[inside] - 1))
    ends = np.append(0, inside.sum(axis=1).cumsum()).astype(np.int32)
    texts: list[str] = pc.binary_join(pa.ListArray.from_arrays(ends, members), " ").to_pylist()
    return texts
