"""How the model read one name: its state and its belief after every symbol.

h_t = tanh(W h_{t-1} + U x_t) is there at every step, so softmax(V h_t) is too: one forward pass.
The belief is read off h as it stands. It is not what the model would say of the prefix as a whole
name, of which it reads the last character together with the end mark; it is the change of mind on
the way to the end.

Shapes: T steps, H hidden, C languages.
"""

import unicodedata
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.artifact import Artifact
from model.symbols import END, START
from model.text import normalise
from model.vocabulary import NOTHING

MARKS = {START: "⊢", END: "⊣"}
"""How the start and the end of a name are shown."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Gram:
    """An n-gram that fired at a step: one column of U."""

    text: str
    """As shown; `<CJK>` where a symbol was not learned and its script stood in for it."""
    norm: float
    """Length of the column: how hard it pushes the state."""
    push: Floats
    """(C,) V times the column over the temperature, less its mean: the logits it would add if the
    name ended here and tanh were straight. A linear hint; only differences mean anything."""


@dataclass(frozen=True)
class Step:
    """One character of the normalised name, and what the model made of it."""

    symbol: str
    """As shown: a lone accent on a dotted circle."""
    grams: tuple[Gram, ...]
    """The n-grams that end here, the shortest first; then the start mark, where the name begins,
    and those that end with the end mark, where it ends."""
    column_sum: Floats
    """(H,) U x_t, the sum of their columns."""
    h: Floats
    """(H,) the state after the step."""
    probabilities: Floats
    """(C,) softmax(V h_t / temperature), the belief so far."""


@dataclass(frozen=True)
class Trace:
    """The steps of a name."""

    steps: tuple[Step, ...]

    @property
    def embedding(self) -> Floats:
        """(H,) the last state: the name's embedding, as `Classifier.embed` has it."""
        return self.steps[-1].h

    @property
    def probabilities(self) -> Floats:
        """(C,) the last belief: the answer, as `Classifier.probabilities` has it."""
        return self.steps[-1].probabilities


def trace(model: Artifact, name: str) -> Trace:
    """Read a name character by character.

    Raises:
        ValueError: nothing of the name is left after normalisation.
    """
    readable = normalise(name)
    if not readable:
        raise ValueError("a name without a readable character; expected at least one letter")
    vocabulary = model.vocabulary
    h = np.zeros(len(model.W), np.float32)
    steps = []
    for symbol, ids in zip(readable, vocabulary.encode([readable]).ids[0], strict=True):
        fired = ids[ids != NOTHING]
        columns = model.U[:, fired]  # (H, fired)
        column_sum = columns.sum(axis=1)
        h = np.tanh(model.W @ h + column_sum)
        pushes = _centred(model.V @ columns / model.temperature).T  # (fired, C)
        norms = np.linalg.norm(columns, axis=0)
        grams = tuple(
            Gram(display(vocabulary.features[i]), float(norm), push)
            for i, norm, push in zip(fired, norms, pushes, strict=True)
        )
        belief = _softmax(model.V @ h / model.temperature)
        steps.append(Step(display(symbol), grams, column_sum, h, belief))
    return Trace(tuple(steps))


def display(symbols: str) -> str:
    """Symbols or an n-gram as shown: marks become signs, and an accent never stands alone.

    >>> display(START + "s\u0327a"), display("\u0327")
    ('⊢şa', '◌̧')
    """
    composed = unicodedata.normalize("NFC", symbols)
    shown = "".join(MARKS.get(symbol, symbol) for symbol in composed)
    return f"◌{shown}" if unicodedata.category(shown[0]).startswith("M") else shown


def _centred(logits: Floats) -> Floats:
    """(C, …) logits less their mean over the languages, which softmax does not see."""
    return np.asarray(logits - logits.mean(axis=0))


def _softmax(logits: Floats) -> Floats:
    e = np.exp(logits - logits.max())
    return np.asarray(e / e.sum())
