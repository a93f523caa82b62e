"""Standard output as the place where scored parts go."""

import sys

import pyarrow as pa

from pipeline.bulk.formats import write_part
from pipeline.bulk.job import Job, Place
from pipeline.bulk.parts import Format
from pipeline.bulk.tally import Tally


class Stream:
    """Rows leave as they are done, and cannot be taken back."""

    start = Place(0, 0)

    def __init__(self, job: Job) -> None:
        if job.to is Format.PARQUET:
            raise ValueError("parquet cannot go to standard output; expected csv, tsv or jsonl")
        self.tally = Tally()
        self._job = job

    def write(
        self, place: Place, rest: pa.Table, new: pa.Table, tally: Tally, kept_from: Place
    ) -> None:
        """Send a part."""
        write_part(rest, new, sys.stdout.buffer, self._job.to, header=place == self.start)
        self.tally = self.tally.plus(tally)

    def complete(self) -> None:
        """Send what is left."""
        sys.stdout.buffer.flush()
