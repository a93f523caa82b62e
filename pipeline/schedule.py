"""Retraining by itself: a Prefect deployment and what starts its runs. `serving` runs them."""

import os
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import get_client, settings
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    FlowRun,
)
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ObjectNotFound
from prefect.states import Scheduled
from prefect.types.entrypoint import EntrypointType
from pydantic import ValidationError

from pipeline.config import Config
from pipeline.retrain import retraining

EVENTS = {"namelang.data", "namelang.drift"}
"""Prefect events that start a run, whoever emits them and with whatever resource."""


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
    # Without a slug: of schedules with one the server keeps those that a renewal no longer has.
    return DeploymentScheduleCreate(schedule=schedule, parameters={"reason": reason})


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


def create_run(
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
        return create_run(client, deployment.id, {"force": force, "reason": reason})
