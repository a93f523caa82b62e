"""The flow that a schedule runs: train again, but only where something has changed."""

from typing import Any
from uuid import UUID

from prefect import flow, get_client, get_run_logger
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.states import Cancelled, Completed
from prefect.types import DateTime

from pipeline import ingredients
from pipeline.config import Config
from pipeline.locate import locate
from pipeline.lock import only_one
from pipeline.process import settle
from pipeline.textfile import training_failed, training_succeeded


@flow(
    name="namelang-retrain",
    on_completion=[training_succeeded],
    on_failure=[training_failed],
    on_crashed=[training_failed],
)
def retraining(config: Config, force: bool = False, reason: str = "by hand") -> State[None]:
    """Train, judge and publish a model, unless nothing has changed since the last one.

    `force` trains anyway. `reason` is for the log: what this run was started for.

    The state that the run ends in is named NothingChanged, Promoted or Refused, all of them
    completed, and its message says what was found.
    """
    settle()
    get_run_logger().info("started: %s", reason)
    with only_one():
        # Before the sources are read: whoever came in later may have come for newer names.
        _stand_in_for_the_waiting()
        sources = locate(config.ingest)
        same = None if force else ingredients.made_of(ingredients.fingerprint(config, sources))
        if same:
            return Completed(name="NothingChanged", message=f"nothing changed since {same}")
        # Torch takes longer to load than it takes to see that there is nothing to do.
        from pipeline.flows import train_from

        outcome = train_from(sources, config)
    verdict = "Promoted" if outcome.promoted else "Refused"
    return Completed(name=verdict, message=f"{outcome.model}: {outcome.reason}")


def runs(
    client: SyncPrefectClient,
    deployment: UUID,
    *types: StateType,
    sort: FlowRunSort = FlowRunSort.EXPECTED_START_TIME_ASC,
    limit: int = 200,
) -> list[FlowRun]:
    """A deployment's runs whose state is of these types; 200 is the most that a server gives."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types)))
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(state=state),
        sort=sort,
        limit=limit,
    )


def due(run: FlowRun) -> bool:
    """Whether a waiting run's time has come."""
    return run.expected_start_time is not None and run.expected_start_time <= DateTime.now("UTC")


def _stand_in_for_the_waiting() -> None:
    """Cancel the runs that wait to do what this one is about to do.

    They have piled up while no process took them, or while another run took its time.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None:
        return
    with get_client(sync_client=True) as client:
        for other in runs(client, run.deployment_id, StateType.SCHEDULED):
            if other.id != run.id and due(other) and _work(other) == _work(run):
                covered: State[None] = Cancelled(
                    message=f"{run.name} began later and does the same"
                )
                client.set_flow_run_state(other.id, covered, force=True)


def _work(run: FlowRun) -> dict[str, Any]:
    """The parameters that decide what a run does."""
    return {"force": False} | {k: v for k, v in run.parameters.items() if k != "reason"}
