"""Names behind an http(s) address: fetched, checked, then read like a local file."""

import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import httpx

from pipeline.sources.protocol import DataError, Dropped, Provenance, Source
from pipeline.table import Record

_FRAGMENT = re.compile(r"sha256=([0-9a-f]{64})", re.IGNORECASE)
_TIMEOUT_S = 30.0  # without a byte
_PASSING = {408, 425, 429}  # of the 4xx, those that another try may not meet again


@dataclass
class RemoteSource:
    """A file at an address, kept in `cache` and fetched again only if its ETag has changed.

    A fragment `#sha256=…` demands that content, and a cached copy that has it needs no network.
    What another try may mend raises httpx.HTTPError; what none will (no such file, too large,
    another checksum) raises DataError. Messages leave out an address's credentials and query.
    """

    url: str
    cache: Path
    max_bytes: int
    open_local: Callable[[Path, str], Source]
    """Opens the fetched file, under the name that it has at its address."""
    dropped: Dropped = field(default_factory=Dropped)

    def __post_init__(self) -> None:
        self._address = httpx.URL(self.url)
        self._name = PurePosixPath(self._address.path).name
        self._shown = str(
            self._address.copy_with(username=None, password=None, query=None, fragment=None)
        )
        asked = _FRAGMENT.fullmatch(self._address.fragment)
        if self._address.fragment and not asked:
            raise DataError(
                f"{self._shown}: fragment {self._address.fragment!r}; "
                "expected sha256= and 64 hexadecimal digits, or none"
            )
        self._sha256 = asked[1].lower() if asked else None

    def records(self) -> Iterator[Record]:
        """Stream the records of the fetched file."""
        yield from self._local.records()
        self.dropped = self._local.dropped

    def fingerprint(self) -> str:
        """The fetched file's."""
        return self._local.fingerprint()

    def provenance(self) -> list[Provenance]:
        """The fetched file's, under its address."""
        return [replace(origin, name=self._shown) for origin in self._local.provenance()]

    @cached_property
    def _local(self) -> Source:
        self.cache.mkdir(parents=True, exist_ok=True)
        address = str(self._address.copy_with(fragment=None))
        stem = hashlib.sha256(address.encode()).hexdigest()[:32]
        path = self.cache / (stem + PurePosixPath(self._name).suffix.lower())
        if not (self._sha256 and path.exists() and _sha256(path) == self._sha256):
            self._fetch(address, path)
        return self.open_local(path, self._name)

    def _fetch(self, address: str, path: Path) -> None:
        """Bring the cached copy up to date."""
        tag = path.with_name(path.name + ".etag")
        headers = {}
        if path.exists() and tag.exists() and not self._sha256:
            headers["If-None-Match"] = tag.read_text()
        with httpx.stream(
            "GET", address, headers=headers, follow_redirects=True, timeout=_TIMEOUT_S
        ) as response:
            if headers and response.status_code == httpx.codes.NOT_MODIFIED:
                return
            if response.is_client_error and response.status_code not in _PASSING:
                raise DataError(f"{self._shown} answers {response.status_code}; expected a file")
            response.raise_for_status()
            tag.unlink(missing_ok=True)  # never beside other content than its own
            self._save(response, path)
            if etag := response.headers.get("ETag"):
                tag.write_text(etag)

    def _save(self, response: httpx.Response, path: Path) -> None:
        """Write the body beside `path`, check it, and put it there in one step."""
        handle, partial = tempfile.mkstemp(dir=self.cache)
        digest, size = hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > self.max_bytes:
                        raise DataError(f"{self._shown} holds more than {self.max_bytes} bytes")
                    digest.update(chunk)
                    file.write(chunk)
            if self._sha256 not in (None, digest.hexdigest()):
                raise DataError(
                    f"{self._shown} has SHA-256 {digest.hexdigest()}; expected {self._sha256}"
                )
            Path(partial).replace(path)
        finally:
            Path(partial).unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
