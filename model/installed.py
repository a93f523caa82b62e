"""Which packages are there that only make us faster."""

from functools import cache
from importlib.util import find_spec


@cache
def installed(package: str) -> bool:
    """Whether it can be imported; looked up once, for a training step asks too."""
    return find_spec(package) is not None
