"""Where names come from: the embedded lists, files, folders and addresses."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from pipeline.sources.columns import Columns
from pipeline.sources.encoding import known
from pipeline.sources.files import READERS, FileSource
from pipeline.sources.folder import FolderSource
from pipeline.sources.protocol import DataError, Source

_EXPECTED = f"a file ({', '.join(READERS)}), or a directory or .zip of <Language>.txt files"


@dataclass(frozen=True)
class SourceOptions:
    """How the user's own data is to be read; None: find out."""

    name_column: str | None = None
    """A title, or a number from 1."""
    language_column: str | None = None
    weight_column: str | None = None
    encoding: str | None = None
    max_bytes: int = 1 << 30
    """Of a download, and of a zip's unpacked content."""


def open_sources(
    specs: Sequence[str], *, options: SourceOptions | None = None, cache: Path
) -> list[Source]:
    """The sources that these name: "builtin", a path, or an http(s) URL.

    Nothing is fetched yet; what is, will lie in `cache`. Raises DataError where a value is none
    of these, or is not there.
    """
    options = options or SourceOptions()
    if not specs:
        raise DataError("no source is given; expected builtin, a path or an http(s) URL")
    if options.encoding is not None and not known(options.encoding):
        raise DataError(f"encoding {options.encoding!r} is unknown; expected one like utf-8")
    return [_open(spec, options, cache) for spec in specs]


def _open(spec: str, options: SourceOptions, cache: Path) -> Source:
    if spec == "builtin":
        from pipeline.sources.builtin import BuiltinSource  # its name lists take a while to load

        return BuiltinSource()
    if "://" in spec:
        return _open_url(spec, options, cache)
    path = Path(spec).expanduser()
    if not path.exists():
        raise DataError(f"source {spec!r} does not exist; expected {_EXPECTED}, a URL or builtin")
    return _open_local(path, path.name, options=options)


def _open_url(url: str, options: SourceOptions, cache: Path) -> Source:
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise DataError(f"source {url!r}: expected http:// or https:// and a host")
    suffix = PurePosixPath(parts.path).suffix.lower()
    if suffix not in {*READERS, ".zip"}:
        raise DataError(f"source {url!r} ends in {suffix!r}; expected {', '.join(READERS)} or .zip")
    from pipeline.sources.remote import RemoteSource  # httpx is for this alone

    return RemoteSource(url, cache, options.max_bytes, partial(_open_local, options=options))


def _open_local(path: Path, label: str, *, options: SourceOptions) -> Source:
    suffix = path.suffix.lower()
    if path.is_dir() or suffix == ".zip":
        return FolderSource(path, label, options.max_bytes, options.encoding)
    if suffix in READERS:
        columns = Columns(options.name_column, options.language_column, options.weight_column)
        return FileSource(path, label, columns, options.encoding)
    raise DataError(f"source {str(path)!r} ends in {suffix!r}; expected {_EXPECTED}")
