"""What is served now: the promoted model, and the next one as soon as it is promoted.

Each process looks at the pointer ten times a second. A new model is read and verified in a
thread, while the old one answers; then one reference changes. What cannot be served is refused, and
told by readiness and metrics, and the old model stays.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.artifact import ArtifactError
from model.pointer import PointerError, Promoted, model_directory, pointer_path, read_pointer
from service.served import Served

log = logging.getLogger("bentoml.namelang")  # BentoML's handlers write it

SECONDS = 0.1
"""Between two looks."""
SECONDS_TO_RETRY = 5.0
"""Between two attempts at a model that was refused: its files may still be on their way."""


class NothingToServe(Exception):
    """No model was ever promoted, or none of those that were can be read."""


@dataclass(frozen=True)
class Refused:
    """A model that the pointer names and that cannot be served."""

    model: str
    reason: str


def load(home: Path, model: Promoted, promoted_at: str | None = None) -> Served:
    """Read and verify a model of the store.

    Raises:
        ArtifactError: it is not whole, or not what it was when it was promoted.
    """
    return Served.load(
        model_directory(home, model.tag),
        tag=model.tag,
        sha256=model.sha256,
        promoted_at=promoted_at,
    )


class Current:
    """The model that is served in this process, and the challenger in its shadow, if any."""

    def __init__(self, home: Path, own: Callable[[], Served] | None = None) -> None:
        """Load the promoted model; where it cannot be served, the one before it.

        `home` is the store's. `own` loads the model that a Bento brings along, for when the store
        has none to offer.

        Raises:
            NothingToServe: there is no model.
        """
        self._home = home
        self._seen: tuple[int, int] | None = None
        self._watchers: list[Callable[[Current], None]] = []
        self.refused: Refused | None = None
        self.shadow: Served | None = None
        self.served = self._first(own)

    def on_look(self, call: Callable[["Current"], None]) -> None:
        """Have this called after every look that may have changed something."""
        self._watchers.append(call)

    async def follow(self) -> None:
        """Serve what the pointer names, for as long as the process runs."""
        since_refused = 0.0
        while True:
            await asyncio.sleep(SECONDS)
            since_refused += SECONDS
            again = self.refused is not None and since_refused >= SECONDS_TO_RETRY
            if again or self._has_changed():
                since_refused = 0.0
                try:
                    await asyncio.to_thread(self.look)
                except Exception:  # or one surprise would end the following, and nobody would know
                    log.exception("the look at the promoted model failed")

    def look(self) -> None:
        """Serve what the pointer names now, if it is another model and can be served."""
        self._has_changed()
        refused = self._look()
        if refused and refused != self.refused:
            log.error("%s is refused: %s", refused.model, refused.reason)
        self.refused = refused
        for call in self._watchers:
            call(self)
        self.served.prepare()  # meanwhile its answers are given; an explanation waits for this

    def _look(self) -> Refused | None:
        """What was refused."""
        try:
            pointer = read_pointer(self._home)
        except (PointerError, OSError) as error:
            return Refused("the pointer", str(error))
        if pointer is None:
            return None
        try:
            if pointer.tag != self.served.tag:
                self._swap(load(self._home, pointer, pointer.promoted_at))
        except ArtifactError as error:
            return Refused(pointer.tag, str(error))
        return self._look_for_shadow(pointer.shadow)

    def _look_for_shadow(self, shadow: Promoted | None) -> Refused | None:
        if shadow is None:
            self.shadow = None
        elif self.shadow is None or self.shadow.tag != shadow.tag:
            self.shadow = None
            try:
                self.shadow = load(self._home, shadow)
            except ArtifactError as error:
                return Refused(shadow.tag, str(error))
        return None

    def _swap(self, served: Served) -> None:
        self.served = served
        log.info("%s is served from now on", served.tag)

    def _has_changed(self) -> bool:
        """Whether the pointer is another file than at the last look."""
        try:
            found = pointer_path(self._home).stat()
        except OSError:
            return False
        seen, self._seen = self._seen, (found.st_mtime_ns, found.st_ino)
        return seen != self._seen

    def _first(self, own: Callable[[], Served] | None) -> Served:
        reasons: list[str] = []
        for name, read in self._candidates(own):
            try:
                served = read()
            except ArtifactError as error:
                self.refused = self.refused or Refused(name, str(error))
                reasons.append(f"{name} is refused: {error}")
            else:
                return served
        raise NothingToServe(
            "; ".join(reasons)
            or f"no model is promoted in {self._home}: train one with `namelang train`, or choose "
            "a stored one with `namelang models promote TAG`"
        )

    def _candidates(
        self, own: Callable[[], Served] | None
    ) -> Iterator[tuple[str, Callable[[], Served]]]:
        """What may be served, the best first: its name, and how to read it.

        The pointer does not count as seen: the first look loads the challenger, if there is one.
        """
        pointer = read_pointer(self._home)
        if pointer:
            yield pointer.tag, lambda: load(self._home, pointer, pointer.promoted_at)
            if previous := pointer.previous:
                yield previous.tag, lambda: load(self._home, previous)
        if own:
            yield "the Bento's own model", own
