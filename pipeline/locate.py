"""The first task of every run, which those that find nothing changed need and no other."""

from prefect import get_run_logger, task
from prefect.client.schemas.objects import State

from pipeline import ingredients
from pipeline.config import IngestConfig
from pipeline.sources.protocol import Source


def _may_pass(task: object, run: object, state: State[object]) -> bool:
    """A network that fails may recover; data that cannot be used stays so."""
    return not isinstance(state.result(raise_on_failure=False), ValueError)


@task(retries=3, retry_delay_seconds=[1, 5, 20], retry_condition_fn=_may_pass)
def locate(config: IngestConfig) -> list[Source]:
    """Open the sources; what lies behind a URL is fetched, and fetched again if that fails."""
    sources = ingredients.locate(config)
    for spec, source in zip(config.sources, sources, strict=True):
        get_run_logger().info("source %s has fingerprint %s", spec, source.fingerprint()[:12])
    return sources
