"""How a process uses the machine. To be said before what it is about is loaded: torch, or Arrow."""

import ctypes
import os
import sys
from importlib.abc import MetaPathFinder

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


def settle_arrow() -> None:
    """Have Arrow take its memory from the C library, and do without pandas.

    Its own allocator keeps more of what was freed, some 70 MB for parts of 260,000 rows, and
    natural columns were scored a tenth slower. Pandas, if it is installed, is loaded with the first
    value that Arrow is given: a third of a second and 54 MB in each process.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    sys.meta_path.insert(0, _WithoutPandas())
    try:
        import pyarrow

        pyarrow.scalar(None)  # it looks for pandas once
    finally:
        del sys.meta_path[0]


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Find nothing, but end the search for pandas."""
        if fullname == "pandas":
            raise ModuleNotFoundError("pandas is not wanted here", name=fullname)
