"""One frozen object per stage, validated once, where a run begins."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.recipe import Recipe
from pipeline.sources.protocol import DataError


class Stage(BaseModel):
    """A stage's values: unknown keys are refused, nothing changes after validation."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class IngestConfig(Stage):
    """What to read, and what to keep of it."""

    sources: tuple[str, ...] = Field(("builtin",), min_length=1)
    """`builtin`, paths and http(s) URLs."""
    name_column: str | None = None
    language_column: str | None = None
    weight_column: str | None = None
    encoding: str | None = None
    """Of text files; None to have it found."""
    min_names: int = Field(20, ge=1)
    """A language with fewer distinct names is dropped, and reported."""


class SplitConfig(Stage):
    """Shares of the names that validation and test get."""

    validation: float = Field(0.1, gt=0, lt=0.5)
    test: float = Field(0.1, gt=0, lt=0.5)
    seed: int = 0


class GateConfig(Stage):
    """When a model may not be served.

    A tolerance is what a retraining may cost even where chance cannot explain it.
    """

    min_accuracy: float = Field(0.5, ge=0, le=1)
    min_macro_f1: float = Field(0.25, ge=0, le=1)
    max_ece: float = Field(0.1, ge=0, le=1)
    max_bytes: int = Field(50_000_000, ge=1)
    """Of weights and record on disk, without evidence and report."""
    accuracy_tolerance: float = Field(0.005, ge=0)
    macro_f1_tolerance: float = Field(0.01, ge=0)
    log_loss_tolerance: float = Field(0.02, ge=0)
    ece_tolerance: float = Field(0.02, ge=0)
    recall_tolerance: float = Field(0.05, ge=0)
    """Of each language that has `floor_rows` test rows."""
    floor_rows: int = Field(20, ge=1)
    may_disappear: tuple[str, ...] = ()
    """Codes of languages that the promoted model knows and the next one need not; `*` is any."""
    max_slowdown: float = Field(2.0, gt=0)
    """The time for a name, or for a batch, over the promoted model's."""


class Config(Stage):
    """A whole training run."""

    ingest: IngestConfig = IngestConfig()
    split: SplitConfig = SplitConfig()
    training: Recipe = Recipe()
    gate: GateConfig = GateConfig()
    evidence: bool = True
    """Whether the training names travel in the model, so that it can show what it knows."""
    url: str | None = Field(None, pattern="^https?://")
    """Of a running service: a promotion that it does not follow is taken back."""
    device: str = Field("auto", pattern="^(auto|cpu|cuda)$")

    @property
    def recipe(self) -> Recipe:
        """How to train. Where names are not to travel, no n-gram that one alone may have does."""
        return self.training if self.evidence else replace(self.training, exceptions=0)

    @classmethod
    def read(cls, path: Path | None, overrides: dict[str, Any]) -> Self:
        """The defaults, over them a TOML file's tables, over them `overrides` (nested).

        Raises:
            DataError: the file or a value is wrong; the message names it and what was expected.
        """
        try:
            values = tomllib.loads(path.read_text("utf-8")) if path else {}
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise DataError(f"configuration {path} cannot be read: {error}") from error
        for table, given in overrides.items():
            values[table] = values.get(table, {}) | given if isinstance(given, dict) else given
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [
                f"{'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg']}"
                for e in error.errors()
            ]
            raise DataError("configuration: " + "; ".join(lines)) from error
