"""Many names at once in compiled loops: their trees, and the recurrence along them.

Shapes: n names of a tree, H hidden.
"""

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from itertools import cycle

import numpy as np

from model.installed import installed
from model.lookup import Ids
from model.prefixes import Level, Places, parts_of, prefix_tree
from model.speller import Speller
from model.states import Floats, States
from model.symbols import Integers, Symbols
from model.vocabulary import Vocabulary

Product = Callable[[Floats, Floats], object]
"""Writes the product of states (n, H) and W to (n, H)."""
Step = Callable[[Floats, Places, Ids, Floats], object]
"""Writes h W (n, H) of nodes, from that of the level above and their parents and features."""

PANEL = 32
"""Columns of W that are multiplied at once where there is AVX-512 (`model/products.py`)."""

BLOCK = 256
"""States that are computed and multiplied together, so that they stay in the cache."""

FEW = 256
"""Names for which it is not worth a second to load the loops: NumPy reads so many."""


class CompiledStates(States):
    """The same answers as `States`, but for the last bits of a float32."""

    least_part = 384
    """As `States` has it; here one thread multiplies."""

    def text(self, names: Sequence[str]) -> Symbols:
        """Names as the vocabulary reads them."""
        return self._speller.flatten(names) if len(names) > FEW else super().text(names)

    def tree(self, text: Symbols, names: Places) -> list[Level]:
        """The tree of these of the names, which should be in order as `by_beginning` has it."""
        return compiled_tree(self._vocabulary, text, names)

    def last(self, tree: Sequence[Level], n: int) -> Floats:
        """h_T (n, H) of the n names of a tree."""
        if n <= FEW:
            return super().last(tree, n)
        from model import loops

        last = np.zeros((n, self.hidden), np.float32)
        widest = max((level.inner for level in tree), default=0)
        # A level reads what the one above it wrote, and writes what the one below it reads.
        buffers = cycle(np.empty((2, widest, self.hidden), np.float32))
        carried = self._start
        for (features, parents, closing, names, ends), below in zip(tree, buffers, strict=False):
            inner = len(features) - len(closing)
            whole = parents[inner:], self._sums, features[inner:], closing
            loops.last_states(carried, *whole, names, ends, last)
            self._step(carried, parents[:inner], features[:inner], below)
            carried = below
        return last

    @cached_property
    def _speller(self) -> Speller:
        return Speller(self._vocabulary.marks)

    @cached_property
    def _step(self) -> Step:
        if self.hidden % PANEL or not processor_has("avx512f"):
            return self._step_by_blas
        from model import products

        return products.step(self._W, self._sums)

    def _step_by_blas(self, carried: Floats, parents: Places, features: Ids, below: Floats) -> None:
        from model import loops

        h = np.empty((min(len(parents), BLOCK), self.hidden), np.float32)
        for start in range(0, len(parents), BLOCK):
            block = slice(start, min(start + BLOCK, len(parents)))
            states = h[: block.stop - block.start]
            loops.states(carried, parents[block], self._sums, features[block], states)
            np.matmul(states, self._W, out=below[block])


class Bfloat16States(CompiledStates):
    """Answers from states and a W that are rounded to 8 bits before they are multiplied.

    That takes half as long. Up to `FEW` names are read in float32.
    """

    def __init__(self, W: Floats, U: Floats, vocabulary: Vocabulary) -> None:
        """As `States`.

        Raises:
            ValueError: as `check_bfloat16`.
        """
        check_bfloat16(len(W))
        super().__init__(W, U, vocabulary)

    @cached_property
    def _step(self) -> Step:
        from model import bfloat16

        return bfloat16.step(self._W, self._sums)


def compiled_tree(vocabulary: Vocabulary, text: Symbols, names: Places) -> list[Level]:
    """The levels of these names (N,), as `prefix_tree` makes them."""
    if len(names) <= FEW:
        return prefix_tree(vocabulary, text, names)
    from model import loops

    (place,) = text.lengths[names].nonzero()  # an empty name ends nowhere
    if not place.size:
        return []
    starts, lengths = text.starts[names[place]], text.lengths[names[place]]
    counts, read, parents, marks, order, ends = loops.nodes(text.codes, starts, lengths)
    features, closing = _longest(vocabulary, text, read), _longest(vocabulary, text, marks)
    inner, whole, ending = counts
    place = place[order]
    return [
        Level(features[n], parents[n], closing[w], place[m], ends[m])
        for n, w, m in zip(*map(parts_of, (inner + whole, whole, ending)), strict=True)
    ]


def _longest(vocabulary: Vocabulary, text: Symbols, at: Integers) -> Ids:
    """(n,) what `Vocabulary.longest` finds at each of these places (n,)."""
    from model import loops

    known = vocabulary.lookup
    powers = np.array([vocabulary.base**g for g in range(vocabulary.order)], np.uint64)
    ids = loops.longest(
        text.codes, at, vocabulary.digit, powers, known.keys, known.ids, known.shift
    )
    return vocabulary.or_script(ids, text, at)


def check_bfloat16(hidden: int) -> None:
    """Refuse what `Bfloat16States` cannot do.

    Raises:
        ValueError: this processor does not multiply such numbers, Numba is not installed, or H is
            none that is multiplied.
    """
    if not multiplies_bfloat16():
        raise ValueError("bfloat16 wants Numba and a processor with AVX-512 BF16; use float32 here")
    if hidden % PANEL:
        raise ValueError(f"H is {hidden}; bfloat16 wants a multiple of {PANEL}")


def multiplies_bfloat16() -> bool:
    """Whether this processor can, and Numba is installed."""
    return processor_has("avx512bf16")


@cache
def processor_has(feature: str) -> bool:
    """Whether Numba is installed, and this processor has what LLVM calls so."""
    if not installed("numba"):
        return False
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get(feature))


def for_many() -> type[States]:
    """What reads many names fastest on a CPU here: compiled loops, if Numba is installed."""
    return CompiledStates if installed("numba") else States
