"""What an operator can set: environment variables that start with NAMELANG_."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.threads import cores
from service.requests import MAX_NAMES

PREFIX = "NAMELANG_"


class SettingsError(ValueError):
    """An environment variable cannot be used."""


class Settings(BaseModel):
    """Each field is read from the variable of its name: `max_body` from NAMELANG_MAX_BODY."""

    model_config = ConfigDict(frozen=True)

    store: Path | None = None
    """Home of the model store whose promoted model is served; BENTOML_HOME without it."""
    workers: Annotated[int, Field(ge=1, le=256)] = max(2, cores())
    """Processes that answer; two at least, so that one can die unnoticed."""
    max_body: Annotated[int, Field(ge=1024)] = 4 * 2**20
    """Bytes of a request's body; 10,000 names of 100 ASCII characters fit four times."""
    max_queue: Annotated[int, Field(ge=MAX_NAMES)] = 5 * MAX_NAMES
    """Names that may wait in one process before requests are turned away."""
    body_seconds: Annotated[float, Field(gt=0)] = 10.0
    """How long a caller may take to send a body."""
    cors_origins: str = ""
    """Web origins that may ask from a browser, separated by spaces; `*` for all."""
    keys_file: Path | None = None
    """TOML file of API keys; none are asked for without it. See `service.keys`."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings that these variables make.

        Raises:
            SettingsError: a variable is unknown or has a value that cannot be.
        """
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(PREFIX)
        }
        for name in given.keys() - cls.model_fields.keys():
            nearest = get_close_matches(name, cls.model_fields, n=1, cutoff=0) or ["workers"]
            raise SettingsError(
                f"{_variable(name)} is not a setting; the nearest is {_variable(nearest[0])}"
            )
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            [fault, *_] = error.errors(include_url=False)
            name = _variable(str(fault["loc"][0]))
            raise SettingsError(f"{name} is {fault['input']!r}: {fault['msg']}") from error


def _variable(field: str) -> str:
    return PREFIX + field.upper()
