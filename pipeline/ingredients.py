"""Has anything changed since the last model was made? Settled by content, never by dates.

Neither torch nor Prefect is needed to say so, since it is asked far more often than answered yes.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence

from model.artifact import ArtifactError, load_record
from pipeline import store
from pipeline.config import Config, IngestConfig
from pipeline.sources import SourceOptions, open_sources
from pipeline.sources.protocol import Source
from pipeline.workspace import code_digest, workspace

FINGERPRINT = "fingerprint"
"""Where in a model's data record it says of what it was made."""


def locate(config: IngestConfig) -> list[Source]:
    """The sources that a configuration names; what lies behind a URL is fetched.

    Raises:
        DataError: a source is not there, or not of a kind that can be read.
    """
    options = SourceOptions(
        name_column=config.name_column,
        language_column=config.language_column,
        weight_column=config.weight_column,
        encoding=config.encoding,
    )
    return open_sources(config.sources, options=options, cache=workspace() / "downloads")


def fingerprint(config: Config, sources: Sequence[Source]) -> str:
    """A SHA-256 (hex) of what decides a model and its judgement: names, settings, code.

    Where the sources and the service lie and the device that computes decide neither.
    """
    settings = config.model_dump(
        mode="json", exclude={"device": True, "url": True, "ingest": {"sources"}}
    )
    content = [[source.fingerprint() for source in sources], settings, code_digest()]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def made_of(fingerprint: str) -> str | None:
    """The tag of the model that was made of just this, be it served or refused; None if none was.

    Asked are the promoted model and the newest one. What a roll-back or a refusal decided is so
    left alone until something fingerprint.
    """
    return next((tag for tag, made in _latest() if made == fingerprint), None)


def _latest() -> Iterator[tuple[str, str | None]]:
    stored = store.models()
    for model in [m for m in stored if m.promoted] + stored[-1:]:
        try:
            yield model.tag, load_record(store.path(model.tag))["data"].get(FINGERPRINT)
        except ArtifactError:  # of another version, or damaged: no reason not to train
            yield model.tag, None
