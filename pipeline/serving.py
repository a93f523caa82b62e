"""The process that serves a deployment: it takes the runs that fall due, one at a time.

What became of earlier runs is settled whenever serving begins, so that at most one is caught up.
"""

import asyncio
import signal
import sys
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.runner import Runner
from prefect.states import Cancelled, Crashed

from pipeline.lock import only_one
from pipeline.retrain import due, runs
from pipeline.schedule import ScheduleError, create_run, server

BEGUN = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
RETRY = 5.0  # seconds, between two looks at a server that does not answer


def serve(deployed: RunnerDeployment) -> None:
    """Make the deployment known and run what falls due, until the process is told to end.

    A server that goes away is waited for. What it schedules goes on while this process is down.
    """
    while True:
        # The limit of the deployment counts over all processes; this one spares it the asking.
        runner = _Runner(deployed.name, limit=1, pause_on_shutdown=False, prefetch_seconds=0)
        try:
            asyncio.run(runner.serve(deployed))
        except asyncio.CancelledError:
            return
        except (RuntimeError, httpx.HTTPError, ExceptionGroup) as error:
            if runner.told_to_end:  # after an outage Prefect reports that instead
                return
            _wait_for_server(error)


def _wait_for_server(error: Exception) -> None:
    """Return when the server answers again; raise the error where it never ceased to."""
    try:
        server()
    except ScheduleError as gone:
        print(f"namelang: {gone}; waiting for it", file=sys.stderr, flush=True)
    else:
        raise error
    while True:
        time.sleep(RETRY)
        with suppress(ScheduleError):
            server()
            return


class _Runner(Runner):
    """One that ends in order when it is told to; Prefect's own way leaves its loop in pieces."""

    told_to_end = False

    async def serve(self, deployed: RunnerDeployment) -> None:
        deployment = await self.aadd_deployment(deployed)
        await asyncio.to_thread(settle_earlier, deployment, deployed.parameters)
        print(f"{deployed.full_name} is served by way of {server()}", flush=True)
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        self.loop.add_signal_handler(signal.SIGINT, self.handle_sigterm)
        await self.start()

    def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:
        self.told_to_end = True
        if self.task:
            self.loop.call_soon_threadsafe(self.task.cancel)


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
            elif not run.auto_scheduled and run.parameters.get("config") != parameters["config"]:
                _replace(client, run)
                create_run(client, deployment, run.parameters, run.expected_start_time)
        if not missed:
            return None
        forced = any(run.parameters.get("force") for run in missed)
        reason = f"catches up {len(missed)} missed"
        return create_run(client, deployment, {"force": forced, "reason": reason})


def _end_dead(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    """Runs that were cut short: their process is gone though their state says that they run."""
    with only_one(wait=False) as nobody_trains:
        begun = runs(client, deployment, *BEGUN) if nobody_trains else []
        for run in begun:
            # It also gives back the place that the run took of the deployment's limit.
            dead: State[None] = Crashed(message="the process that ran it is gone")
            client.set_flow_run_state(run.id, dead, force=True)
    # A run whose process was told to end has had the time to say so itself.
    ended = runs(client, deployment, *TERMINAL_STATES, sort=FlowRunSort.END_TIME_DESC, limit=1)
    return begun or [run for run in ended if run.state_type == StateType.CRASHED]


def _replace(client: SyncPrefectClient, run: FlowRun) -> None:
    replaced: State[None] = Cancelled(
        message="the deployment was renewed; another run replaces this one"
    )
    client.set_flow_run_state(run.id, replaced, force=True)
