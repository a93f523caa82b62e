"""Prometheus itself, on the shipped configuration: what it scrapes, what alerts, what is drawn."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from server import CHECKOUT, serve

from bench.servers import free_port
from pipeline import store

SHIPPED = CHECKOUT / "containers" / "prometheus"
DASHBOARD: dict[str, Any] = json.loads(
    (CHECKOUT / "containers/grafana/dashboards/namelang.json").read_text("utf-8")
)
RULES: list[dict[str, Any]] = yaml.safe_load((SHIPPED / "alerts.yml").read_text())["groups"][0][
    "rules"
]
QUERIES = [
    (panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]
]
SECONDS = 30.0
DAY = 86_400


def program(name: str) -> str:
    """Where a program of a Debian package is."""
    path = shutil.which(name)
    packages = {"prometheus-node-exporter": "prometheus-node-exporter"}
    assert path, f"{name} is missing: apt-get install {packages.get(name, 'prometheus')}"
    return path


def promtool(*arguments: str | Path) -> str:
    line = [program("promtool"), *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_configuration_and_every_rule() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "config", SHIPPED / "prometheus.yml")


# What each alert sees when it fires, and when all is well: series and their values, a minute each;
# in the life of a model, an hour.
TIMES: dict[str, tuple[dict[str, str], dict[str, str], str]] = {
    "NamelangDown": (
        {'up{job="api", instance="api:3000"}': "0x10"},
        {'up{job="api", instance="api:3000"}': "1x10"},
        "api at api:3000 does not answer",
    ),
    "NamelangErrors": (
        {
            'namelang_requests_total{status="200"}': "0+980x20",
            'namelang_requests_total{status="500"}': "0+20x20",
        },
        {
            'namelang_requests_total{status="200"}': "0+980x20",
            'namelang_requests_total{status="422"}': "0+900x20",
            'namelang_requests_total{status="500"}': "0+2x20",
        },
        "2% of the requests end in a server error",
    ),
    "NamelangSlow": (
        {
            'namelang_request_seconds_bucket{endpoint="/v1/classify", le="0.1"}': "0+90x20",
            'namelang_request_seconds_bucket{endpoint="/v1/classify", le="0.25"}': "0+100x20",
            'namelang_request_seconds_bucket{endpoint="/v1/classify", le="+Inf"}': "0+100x20",
        },
        {
            'namelang_request_seconds_bucket{endpoint="/v1/classify", le="0.1"}': "0+100x20",
            'namelang_request_seconds_bucket{endpoint="/v1/classify", le="+Inf"}': "0+100x20",
            'namelang_request_seconds_bucket{endpoint="/v1/classify_batch", le="0.1"}': "0x20",
            'namelang_request_seconds_bucket{endpoint="/v1/classify_batch", le="+Inf"}': "0+9x20",
        },
        "one single name in a hundred takes longer than 235ms",
    ),
    "NamelangDrift": (
        {
            'namelang_drift{instance="n", feature="languages"}': "0.2x20",
            'namelang_drift_threshold{instance="n", feature="languages"}': "0.05x20",
            'namelang_drift{instance="n", feature="verdicts"}': "0.2x20",
            'namelang_drift_threshold{instance="n", feature="verdicts"}': "1x20",
        },
        {
            'namelang_drift{instance="n", feature="languages"}': "0.04x20",
            'namelang_drift_threshold{instance="n", feature="languages"}': "0.05x20",
        },
        "the languages of what is asked differ from the training data",
    ),
    "NamelangModelStale": (
        {"namelang_model_published_timestamp_seconds": f"{DAY}x1200"},
        {"namelang_model_published_timestamp_seconds": f"{3 * DAY}x1200"},
        "the served model is 46d 0h 0m 0s old",
    ),
    "NamelangModelRefused": (
        {"namelang_model_refused": "1x20"},
        {"namelang_model_refused": "0x20"},
        "a promoted model cannot be served; the one before it still is",
    ),
    "NamelangTrainingFailed": (
        {
            'namelang_training_failed_timestamp_seconds{instance="n"}': "200x20",
            'namelang_training_succeeded_timestamp_seconds{instance="n"}': "100x20",
        },
        {
            'namelang_training_failed_timestamp_seconds{instance="n"}': "100x20",
            'namelang_training_succeeded_timestamp_seconds{instance="n"}': "200x20",
        },
        "the last training run failed",
    ),
}


def _unit_test(alert: str, series: dict[str, str], at: str, expected: list[Any]) -> dict[str, Any]:
    return {
        "interval": "1h" if alert == "NamelangModelStale" else "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"alertname": alert, "eval_time": at, "exp_alerts": expected}],
    }


def _try(tests: Sequence[dict[str, Any]], folder: Path) -> None:
    """Have promtool run unit tests of the shipped rules."""
    file = folder / "tests.yml"
    rules = [str(SHIPPED / "alerts.yml")]
    interval = tests[0]["interval"]
    whole = {"rule_files": rules, "evaluation_interval": interval, "tests": list(tests)}
    file.write_text(yaml.safe_dump(whole))
    promtool("test", "rules", file)


KEPT = {
    "NamelangDown": {"job", "instance"},
    "NamelangDrift": {"instance", "feature"},
    "NamelangTrainingFailed": {"instance"},
}
"""The labels of series that an alert has too."""


def _labels(alert: str, series: dict[str, str]) -> dict[str, str]:
    """The labels of the alert: the rule's, and those of its first series that it keeps."""
    [rule] = [rule for rule in RULES if rule["alert"] == alert]
    found = re.findall(r'(\w+)="([^"]*)"', next(iter(series)))
    kept = {name: value for name, value in found if name in KEPT.get(alert, ())}
    return {**kept, **rule["labels"]}


@pytest.mark.parametrize("alert", [rule["alert"] for rule in RULES])
def test_an_alert_fires_when_it_is_time_and_not_before(alert: str, tmp_path: Path) -> None:
    bad, good, summary = TIMES[alert]
    at = "47d" if alert == "NamelangModelStale" else "15m"
    [rule] = [rule for rule in RULES if rule["alert"] == alert]
    annotations = rule["annotations"] | {"summary": summary}
    fires = [{"exp_labels": _labels(alert, bad), "exp_annotations": annotations}]
    tests = [_unit_test(alert, bad, at, fires), _unit_test(alert, good, at, [])]
    if "for" in rule:
        tests.append(_unit_test(alert, bad, "0m", []))

    _try(tests, tmp_path)


def test_a_first_training_that_fails_is_told_too(tmp_path: Path) -> None:
    alert = "NamelangTrainingFailed"
    bad = {'namelang_training_failed_timestamp_seconds{instance="n"}': "200x20"}
    [rule] = [rule for rule in RULES if rule["alert"] == alert]
    fires = [{"exp_labels": _labels(alert, bad), "exp_annotations": rule["annotations"]}]

    _try([_unit_test(alert, bad, "15m", fires)], tmp_path)


class Prometheus:
    """A Prometheus that scrapes what it is told to."""

    def __init__(self, port: int) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=10)

    def get(self, path: str, **parameters: str) -> Any:
        reply = self.http.get(path, params=parameters)
        deadline = time.monotonic() + SECONDS
        while reply.status_code == 503 and time.monotonic() < deadline:  # it listens too early
            time.sleep(0.1)
            reply = self.http.get(path, params=parameters)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]

    def query(self, expression: str) -> Sequence[Any]:
        """What it answers now, but for values that are no number."""
        found = self.get("/query", query=expression)["result"]
        return [series for series in found if series["value"][1] != "NaN"]


def _textfiles(folder: Path) -> None:
    """Files as `namelang drift` and a training leave them."""
    folder.mkdir()
    registry = CollectorRegistry()
    for name, value in (("namelang_drift", 0.01), ("namelang_drift_threshold", 0.05)):
        gauge = Gauge(name, "A figure.", ("feature",), registry=registry)
        for feature in ("languages", "verdicts", "familiarity", "symbols"):
            gauge.labels(feature).set(value)
    write_to_textfile(str(folder / "drift.prom"), registry)
    registry = CollectorRegistry()
    for ended, ago in (("succeeded", 60), ("failed", 3600)):
        name = f"namelang_training_{ended}_timestamp_seconds"
        Gauge(name, "When.", registry=registry).set(time.time() - ago)
    write_to_textfile(str(folder / "training.prom"), registry)


@pytest.fixture(scope="module")
def prometheus(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with the shipped files, but for addresses and intervals, on a service that is
    asked without pause, and on the exporter with the options of the compose file."""
    folder = tmp_path_factory.mktemp("monitoring")
    _textfiles(folder / "metrics")
    ports = {name: free_port() for name in ("api", "node-exporter", "prometheus")}
    config = (SHIPPED / "prometheus.yml").read_text()
    config = config.replace("api:3000", f"127.0.0.1:{ports['api']}").replace("15s", "1s")
    config = config.replace("node-exporter:9100", f"127.0.0.1:{ports['node-exporter']}")
    (folder / "prometheus.yml").write_text(config)
    shutil.copy(SHIPPED / "alerts.yml", folder)
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    exporter = [
        *(
            option.replace("/metrics", str(folder / "metrics"))
            for option in services["node-exporter"]["command"]
        ),
        f"--web.listen-address=127.0.0.1:{ports['node-exporter']}",
    ]
    server = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
    ]
    home = folder / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENTOML_HOME", str(home))
        tags = [
            store.publish(artifact, labels={}, metadata={}, status="accepted") for _ in range(2)
        ]
        store.promote(tags[0])
    with ExitStack() as stack:
        api = stack.enter_context(
            serve("service.app:Namelang", home=home, log=folder / "log", port=ports["api"])
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BENTOML_HOME", str(home))
            store.shadow(tags[1])
        for name, options in (("prometheus-node-exporter", exporter), ("prometheus", server)):
            output = stack.enter_context((folder / f"{name}.log").open("wb"))
            line = [program(name), *options]
            process = stack.enter_context(
                subprocess.Popen(line, stdout=output, stderr=subprocess.STDOUT)
            )
            stack.callback(process.terminate)
        running = Prometheus(ports["prometheus"])
        stack.callback(running.http.close)
        _ask_until_scraped(api.http, running)
        yield running


def _ask_until_scraped(api: httpx.Client, prometheus: Prometheus) -> None:
    """Ask for names until Prometheus has three scrapes with them: a rate needs two."""
    deadline, scrapes = time.monotonic() + SECONDS, 0
    while scrapes < 4:
        assert time.monotonic() < deadline, "Prometheus does not scrape the service"
        for _ in range(10):
            api.post("/v1/classify", json={"name": "Kowalski"})
            api.post("/v1/classify_batch", json={"names": ["Tanaka", "Ivanov", "Pappaß"]})
        try:
            found = prometheus.query('count_over_time(namelang_requests_total{status="200"}[1m])')
        except httpx.TransportError:
            found = ()
        scrapes = max((int(series["value"][1]) for series in found), default=0)
        time.sleep(0.1)


def test_prometheus_reaches_all_that_it_is_to_scrape(prometheus: Prometheus) -> None:
    targets = prometheus.get("/targets")["activeTargets"]

    assert {target["labels"]["job"]: target["health"] for target in targets} == {
        "api": "up",
        "trainer": "up",
    }
    assert not any(target["lastError"] for target in targets)


def test_no_alert_fires_while_all_is_well(prometheus: Prometheus) -> None:
    rules = prometheus.get("/rules")["groups"][0]["rules"]

    assert {rule["name"] for rule in rules} == TIMES.keys()
    assert {rule["name"]: rule["state"] for rule in rules if rule["state"] != "inactive"} == {}
    assert {rule["health"] for rule in rules} == {"ok"}


@pytest.mark.parametrize(("title", "expression"), QUERIES)
def test_every_query_of_the_dashboard_has_an_answer(
    title: str, expression: str, prometheus: Prometheus
) -> None:
    for variable in ("$__rate_interval", "$__range"):
        expression = expression.replace(variable, "1m")

    assert prometheus.query(expression), title


def test_every_metric_that_an_alert_looks_at_exists(prometheus: Prometheus) -> None:
    names = set(prometheus.get("/label/__name__/values"))
    looked_at = {
        name for rule in RULES for name in re.findall(r"\bnamelang_\w+|\bup\b", rule["expr"])
    }

    assert looked_at <= names


def test_grafana_finds_the_dashboard_and_its_source_of_data() -> None:
    provisioning = CHECKOUT / "containers/grafana/provisioning"
    sources = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())
    [provider] = yaml.safe_load((provisioning / "dashboards/namelang.yml").read_text())["providers"]
    grafana = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]["grafana"]
    [source] = sources["datasources"]

    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {source["uid"]}
    assert f"./containers/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]
    assert "./containers/grafana/provisioning:/etc/grafana/provisioning:ro" in grafana["volumes"]
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
