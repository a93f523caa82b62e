"""A whole training in a process of its own, so that its memory is its own."""

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import torch
import torch._dynamo  # the first optimiser loads it, which takes a second: not in every child

from bench.memory import peak
from bench.programs import Program, Run, follow
from bench.records import few, repeat
from pipeline.batches import Examples
from pipeline.process import settle

FORK_IS_SAFE = sys.platform == "linux"
WARM_UP = 32
"""Records of a first training that does not count."""


@dataclass(frozen=True)
class Task:
    """What a child trains. The records are repeated there, so that they do not travel."""

    program: Program
    training: Examples
    validation: Examples
    epochs: int
    times: int = 1


@dataclass(frozen=True)
class Done:
    """What became of it."""

    run: Run
    libraries: int  # bytes resident before the training starts
    peak: int  # bytes, at most


def in_child(task: Task) -> Done:
    """Train in a new process, which has loaded the libraries and nothing else yet."""
    context = multiprocessing.get_context("forkserver" if FORK_IS_SAFE else "spawn")
    if FORK_IS_SAFE:
        context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(work, task).result()


def work(task: Task) -> Done:
    """Train in this process."""
    settle()
    follow(task.program, few(task.training, WARM_UP), few(task.validation, WARM_UP), 2)
    training, libraries = repeat(task.training, task.times), peak()
    run = follow(task.program, training, task.validation, task.epochs)
    on_device = torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else 0
    return Done(run, libraries, on_device or peak())
