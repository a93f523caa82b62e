"""From what a request holds to the family names that the model reads."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from model.classifier import check_name
from model.fullname import family_name
from service.problems import Fault, echo

MAX_FULL_NAME_LENGTH = 400


def readable(item: Any, field: str, *, full: bool) -> str | Fault:
    """The family name to read, or what is wrong with the item of a field."""
    if not isinstance(item, str):
        return Fault(field=field, value=echo(item), expected="a string")
    try:
        name = _family_name(item) if full else item
        check_name(name)
    except ValueError as error:
        return Fault(field=field, value=echo(item), expected=_expected(error))
    return name


def read_each(
    items: Sequence[Any],
    start: int,
    *,
    full: bool,
    read: Callable[[list[str]], Iterable[Mapping[str, object]]],
) -> list[Mapping[str, object]]:
    """A result for each item of a list's slice: what `read` makes of its name, or its fault.

    `start` is the place of the slice in the list.
    """
    field = "full_names" if full else "names"
    names = [
        readable(item, f"{field}[{i}]", full=full) for i, item in enumerate(items, start=start)
    ]
    results = iter(read([name for name in names if isinstance(name, str)]))
    return [
        _told(next(results), item, full) if isinstance(name, str) else _failed(item, name)
        for item, name in zip(items, names, strict=True)
    ]


def _told(result: Mapping[str, object], item: str, full: bool) -> Mapping[str, object]:
    return {**result, "full_name": item} if full else result


def _failed(item: Any, fault: Fault) -> Mapping[str, object]:
    return {"name": echo(item), "error": fault}


def _family_name(full_name: str) -> str:
    if len(full_name) > MAX_FULL_NAME_LENGTH:
        raise ValueError(
            f"a full name of {len(full_name)} characters; "
            f"expected at most {MAX_FULL_NAME_LENGTH} characters"
        )
    return family_name(full_name)


def _expected(error: ValueError) -> str:
    """``"a name of 120 characters; expected at most 100 characters"`` → what was expected."""
    return str(error).partition("expected ")[2]
