"""How a process that trains uses the machine. To be said before torch is loaded."""

import ctypes
import os
import sys

_KEPT = 2**30  # bytes
_STEP = 2**26
_MALLOPT = {-1: _KEPT, -2: _STEP, -3: _KEPT}  # malloc.h: trim threshold, top pad, mmap threshold


def settle() -> None:
    """Have threads sleep while they wait, and freed memory stay with the process.

    Threads spin by default, and where another program wants the same core, training was measured 40
    times slower. And glibc gives each large block back at once, so that every step of training
    would have the kernel clear its gradients' memory anew: a fifth of its time.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, musl has not
        if mallopt is not None:
            for option, value in _MALLOPT.items():
                mallopt(option, value)
