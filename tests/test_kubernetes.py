"""The manifests: what Kubernetes' own API schemas say of them, and what they promise."""

from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml
from images import read
from server import CHECKOUT

MANIFESTS = sorted((CHECKOUT / "deploy" / "kubernetes").glob("*.yaml"))
VERSIONS = ("1.31", "1.37")

Resource = Mapping[str, Any]
RESOURCES: list[Resource] = [
    resource for path in MANIFESTS for resource in yaml.safe_load_all(path.read_text("utf-8"))
]


def of_kind(kind: str) -> dict[str, Resource]:
    return {r["metadata"]["name"]: r for r in RESOURCES if r["kind"] == kind}


def pods() -> Iterator[Resource]:
    """The specifications of all pods that the manifests make."""
    for deployment in of_kind("Deployment").values():
        yield deployment["spec"]["template"]["spec"]
    for job in of_kind("CronJob").values():
        yield job["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "resource", RESOURCES, ids=lambda r: f"{r['kind']} {r['metadata']['name']}"
)
def test_a_manifest_keeps_to_the_schema_of_its_kind(resource: Resource, version: str) -> None:
    kubernetes_validate.validate(resource, version, strict=True)


def test_the_schemas_know_a_wrong_field() -> None:
    wrong = {**of_kind("Service")["namelang"], "spec": {"ports": [{"prot": 80}]}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_no_pod_can_do_what_it_need_not() -> None:
    found = list(pods())
    for pod in found:
        [container] = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert "memory" in container["resources"]["limits"]

    assert len(found) == 2


def test_the_pods_run_as_the_user_of_their_images() -> None:
    users = {read(path).user for path in (CHECKOUT / "containers").glob("*.Dockerfile")}

    for pod in pods():
        context = pod["securityContext"]
        assert {f"{context['runAsUser']}:{context['runAsGroup']}"} == users


def test_the_api_cannot_write_to_the_store_that_the_trainer_writes_to() -> None:
    [api, trainer] = pods()
    claims = of_kind("PersistentVolumeClaim")
    for pod, read_only in ((api, True), (trainer, False)):
        [claim] = [v["persistentVolumeClaim"] for v in pod["volumes"] if v["name"] == "store"]
        [mount] = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == "store"]
        assert claims[claim["claimName"]]["spec"]["accessModes"] == ["ReadWriteMany"]
        assert claim.get("readOnly", False) == mount.get("readOnly", False) == read_only


def test_the_autoscaler_keeps_two_pods_and_scales_what_is_there() -> None:
    [scaler] = of_kind("HorizontalPodAutoscaler").values()
    target = of_kind(scaler["spec"]["scaleTargetRef"]["kind"])[
        scaler["spec"]["scaleTargetRef"]["name"]
    ]
    [container] = target["spec"]["template"]["spec"]["containers"]

    assert scaler["spec"]["minReplicas"] >= 2
    assert "replicas" not in target["spec"]
    assert "cpu" in container["resources"]["requests"]  # of which the autoscaler takes a share


def test_every_selector_finds_the_pods_of_the_api() -> None:
    [api] = of_kind("Deployment").values()
    labels = api["spec"]["template"]["metadata"]["labels"].items()

    assert api["spec"]["selector"]["matchLabels"].items() <= labels
    assert of_kind("Service")["namelang"]["spec"]["selector"].items() <= labels
    [budget] = of_kind("PodDisruptionBudget").values()
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels
    policy = of_kind("NetworkPolicy")["namelang-api"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels


def test_kubernetes_sets_no_variable_that_the_api_would_take_for_a_setting() -> None:
    # The service is called namelang: NAMELANG_PORT and others would be in every pod beside it.
    [api, _] = pods()

    assert api["enableServiceLinks"] is False
