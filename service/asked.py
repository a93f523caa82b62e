"""What a request asks: of which names, and with which options."""

from collections.abc import Mapping
from typing import Any

from model.context import Context
from service import requests
from service.names import readable
from service.problems import Fault, echo, invalid
from service.served import Options, Served


def one_name(request: requests.OneName) -> str:
    """The family name that a request asks about.

    Raises:
        Problem: there is nothing to read in it.
    """
    full = request.full_name is not None
    name = readable(
        request.full_name if full else request.name, "full_name" if full else "name", full=full
    )
    if isinstance(name, str):
        return name
    raise invalid([name])


def sent(request: requests.OneName) -> dict[str, str]:
    """What an answer repeats of a request for a full name."""
    return {} if request.full_name is None else {"full_name": request.full_name}


def many(request: requests.ManyNames) -> tuple[bool, list[Any]]:
    """Whether a request is about full names, and its items."""
    if request.full_names is not None:
        return True, request.full_names
    return False, request.names or []


def options_of(served: Served, request: requests.Asked) -> Options:
    """How a request wants its answers.

    Raises:
        Problem: as `context_of`.
    """
    return Options(
        request.top_k,
        request.threshold,
        request.coverage,
        context_of(served, request.languages, request.prior),
    )


def context_of(
    served: Served, languages: list[str] | None, prior: Mapping[str, float] | None
) -> Context | None:
    """The context that a request describes.

    Raises:
        Problem: it names what the model does not know, or leaves nothing.
    """
    try:
        served.context(languages, None)  # by itself, to know which field is at fault
    except ValueError as error:
        raise invalid(
            [Fault(field="languages", value=echo(languages), expected=str(error))]
        ) from None
    try:
        return served.context(languages, prior)
    except ValueError as error:
        raise invalid([Fault(field="prior", value=echo(prior), expected=str(error))]) from None
