"""Retraining by itself: a Prefect deployment, what starts its runs, and a process that runs them.

What became of earlier runs is settled whenever serving begins, so that at most one is caught up.
"""

import asyncio
import os
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import get_client, settings
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import (
    TERMINAL_STATES,
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    FlowRun,
    State,
    StateType,
)
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ObjectNotFound
from prefect.runner import Runner
from prefect.states import Cancelled, Crashed, Scheduled
from prefect.types.entrypoint import EntrypointType
from pydantic import ValidationError

from pipeline.config import Config
from pipeline.lock import only_one
from pipeline.retrain import due, retraining, runs

EVENTS = {"namelang.data", "namelang.drift"}
"""Prefect events that start a run, whoever emits them and with whatever resource."""

RETRY = 5.0  # seconds, between two looks at a server that does not answer
BEGUN = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
SHUT_DOWN = "Runner is shutting down."
"""What Prefect writes to a run that it ends because its own process is told to end."""


class ScheduleError(ValueError):
    """A schedule cannot be what it was asked to be, or there is no server that would keep it."""


def deployment(
    config: Config, *, name: str, cron: str | None, timezone: str, every: float | None
) -> RunnerDeployment:
    """What a Prefect server is to know; nothing is sent yet.

    `every` is in seconds, and may be given beside `cron`. Raises ScheduleError: neither is given,
    or a value cannot be used.
    """
    schedules: list[DeploymentScheduleCreate] = []
    if cron is not None:
        schedules.append(_starts("cron", _cron(cron, timezone)))
    if every is not None:
        if every < 1:
            raise ScheduleError(f"every is {every:g}, expected at least 1 second")
        schedules.append(_starts("every", IntervalSchedule(interval=timedelta(seconds=every))))
    if not schedules:
        raise ScheduleError('no time is given; expected --cron like "0 3 * * 1", or --every')
    return RunnerDeployment.from_flow(
        retraining,
        name,
        schedules=schedules,
        # Prefect cancels a run that finds another one running, or has it wait. It waits, since it
        # may have come for newer names.
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE
        ),
        parameters={"config": config.model_dump(mode="json")},
        triggers=[
            DeploymentEventTrigger(
                name=f"{name}: retrain on new data or drift",
                expect=EVENTS,
                parameters={"reason": "{{ event.event }}"},
            )
        ],
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _starts(reason: str, schedule: CronSchedule | IntervalSchedule) -> DeploymentScheduleCreate:
    return DeploymentScheduleCreate(schedule=schedule, slug=reason, parameters={"reason": reason})


def _cron(cron: str, timezone: str) -> CronSchedule:
    try:
        return CronSchedule(cron=cron, timezone=timezone)
    except ValidationError as error:
        problem = error.errors()[0]
        expected = 'five fields like "0 3 * * 1"' if problem["loc"] == ("cron",) else "Europe/Rome"
        raise ScheduleError(
            f"{problem['loc'][0]} is {problem['input']!r}, expected one like {expected}"
        ) from error


def server() -> str:
    """The address of the Prefect server that keeps the schedule.

    Raises:
        ScheduleError: none is named, or it does not answer. None is started: a schedule has to
            outlive the process that serves it.
    """
    url = settings.PREFECT_API_URL.value()
    if not url:
        raise ScheduleError(
            "no Prefect server is named; `prefect server start` starts one, "
            "and PREFECT_API_URL=http://127.0.0.1:4200/api names it"
        )
    os.environ.setdefault("DO_NOT_TRACK", "1")  # a new schedule is told to Prefect's makers else
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
    if problem:
        raise ScheduleError(f"Prefect's server {url} does not answer: {problem}")
    return str(url)


def serve(deployed: RunnerDeployment) -> None:
    """Make the deployment known and run what falls due, until the process is told to end.

    A server that goes away is waited for. What it schedules goes on while this process is down.
    """
    while True:
        try:
            asyncio.run(_serve_once(deployed))
            return
        except KeyboardInterrupt:
            return
        except Exception as error:
            import traceback

            traceback.print_exception(error)
            raise


async def _serve_once(deployed: RunnerDeployment) -> None:
    # The limit of the deployment counts over all processes; this one spares it the asking.
    runner = Runner(deployed.name, limit=1, pause_on_shutdown=False)
    deployment = await runner.aadd_deployment(deployed)
    await asyncio.to_thread(settle_earlier, deployment, deployed.parameters)
    await runner.start()


def settle_earlier(deployment: UUID, parameters: dict[str, Any]) -> FlowRun | None:
    """Clear away what runs an earlier process left; return the one run that makes up for them.

    Waiting runs have the parameters of their day, which need not be valid any more. One new run
    with today's replaces all that were due, and those that died half done. None: nothing was.
    """
    with get_client(sync_client=True) as client:
        missed = _end_dead(client, deployment)
        for run in runs(client, deployment, StateType.SCHEDULED):
            if due(run):
                missed.append(run)
                _replace(client, run)
            # The server itself drops what its schedule had put into the future.
            elif not run.auto_scheduled and run.parameters["config"] != parameters["config"]:
                _replace(client, run)
                _start(client, deployment, run.parameters, run.expected_start_time)
        if not missed:
            return None
        forced = any(run.parameters.get("force") for run in missed)
        reason = f"catches up {len(missed)} missed"
        return _start(client, deployment, {"force": forced, "reason": reason})


def _end_dead(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    """Runs that were cut short: their process is gone though their state says that they run."""
    with only_one(wait=False) as nobody_trains:
        begun = runs(client, deployment, *BEGUN) if nobody_trains else []
        for run in begun:
            # It also gives back the place that the run took of the deployment's limit.
            dead: State[None] = Crashed(message="the process that ran it is gone")
            client.set_flow_run_state(run.id, dead, force=True)
    latest = runs(client, deployment, *TERMINAL_STATES, sort=FlowRunSort.END_TIME_DESC, limit=1)
    return begun + [run for run in latest if run.state and run.state.message == SHUT_DOWN]


def _replace(client: SyncPrefectClient, run: FlowRun) -> None:
    replaced: State[None] = Cancelled(
        message="the deployment was renewed; another run replaces this one"
    )
    client.set_flow_run_state(run.id, replaced, force=True)


def _start(
    client: SyncPrefectClient,
    deployment: UUID,
    parameters: dict[str, Any],
    when: datetime | None = None,
) -> FlowRun:
    """A new run with the deployment's own configuration."""
    kept = {name: value for name, value in parameters.items() if name != "config"}
    return client.create_flow_run_from_deployment(
        deployment, parameters=kept, state=Scheduled(scheduled_time=when)
    )


def start(name: str, *, reason: str, force: bool) -> FlowRun:
    """Ask the server for a run of the deployment of this name; a process that serves it runs it.

    Raises:
        ScheduleError: there is no such deployment.
    """
    server()
    full_name = f"{retraining.name}/{name}"
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(full_name)
        except ObjectNotFound as error:
            raise ScheduleError(
                f"the server has no deployment {full_name!r}; `namelang schedule` makes one"
            ) from error
        return _start(client, deployment.id, {"force": force, "reason": reason})
