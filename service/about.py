"""The endpoints that tell about the service itself: its languages, its model, its store."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from model.card import card
from model.context import GROUPS
from model.pointer import published
from service import answers
from service.asgi import Reply, Scope, private
from service.current import Current
from service.served import Served


class About:
    """Answers from the record of the model that is served when a request comes."""

    def __init__(
        self, current: Current, stored: Callable[[Served], list[answers.StoredModel]]
    ) -> None:
        """`stored` lists the versions in the store, the newest first."""
        self._current = current
        self._stored = stored

    async def languages(self, request: None, scope: Scope) -> Reply:
        """The languages that the model knows, and the groups that requests can name."""
        served = self._current.served
        counts = served.record["data"].get("languages", {})
        quality = served.record["metrics"].get("test", {}).get("per_language", {})
        codes = [language.code for language in served.classifier.languages]
        return private(
            {
                "model": served.tag,
                "languages": [
                    {
                        "code": language.code,
                        "language": language.name,
                        "iso639_3": language.iso639_3,
                        "names": counts.get(language.code, {}).get("names"),
                        "test": _quality(quality.get(language.code)),
                    }
                    for language in served.classifier.languages
                ],
                "groups": {
                    name: [code for code in codes if code.partition("-")[0] in group]
                    for name, group in GROUPS.items()
                    if group.intersection(code.partition("-")[0] for code in codes)
                },
            }
        )

    async def model(self, request: None, scope: Scope) -> Reply:
        """The served model's own record: data, licences, quality, and its card."""
        served = self._current.served
        record, when = served.record, published(served.tag)
        return private(
            {
                "model": served.tag,
                "sha256": served.sha256,
                "promoted_at": served.promoted_at,
                "created": when and when.isoformat(timespec="seconds"),
                "hidden": len(served.classifier.artifact.W),
                **{part: record[part] for part in ("data", "metrics", "training", "libraries")},
                "card": card(record, served.tag),
            }
        )

    async def models(self, request: None, scope: Scope) -> Reply:
        """Every version in the store, the newest first."""
        served = self._current.served
        versions = await asyncio.to_thread(self._stored, served)
        return private({"model": served.tag, "models": versions})

    async def ready(self, request: None, scope: Scope) -> Reply:
        """That the process answers, with which model, and which one it had to refuse."""
        refused = self._current.refused
        return private(
            {
                "ready": True,
                "model": self._current.served.tag,
                "shadow": self._current.shadow and self._current.shadow.tag,
                "refused": refused and {"model": refused.model, "reason": refused.reason},
            }
        )


def _quality(quality: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return quality and {key: quality[key] for key in ("n", "precision", "recall", "f1")}
