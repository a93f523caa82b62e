"""A trained model as a directory that explains itself: `weights.safetensors` and `model.json`.

`model.json` holds the SHA-256 of the weights, so its own digest identifies the whole artifact.
Nothing is pickled. A directory appears under its final name only when it is complete.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from model.conformal import Conformal
from model.familiarity import Familiarity
from model.text import NORMALISATION_VERSION
from model.vocabulary import Vocabulary

SCHEMA_VERSION = 2
"""1 had a step of its own for each mark around a name."""
WEIGHTS, RECORD = "weights.safetensors", "model.json"

_AS_THEY_ARE = ("temperature", "evidence_sha256", "data", "training", "metrics", "libraries")

Floats = NDArray[np.float32]


class ArtifactError(ValueError):
    """The directory does not hold a whole model that this version can read."""


@dataclass(frozen=True)
class Language:
    """A class of the model."""

    code: str
    """BCP-47 tag where a library knows the language, else the label as the data gave it."""
    name: str
    iso639_3: str | None = None


@dataclass(frozen=True)
class Artifact:
    """Everything that inference needs, and the record of how it came about."""

    W: Floats  # (H, H)
    U: Floats  # (H, F)
    V: Floats  # (C, H)
    vocabulary: Vocabulary
    languages: tuple[Language, ...]
    temperature: float = 1.0
    """Logits are divided by it; fitted on validation names."""
    familiarity: Familiarity | None = None
    conformal: Conformal | None = None
    """With `familiarity`, what it takes to give a verdict; a model that is served has both."""
    confusion: tuple[tuple[int, ...], ...] | None = None
    """(C, C) how many validation rows of a language (row) were answered with another (column), of
    names whose verdict is not unknown. None in models of before it was counted."""
    evidence_sha256: str | None = None
    """Of `evidence.json` beside the record; None where the training names do not travel along."""
    smoke: Mapping[str, Any] | None = None
    """What the model said of a few names when it was stored; see `model.smoke`."""
    reference: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None
    """What it made of test names, counted as the service counts, by answered language
    (`model.tally.reference`), for drift. None in models of before it was counted."""
    data: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        H, F, C = self.W.shape[0], len(self.vocabulary), len(self.languages)
        for name, matrix, shape in (
            ("W", self.W, (H, H)),
            ("U", self.U, (H, F)),
            ("V", self.V, (C, H)),
        ):
            if matrix.shape != shape:
                raise ArtifactError(f"{name} has shape {matrix.shape}, expected {shape}")
            if not np.isfinite(matrix).all():
                raise ArtifactError(f"{name} holds values that are not finite")
        if not self.temperature > 0:
            raise ArtifactError(f"temperature is {self.temperature}, expected above 0")
        if self.confusion is not None:
            _check_confusion(self.confusion, C)


def save(artifact: Artifact, directory: Path) -> str:
    """Write the artifact as a new directory and return its digest.

    Raises:
        FileExistsError: the directory is there already; artifacts are never overwritten.
    """
    if directory.exists():
        raise FileExistsError(f"{directory} exists; an artifact is never overwritten")
    matrices = {"W": artifact.W, "U": artifact.U, "V": artifact.V}
    weights = save_tensors({name: _compact(matrix) for name, matrix in matrices.items()})
    record = {
        "schema_version": SCHEMA_VERSION,
        "normalisation_version": NORMALISATION_VERSION,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "vocabulary": asdict(artifact.vocabulary),
        "languages": [asdict(language) for language in artifact.languages],
        "familiarity": artifact.familiarity and artifact.familiarity.to_dict(),
        "conformal": artifact.conformal and artifact.conformal.to_dict(),
        "confusion": artifact.confusion,
        "smoke": artifact.smoke,
        "reference": artifact.reference,
        **{name: getattr(artifact, name) for name in _AS_THEY_ARE},
    }
    partial = directory.with_name(f".{directory.name}.{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        (partial / WEIGHTS).write_bytes(weights)
        (partial / RECORD).write_text(json.dumps(record, ensure_ascii=False, indent=1), "utf-8")
        partial.rename(directory)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return digest(directory)


def load(directory: Path, *, sha256: str | None = None) -> Artifact:
    """Read and verify an artifact.

    Raises:
        ArtifactError: a file is missing, damaged, does not match `sha256` or the record, or was
            written by a version that this one does not understand.
    """
    record = load_record(directory, sha256=sha256)
    weights = _read(directory / WEIGHTS)
    found = hashlib.sha256(weights).hexdigest()
    if found != record["weights_sha256"]:
        raise ArtifactError(
            f"{directory / WEIGHTS} has SHA-256 {found}, expected {record['weights_sha256']}"
        )
    try:
        tensors = load_tensors(weights)
        vocabulary = Vocabulary.from_dict(record["vocabulary"])
        familiarity, conformal = record["familiarity"], record["conformal"]
        confusion = record.get("confusion")
        return Artifact(
            W=tensors["W"].astype(np.float32),
            U=tensors["U"].astype(np.float32),
            V=tensors["V"].astype(np.float32),
            vocabulary=vocabulary,
            languages=tuple(Language(**language) for language in record["languages"]),
            familiarity=familiarity and Familiarity.from_dict(familiarity, vocabulary),
            conformal=conformal and Conformal.from_dict(conformal),
            confusion=None if confusion is None else tuple(tuple(row) for row in confusion),
            **{name: record[name] for name in _AS_THEY_ARE},
            smoke=record.get("smoke"),
            reference=record.get("reference"),
        )
    except (KeyError, TypeError, SafetensorError) as error:
        raise ArtifactError(f"{directory} is not a whole artifact: {error!r}") from error


def load_record(directory: Path, *, sha256: str | None = None) -> dict[str, Any]:
    """The content of `model.json`, checked against `sha256` and the versions known here.

    Raises:
        ArtifactError: as `load`, the weights aside.
    """
    content = _read(directory / RECORD)
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise ArtifactError(f"{directory / RECORD} has SHA-256 {found}, expected {sha256}")
    try:
        record = json.loads(content)
        versions = {name: record[name] for name in ("schema_version", "normalisation_version")}
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{directory / RECORD} is not a model's record: {error!r}") from error
    expected = {
        "schema_version": SCHEMA_VERSION,
        "normalisation_version": NORMALISATION_VERSION,
    }
    for name, version in versions.items():
        if version != expected[name]:
            raise ArtifactError(
                f"{directory} has {name} {version!r}; this version reads {expected[name]}: "
                "train anew"
            )
    return dict(record)


def digest(directory: Path) -> str:
    """The SHA-256 (hex) of `model.json`, which identifies the artifact with its weights."""
    return hashlib.sha256(_read(directory / RECORD)).hexdigest()


def _check_confusion(counts: tuple[tuple[int, ...], ...], C: int) -> None:
    if [len(row) for row in counts] != [C] * C:
        raise ArtifactError(f"confusion is not square; expected {C} rows of {C} counts")
    if not all(isinstance(count, int) and count >= 0 for row in counts for count in row):
        raise ArtifactError("confusion holds what is no count; expected integers from 0 up")


def _compact(matrix: Floats) -> NDArray[Any]:
    """The matrix in float16 where that loses nothing, as with those that training makes."""
    half = matrix.astype(np.float16)
    return np.ascontiguousarray(half if (half == matrix).all() else matrix)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
