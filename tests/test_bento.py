import subprocess
import tarfile
import tomllib
import venv
from importlib.metadata import requires
from pathlib import Path
from sysconfig import get_path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from server import CHECKOUT, command, serve

from model.classifier import Classifier
from pipeline import store


def run(*arguments: str, home: Path) -> str:
    done = subprocess.run(command(*arguments, home=home), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python_without_the_checkout(folder: Path) -> str:
    """An interpreter with this one's packages, but not its editable installation of ours."""
    venv.create(folder, symlinks=True)
    [site_packages] = folder.glob("lib/*/site-packages")
    # Python reads no .pth file of a folder that a .pth file names.
    (site_packages / "packages.pth").write_text(get_path("purelib"))
    python = folder / "bin" / "python"
    done = subprocess.run([python, "-c", "import service"], cwd=folder, capture_output=True)
    assert b"No module named 'service'" in done.stderr
    return str(python)


def test_an_exported_bento_serves_the_model_promoted_at_its_build(
    artifact: Path, home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pinned = store.models()[0].tag
    bento = run("build", "--output", "tag", home=home).strip().removeprefix("__tag__:")
    store.promote(store.publish(artifact, labels={}, metadata={}, status="accepted"))

    elsewhere = tmp_path_factory.mktemp("elsewhere")
    run("export", bento, str(elsewhere / "exported.bento"), home=home)
    with tarfile.open(elsewhere / "exported.bento") as archive:
        archive.extractall(elsewhere / "bento", filter="data")
    with serve(
        str(elsewhere / "bento"),
        home=elsewhere / "empty",
        log=elsewhere / "log",
        cwd=elsewhere,
        python=python_without_the_checkout(elsewhere / "python"),
    ) as server:
        answer = server.http.post("/v1/classify", json={"name": "Kowalski", "top_k": 1}).json()

    [expected] = Classifier.load(artifact).classify(["Kowalski"], top_k=1)
    assert answer["model"] == pinned
    assert answer["languages"][0]["code"] == expected["languages"][0]["code"]


def test_the_image_installs_all_that_the_service_needs_and_nothing_else() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    listed = pins(CHECKOUT / "service/requirements.txt")
    constraints = pins(CHECKOUT / "constraints.txt")

    assert listed == {name: constraints[name] for name in needed(project["dependencies"])}


def pins(path: Path) -> dict[str, str]:
    """The pinned version of each package: ``numpy==2.4.6`` → ``{"numpy": "2.4.6"}``."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): pin for name, _, pin in (x.partition("==") for x in lines)}


def needed(dependencies: list[str]) -> set[str]:
    """These packages, what they need, and so on, as installed here."""
    found: set[str] = set()
    waiting = [Requirement(dependency) for dependency in dependencies]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in found:
            found.add(name)
            for line in requires(name) or ():
                further = Requirement(line)
                if not further.marker or further.marker.evaluate({"extra": ""}):
                    waiting.append(further)
    return found
