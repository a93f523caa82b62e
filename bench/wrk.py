"""The load generator: wrk, told by a script what to send and how to say what came of it."""

import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.servers import allowed, pinned

SCRIPT = r"""
local requests, i = {}, 0

function init(args)
  local headers = {["Content-Type"] = "application/json"}
  for body in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  i = i % #requests + 1
  return requests[i]
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    '\nload: {"seconds": %.6f, "requests": %d, "p50": %.3f, "p99": %.3f, "p999": %.3f, ' ..
      '"refused": %d, "broken": %d}\n',
    summary.duration / 1e6, summary.requests, latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3,
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""
MARK = "load: "
LONGEST = 24 * 3600
"""Seconds: wrk takes whole ones only, so it is given more than enough and stopped."""
PATIENCE = 60
"""Seconds until wrk counts an answer as one that never came."""


class Load(NamedTuple):
    """What came of some seconds of requests, each sent as soon as the one before was answered."""

    seconds: float
    requests: int  # that were answered
    p50: float  # milliseconds from a request to the last byte of its answer
    p99: float
    p999: float
    refused: int  # answers of a status above 399
    broken: int  # connections that failed, and answers that never came

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return max(0, self.requests - self.refused) / self.seconds


def program() -> str:
    """Where wrk is.

    Raises:
        ValueError: it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        raise ValueError("wrk, which makes the load, is missing: `apt-get install wrk` brings it")
    return found


@contextmanager
def loading(
    url: str, bodies: Sequence[bytes], connections: int, cores: Collection[int] | None = None
) -> Iterator["Wrk"]:
    """Post these bodies in turn, without pause, until the block ends or `stop` is called.

    wrk keeps to the cores given; any that this process may use without.
    """
    with tempfile.TemporaryDirectory() as folder:
        script, sent = Path(folder, "post.lua"), Path(folder, "bodies")
        script.write_text(SCRIPT, "utf-8")
        sent.write_bytes(b"".join(body + b"\n" for body in bodies))
        # By lines: after the first of them SIGINT ends it well, before that without a word.
        line = ["stdbuf", "-oL", program(), "-t1", f"-c{connections}", f"-d{LONGEST}"]
        line += [f"--timeout={PATIENCE}", "-s", str(script), url, "--", str(sent)]
        with pinned(cores or allowed()):
            process = subprocess.Popen(
                line, stdout=subprocess.PIPE, text=True, start_new_session=True
            )
        wrk = Wrk(process)
        try:
            yield wrk
        finally:
            wrk.end()


class Wrk:
    """A running wrk."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """It has begun, or failed, when this returns."""
        self._process = process
        assert process.stdout, "what it prints is read"
        self._output = process.stdout.readline()

    def stop(self) -> Load:
        """End it, and say what came of it."""
        return parse(self.end())

    def end(self) -> str:
        """What it printed."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGINT)
            self._output += self._process.communicate()[0]
        return self._output


def load(
    url: str,
    bodies: Sequence[bytes],
    *,
    connections: int,
    seconds: float,
    cores: Collection[int] | None = None,
) -> Load:
    """What comes of so many seconds; cores as `loading` has them."""
    with loading(url, bodies, connections, cores) as wrk:
        time.sleep(seconds)
        return wrk.stop()


def parse(output: str) -> Load:
    """What the script said at the end of what wrk printed.

    Raises:
        ValueError: it never came to its end.
    """
    said = [line for line in output.splitlines() if line.startswith(MARK)]
    if not said:
        raise ValueError(f"wrk did not say what came of it: {output!r}")
    return Load(**json.loads(said[-1].removeprefix(MARK)))
