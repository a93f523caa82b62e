"""The model store: publish, promote, roll back. The only file of the pipeline that knows BentoML.

A published model is immutable: `namelang:<version>` in the model store of `BENTOML_HOME`, which is
read at each call. Which of them is served is a pointer of our own (`model.pointer`).
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any, Literal

import bentoml

# BentoML's public functions take a store by argument, but its class has no public name. The
# default one would keep the first BENTOML_HOME that the process saw.
from bentoml._internal.models import Model, ModelStore
from bentoml.exceptions import BentoMLException, NotFound

from model.artifact import ArtifactError, digest
from model.classifier import Classifier
from model.pointer import (
    MODEL,
    Pointer,
    PointerError,
    Promoted,
    bentoml_home,
    pointer_path,
    read_pointer,
    sync,
    write_pointer,
)
from model.pointer import version as version_of
from pipeline.staging import locked, staging

Status = Literal["accepted", "refused"]


class StoreError(ValueError):
    """The model store does not hold what was asked for, or must not do with it what was asked."""


@dataclass(frozen=True)
class StoredModel:
    """One version in the store."""

    tag: str
    created: datetime  # UTC
    status: str
    """What the gate said when the model was published: accepted or refused."""
    labels: Mapping[str, str]
    metadata: Mapping[str, Any]
    size: int  # bytes
    promoted: bool


def publish(
    artifact: Path, *, labels: Mapping[str, str], metadata: Mapping[str, Any], status: Status
) -> str:
    """Store an artifact as a new version and return its tag, ``namelang:<time>-<digest>``.

    The version appears in one step and complete, or not at all: BentoML copies straight to the
    final place, where a copy cut short would break every listing, so it copies to a staging store
    first, and a rename does the rest.

    Raises:
        ArtifactError: the artifact is not one that the service could load.
    """
    # Storing a model reports to BentoML's makers otherwise.
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")
    Classifier.load(artifact)
    sha256 = digest(artifact)
    version = version_of(datetime.now(UTC), sha256)
    versions = bentoml_home() / "models" / MODEL
    versions.mkdir(parents=True, exist_ok=True)
    with staging(bentoml_home()) as stage:
        with bentoml.models.create(
            f"{MODEL}:{version}",
            labels={**labels, "status": status},
            metadata={**metadata, "sha256": sha256},
            _model_store=ModelStore(stage),
        ) as model:
            copytree(artifact, model.path, dirs_exist_ok=True)
        staged = stage / MODEL / version
        for path in (*staged.rglob("*"), staged):
            sync(path)
        staged.rename(versions / version)
    sync(versions)
    # BentoML finds out anew what the latest is when its note of it is missing.
    (versions / "latest").unlink(missing_ok=True)
    return f"{MODEL}:{version}"


def promote(tag: str, *, force: bool = False) -> Pointer:
    """Have the service serve this version, within a second, and return the new pointer.

    Raises:
        StoreError: no such version, it is damaged, or the gate refused it and `force` is not set.
    """
    model = _get(tag)
    if _status(model) != "accepted" and not force:
        raise StoreError(f"{model.tag} was refused by the gate; promote it by force or not at all")
    with _pointing():
        return _point_at(_as_promoted(model))


def rollback() -> Pointer:
    """Return to the model promoted before this one; a second roll-back undoes the first.

    Raises:
        StoreError: there is no earlier model, or it is not what it was when it was promoted.
    """
    with _pointing():
        pointer = promoted()
        if pointer is None or pointer.previous is None:
            served = pointer.tag if pointer else "no model"
            raise StoreError(
                f"{served} is promoted and none was before it: nothing to roll back to"
            )
        return _point_at(pointer.previous)


def shadow(tag: str | None) -> Pointer:
    """Have a challenger read along what the service is asked; none any more with None.

    Raises:
        StoreError: no such version, it is damaged or promoted itself, or nothing is promoted.
    """
    with _pointing():
        pointer = promoted()
        if pointer is None:
            raise StoreError(f"no model is promoted in {bentoml_home()}: nothing to challenge")
        challenger = None if tag is None else _as_promoted(_get(tag))
        if challenger:
            if challenger.tag == pointer.tag:
                raise StoreError(f"{challenger.tag} is promoted: it cannot be its own shadow")
            _verify(challenger)
        pointer = replace(pointer, shadow=challenger)
        write_pointer(bentoml_home(), pointer)
        return pointer


def prune(keep: int) -> list[str]:
    """Delete all but the newest `keep` versions, and return their tags.

    What the pointer names stays whatever its age: the promoted model, the one before, the shadow.

    Raises:
        StoreError: `keep` is below 0.
    """
    if keep < 0:
        raise StoreError(f"{keep} versions to keep; expected 0 or more")
    with _pointing():
        pointer = promoted()
        named = [pointer, pointer.previous, pointer.shadow] if pointer else []
        kept = {model.tag for model in named if model}
        stored = _models()
        doomed = [m for m in stored[: max(0, len(stored) - keep)] if str(m.tag) not in kept]
        for model in doomed:
            _delete(Path(model.path))
    return [str(model.tag) for model in doomed]


def promoted() -> Pointer | None:
    """What the service loads; None where nothing was ever promoted."""
    return read_pointer(bentoml_home())


def path(tag: str) -> Path:
    """The artifact directory of a version, named in full, without ``namelang:``, or by a prefix.

    Raises:
        StoreError: no version, or more than one, is meant.
    """
    return Path(_get(tag).path)


def models() -> list[StoredModel]:
    """Every version in the store, the oldest first."""
    pointer = promoted()
    return [
        StoredModel(
            tag=str(model.tag),
            created=model.creation_time,
            status=_status(model),
            labels=model.info.labels,
            metadata=model.info.metadata,
            size=model.file_size,
            promoted=pointer is not None and str(model.tag) == pointer.tag,
        )
        for model in _models()
    ]


@contextmanager
def _pointing() -> Iterator[None]:
    """One process at a time reads the pointer and replaces it."""
    path = pointer_path(bentoml_home())
    with locked(path.with_suffix(".lock")):
        yield


def _point_at(target: Promoted) -> Pointer:
    try:
        current = promoted()
    except PointerError:  # it is replaced, which mends it
        current = None
    _verify(target)
    if current and current.tag == target.tag:
        return current
    shadow = current.shadow if current else None
    pointer = Pointer(
        target.tag,
        target.sha256,
        promoted_at=datetime.now(UTC).isoformat(timespec="seconds"),
        previous=Promoted(current.tag, current.sha256) if current else None,
        shadow=None if shadow and shadow.tag == target.tag else shadow,
    )
    write_pointer(bentoml_home(), pointer)
    return pointer


def _as_promoted(model: Model) -> Promoted:
    return Promoted(str(model.tag), str(model.info.metadata.get("sha256")))


def _delete(version: Path) -> None:
    """First out of the listing in one step, then in any number."""
    with staging(bentoml_home()) as stage:
        version.rename(stage / version.name)


def _verify(target: Promoted) -> None:
    try:
        Classifier.load(path(target.tag), sha256=target.sha256)
    except ArtifactError as error:
        raise StoreError(f"{target.tag} is damaged: {error}") from error


def _status(model: Model) -> str:
    return model.info.labels.get("status", "refused")  # what no gate has seen is not accepted


def _models() -> list[Model]:
    try:
        return ModelStore(bentoml_home() / "models").list(MODEL)
    except NotFound:
        return []
    except BentoMLException as error:
        raise StoreError(f"the model store in {bentoml_home()} is damaged: {error}") from error


def _get(tag: str) -> Model:
    wanted = tag.removeprefix(f"{MODEL}:")
    stored = _models()
    matching = [m for m in stored if str(m.tag.version).startswith(wanted)]
    exact = [m for m in matching if m.tag.version == wanted]
    if len(exact or matching) != 1:
        there = ", ".join(str(m.tag) for m in matching or stored) or "nothing"
        problem = "means more than one model" if matching else "is not in the store"
        raise StoreError(f"{tag!r} {problem}; {bentoml_home()} holds {there}")
    return (exact or matching)[0]
