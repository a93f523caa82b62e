"""A column's texts as names: what is missing or broken among them gets a fault.

Shapes: n rows.
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.bulk.faults import Fault

_NULL = pa.scalar(None, pa.string())


def named(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Names (n,), typed as these texts (n,) or int32 ids of texts, and faults (n,).

    In each row one of the two is null.
    """
    if pa.types.is_dictionary(texts.type):
        values = texts.dictionary
        if not values.null_count and is_utf8(values) and not pc.any(_missing(values)).as_py():
            return texts, _faults(texts.is_null(), Fault.NO_NAME)
        names, faults = named(texts.cast(pa.string()))
        return names.dictionary_encode(), faults
    faults = _faults(_missing(texts), Fault.NO_NAME)
    if not is_utf8(texts):
        faults = pc.if_else(_broken(texts), pa.scalar(Fault.NOT_UTF8.value), faults)
    if faults.null_count == len(faults):
        return texts, faults
    return pc.if_else(faults.is_null(), texts, _NULL), faults


def is_utf8(texts: pa.Array) -> bool:
    """Whether what is typed as text is text."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def readable(texts: pa.Array) -> pa.Array:
    """The same texts, with U+FFFD for what is broken in them."""
    if is_utf8(texts):
        return texts
    cells = texts.cast(pa.large_binary()).to_pylist()
    repaired = [None if cell is None else cell.decode(errors="replace") for cell in cells]
    return pa.array(repaired, texts.type)


def _missing(texts: pa.Array) -> pa.Array:
    return pc.equal(pc.binary_length(texts), 0).fill_null(True)


def _broken(texts: pa.Array) -> pa.Array:
    return pa.array(map(_is_broken, texts.cast(pa.binary()).to_pylist()), pa.bool_())


def _is_broken(cell: bytes | None) -> bool:
    try:
        (cell or b"").decode()
    except UnicodeDecodeError:
        return True
    return False


def _faults(where: pa.Array, fault: Fault) -> pa.Array:
    return pc.if_else(where, pa.scalar(fault.value), _NULL)
