"""Where the parts of a job wait until all are there: `OUT.parts`, beside OUT.

Parts are done one after the other. One file says how far: it is replaced, in one step, when a
part is whole. OUT appears in one step too, after the last part. So whatever is killed, nothing
is half-written, and a job that was stopped goes on where it was.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from model.pointer import sync
from pipeline.bulk.formats import join, write_part
from pipeline.bulk.job import Job, Place
from pipeline.bulk.parts import Compression
from pipeline.bulk.tally import Tally
from pipeline.staging import locked

STATE = "state.json"

PACKED = {None: "", Compression.GZIP: ".gz", Compression.ZSTD: ".zst"}


class State(BaseModel):
    """How far a job is."""

    model_config = ConfigDict(frozen=True)

    job: Job
    next: Place = Place(0, 0)
    """The first part that is not done."""
    kept_from: Place = Place(0, 0)
    """The part before it from which on answers were kept, so that its bytes can be made again."""
    tally: Tally = Tally()
    """Of the parts that are done."""


class Folder:
    """The parts of one job."""

    def __init__(self, work: Path, out: Path, state: State, *, whole: bool) -> None:
        self.state = state
        self._work, self._out = work, out
        self._whole = whole

    @classmethod
    @contextmanager
    def open(
        cls, out: Path, job: Job, *, whole: bool, resume: bool, overwrite: bool
    ) -> Iterator["Folder"]:
        """The folder of this job, for this process alone; with `whole`, OUT will be one file.

        Raises:
            ValueError: OUT is there already; or another job was begun here, or this one and it is
                not to be resumed; or a process is at work on it; or two files would be one.
        """
        if out.exists() and not overwrite:
            raise ValueError(f"{out} is there already; expected a new name, or --overwrite")
        work = out.with_name(f"{out.name}.parts")
        if work.exists() and not resume:
            raise ValueError(
                f"{work} holds what a stopped job has done; expected --resume to go on with it, "
                "or delete it"
            )
        work.mkdir(parents=True, exist_ok=True)
        try:
            with locked(work, wait=False):
                folder = cls(work, out, _state(work, job), whole=whole)
                try:
                    folder._check_names()
                    yield folder
                finally:
                    if folder.state.next == Place(0, 0):  # nothing that could be gone on with
                        shutil.rmtree(work, ignore_errors=True)
        except BlockingIOError:
            raise ValueError(f"another process is at work in {work}") from None

    @property
    def start(self) -> Place:
        """The first part that it wants to be given; the parts up to the next are done."""
        return self.state.kept_from

    @property
    def tally(self) -> Tally:
        """Of the parts that are done."""
        return self.state.tally

    def write(
        self, place: Place, rest: pa.Table, new: pa.Table, tally: Tally, kept_from: Place
    ) -> None:
        """Keep a part, unless it is done."""
        if place < self.state.next:
            return
        path = self._data(place)
        path.parent.mkdir(parents=True, exist_ok=True)
        header = not self._whole or place == Place(0, 0)
        with _replacing(path) as partial, partial.open("wb") as file:
            job = self.state.job
            write_part(rest, new, file, job.to, header=header, compression=job.compression)
        self._note(
            State(
                job=self.state.job,
                next=Place(place.file, place.part + 1),
                kept_from=kept_from,
                tally=self.state.tally.plus(tally),
            )
        )

    def complete(self) -> None:
        """Make OUT of the parts, and leave nothing else."""
        if self._whole:
            with _replacing(self._out) as partial, partial.open("wb") as file:
                parts = [self._data(Place(0, part)) for part in range(self.state.next.part)]
                join(parts, file, self.state.job.to)
        else:
            if self._out.exists():  # a folder cannot be replaced in one step
                self._out.rename(self._work / "replaced")
            (self._work / "data").rename(self._out)
        shutil.rmtree(self._work)

    def _check_names(self) -> None:
        first_parts = [self._data(Place(file, 0)) for file in range(len(self.state.job.files))]
        if twice := [path for path, n in Counter(first_parts).items() if n > 1]:
            raise ValueError(
                f"two files of the folder would come out as {twice[0].name}; "
                "expected other names, or each in a folder of its own"
            )

    def _data(self, place: Place) -> Path:
        job = self.state.job
        path = self._work / "data" / job.files[place.file].relative
        # With another ending the name stays whole: names.csv and names.tsv are two files.
        name = f"{path.name.removesuffix(f'.{job.to}')}-{place.part:05d}"
        return path.with_name(f"{name}.{job.to}{PACKED[job.compression]}")

    def _note(self, state: State) -> None:
        with _replacing(self._work / STATE) as partial:
            partial.write_text(state.model_dump_json(), "utf-8")
        self.state = state


def _state(work: Path, job: Job) -> State:
    """How far the job is that was begun in this folder.

    Raises:
        ValueError: it is another job.
    """
    path = work / STATE
    if not path.exists():
        return State(job=job)
    state = State.model_validate_json(path.read_text("utf-8"))
    if differences := state.job.differences(job):
        raise ValueError(
            f"{work} holds parts of another job, with other {', '.join(differences)}; expected "
            "the same as before, or delete it to begin anew"
        )
    return state


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file to write instead; it takes the path in one step when it is whole and on the disk."""
    partial = path.with_name(f".{path.name}.partial")
    yield partial
    sync(partial)
    partial.replace(path)
