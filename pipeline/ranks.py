"""Several processes, one network: each works out its parts of every batch, and all update alike.

torchrun starts them and numbers them, their ranks. Rank 0 runs the whole flow; the others follow:
they wait until it trains, learn what it learns, and write nothing. torch's own
DistributedDataParallel is not used, since it would reduce the gradient of all of U, of which a step
has few rows (`pipeline/step.py`), and knows nothing of our parts.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import PrefixStore  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous

SILENCE = timedelta(minutes=5)
"""After so long without a word from another rank, training ends."""
PREPARATION = timedelta(days=7)
"""So long the others wait for rank 0 to have the data ready. If it dies, torchrun ends them."""

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The processes that train together, as one of them sees them."""

    rank: int
    count: int

    def sum(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Each tensor's sum over all ranks, the same bits on each of them.

        Raises:
            ValueError: another rank has ended, or was silent for too long.
        """
        if self.count == 1:
            return list(tensors)
        flat = torch.cat([tensor.flatten() for tensor in tensors])  # one exchange, not many
        with _explained(self):
            dist.all_reduce(flat)
        sums = flat.split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(sums, tensors, strict=True)]

    def agree(self, said: T) -> T:
        """What rank 0 says, so that none decides otherwise for a rounding error.

        Raises:
            ValueError: as `sum`.
        """
        if self.count == 1:
            return said
        box = [said]
        with _explained(self):
            dist.broadcast_object_list(box, 0)
        return box[0]


ALONE = Ranks(0, 1)


def launched() -> Ranks:
    """This process among those that torchrun started; `ALONE` without torchrun."""
    if not dist.is_torchelastic_launched():
        return ALONE
    return Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


@contextmanager
def joined(job: str, device: str, silence: timedelta = SILENCE) -> Iterator[Ranks]:
    """The ranks while they work on a job together, connected; each enters with the same job.

    On CUDA a process has the GPU of its rank on this machine. Without torchrun it is `ALONE`.

    Raises:
        ValueError: not all ranks came; and as `Ranks.sum`.
    """
    ranks = launched()
    if ranks.count == 1:
        yield ranks
        return
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    with _explained(ranks):
        dist.init_process_group(
            "nccl" if device == "cuda" else "gloo",
            store=PrefixStore(job, _store()),
            rank=ranks.rank,
            world_size=ranks.count,
            timeout=silence,
        )
    try:
        yield ranks
        with _explained(ranks):
            dist.barrier()  # who leaves early breaks the connections of those still at work
    finally:
        dist.destroy_process_group()


def call(job: Any) -> str:
    """Rank 0 has the others do a job, which is JSON values; what to join under."""
    if launched().count == 1:
        return ""
    number = _store().add("jobs", 1)
    _store().set(f"job {number}", json.dumps(job))
    return f"job {number}"


def dismiss() -> None:
    """Rank 0 has no more jobs, and the others may go."""
    call(None)


def calls() -> Iterator[tuple[str, Any]]:
    """The jobs as rank 0 calls them, each with what to join under, until it has no more."""
    number = 1
    while job := _next_job(number):
        yield f"job {number}", job
        number += 1


def _next_job(number: int) -> Any:
    _store().wait([f"job {number}"], PREPARATION)
    return json.loads(_store().get(f"job {number}"))


@cache
def _store() -> Any:
    """What all ranks read and write, at the address that torchrun tells."""
    store, _, _ = next(rendezvous("env://"))
    return store


@contextmanager
def _explained(ranks: Ranks) -> Iterator[None]:
    """What torch says of a lost connection, as an error that tells what it means here."""
    try:
        yield
    except RuntimeError as error:
        raise ValueError(
            f"rank {ranks.rank} of {ranks.count} cannot go on: another rank has ended or does not "
            f"answer, see what it says ({str(error).splitlines()[0]})"
        ) from error
