"""The web page: a few files from this folder's `page`, and nothing from anywhere else."""

import hashlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from service.asgi import Headers, Reply, Scope, header
from service.dispatch import Endpoint

FOLDER = Path(__file__).parent / "page"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def page() -> Iterator[Endpoint]:
    """The endpoints of the page and its files, which are read now."""
    for path in sorted(FOLDER.iterdir()):
        at = "/" if path.name == "index.html" else f"/page/{path.name}"
        yield Endpoint("GET", at, _file(path), guarded=False)


def _file(path: Path) -> Callable[[Any, Scope], Awaitable[Reply]]:
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers: Headers = [
        (b"cache-control", b"no-cache"),  # asked for anew each time, sent only if it has changed
        (b"content-security-policy", POLICY.encode()),
        (b"etag", tag.encode()),
        (b"referrer-policy", b"no-referrer"),
    ]

    async def send(_: Any, scope: Scope) -> Reply:
        media_type = MEDIA_TYPES[path.suffix]
        if header(scope, b"if-none-match") == tag:
            return Reply(b"", media_type, 304, list(headers))
        return Reply(content, media_type, headers=list(headers))

    return send
