"""Values of any type as text, and as JSON.

Shapes: n rows.
"""

import base64

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from pipeline.bulk.lines import Cells, escaped, joined
from pipeline.bulk.named import readable

_SPECIAL = bytes(range(32)) + b'"\\'
_NULL = pa.scalar(None, pa.binary())


def texts(values: pa.Array) -> pa.Array:
    """Each value (n,) as text; a null stays one.

    An instant is in ISO 8601, and in UTC where it has a time zone; bytes are in base 64, what is
    nested is JSON, and a length of time is the number of its units.
    """
    values = _plain(values)
    kind = values.type
    if pt.is_nested(kind):
        return json(values)
    if pt.is_timestamp(kind):
        instants = values.cast(pa.timestamp(kind.unit, kind.tz and "UTC")).cast(pa.string())
        return pc.replace_substring(instants, " ", "T", max_replacements=1)
    if pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind):
        coded = [None if v is None else base64.b64encode(v) for v in values.to_pylist()]
        return pa.array(coded, pa.binary())
    return (values.cast(pa.int64()) if pt.is_duration(kind) else values).cast(pa.string())


def json(values: pa.Array) -> pa.Array:
    """Each value (n,) as JSON; a null stays one, as does what is no number."""
    values = _plain(values)
    kind = values.type
    if pt.is_floating(kind):
        return texts(pc.if_else(pc.is_finite(values), values, pa.scalar(None, kind)))
    if pt.is_integer(kind) or pt.is_boolean(kind):
        return texts(values)
    if pt.is_struct(kind):
        return _where_valid(values, _members(values.flatten(), [field.name for field in kind]))
    if pt.is_map(kind):
        pairs = values.cast(pa.list_(pa.struct([("k", kind.key_type), ("v", kind.item_type)])))
        return _all_of(pairs, _pair, b"{", b"}")
    if pt.is_nested(kind):
        return _all_of(values, json, b"[", b"]")
    return _quoted(texts(values))


def _plain(values: pa.Array) -> pa.Array:
    """The values as they are stored, without ids and without a type of somebody's own."""
    if isinstance(values.type, pa.BaseExtensionType):
        return _plain(values.storage)
    return _plain(values.dictionary_decode()) if pt.is_dictionary(values.type) else values


def _quoted(cells: pa.Array) -> pa.Array:
    inner = escaped(readable(cells), _SPECIAL, _escape)
    return _where_valid(cells, joined(b'"', inner, b'"', null=b""))


def _escape(cell: bytes) -> bytes:
    return orjson.dumps(cell.decode())[1:-1]


def _members(values: list[pa.Array], titles: list[str]) -> pa.Array:
    pieces: list[pa.Array | bytes] = [b"{"]
    for title, value in zip(titles, values, strict=True):
        comma = b"," if len(pieces) > 1 else b""
        pieces += [comma + orjson.dumps(title) + b":", json(value)]
    return joined(*pieces, b"}", null=b"null")


def _pair(entries: pa.Array) -> pa.Array:
    """Of a map: whatever the type of the keys, JSON has them as text."""
    keys, values = entries.flatten()
    return joined(_quoted(texts(keys)), b":", json(values), null=b"null")


def _all_of(lists: pa.Array, inner: Cells, start: bytes, end: bytes) -> pa.Array:
    lengths = pc.if_else(lists.is_valid(), pc.list_value_length(lists), 0).to_numpy()
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int32)
    items = pc.coalesce(inner(lists.flatten()).cast(pa.binary()), b"null")
    members = pc.binary_join(pa.ListArray.from_arrays(offsets, items), b",")
    return _where_valid(lists, joined(start, members, end, null=b""))


def _where_valid(values: pa.Array, cells: pa.Array) -> pa.Array:
    return pc.if_else(values.is_valid(), cells, _NULL)
