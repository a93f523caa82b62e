"""Which stored model is served: one small file that is replaced in one step.

The pointer lies beside the versions that it names, in the BentoML home. The pipeline writes it
and the service reads it, so the two agree on a file and need not import each other. BentoML's own
`latest` cannot do this: it moves whenever a model is stored, good or bad.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

MODEL = "namelang"
"""The name under which the model store keeps every version."""


_TIME = "%Y%m%d-%H%M%S.%f"


class PointerError(ValueError):
    """The pointer file is there, but does not name a model."""


@dataclass(frozen=True)
class Promoted:
    """A stored model and the digest that it had when it was promoted."""

    tag: str  # namelang:<version>
    sha256: str  # of the artifact, as `model.artifact.digest` has it


@dataclass(frozen=True)
class Pointer(Promoted):
    """The model that is served, and the one that a roll-back returns to."""

    promoted_at: str  # ISO 8601, UTC
    previous: Promoted | None = None
    shadow: Promoted | None = None
    """A challenger that reads what the service is asked too, and whose answers only are counted."""


def bentoml_home() -> Path:
    """The folder that BentoML keeps its stores in: `BENTOML_HOME`, or `~/bentoml` without it."""
    home = os.environ.get("BENTOML_HOME", "~/bentoml")
    return Path(os.path.expandvars(home)).expanduser()


def pointer_path(home: Path) -> Path:
    """Where the pointer lies. BentoML reads only the folders there, never a file of this name."""
    return home / "models" / MODEL / "promoted.json"


def read_pointer(home: Path) -> Pointer | None:
    """The pointer of this BentoML home; None where nothing was ever promoted.

    Raises:
        PointerError: the file is damaged.
    """
    path = pointer_path(home)
    try:
        fields = json.loads(path.read_bytes())
        previous, shadow = (fields.pop(name, None) for name in ("previous", "shadow"))
        return Pointer(
            **fields,
            previous=Promoted(**previous) if previous else None,
            shadow=Promoted(**shadow) if shadow else None,
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PointerError(f"{path} does not name a model: {error!r}") from error


def version(published: datetime, sha256: str) -> str:
    """What a model published then (UTC) is called in the store: versions sort by age."""
    return f"{published:{_TIME}}-{sha256[:8]}"


def published(tag: str) -> datetime | None:
    """When a model was published (UTC), by its tag; None where the tag is not one of ours."""
    time, _, _ = tag.removeprefix(f"{MODEL}:").rpartition("-")
    try:
        return datetime.strptime(time, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def model_directory(home: Path, tag: str) -> Path:
    """Where BentoML's store in this home keeps a version, given its full tag."""
    return home / "models" / tag.replace(":", "/")


def write_pointer(home: Path, pointer: Pointer) -> None:
    """Replace the pointer; a reader, or a crash at any moment, finds the old one or the new one."""
    path = pointer_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(asdict(pointer), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have the disk hold what was written to this file, or what was renamed in this folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
