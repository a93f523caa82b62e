"""The Dockerfiles in containers/, read and done without a container engine.

    python tests/images.py build containers/api.Dockerfile ROOT
    python tests/images.py run containers/api.Dockerfile ROOT -v /srv/store:/store:ro -- --port 3100

`build` does the steps as written in ROOT, a folder with Debian and a `python` of 3.11 in it (see
docs/operations.md). `run` is what an engine does with the result: a read-only root, a fresh /tmp,
the image's user without capabilities, and nothing of this machine but its network. Both want root;
`tests/test_containers.py` runs the entry points the same way on every run.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

CHECKOUT = Path(__file__).parent.parent
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Image:
    """What a Dockerfile makes, up to one of its stages."""

    base: str
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    workdir: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)  # RUN, COPY and ADD, in order


def read(dockerfile: Path, target: str | None = None) -> Image:
    """The image of a stage, the last one without `target`.

    Raises:
        ValueError: there is no such stage, or an instruction that this does not know.
    """
    stages: dict[str, Image] = {}
    image = Image("")
    for line in dockerfile.read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            image = _on_top_of(stages[base]) if base in stages else Image(base)
            stages[name or dockerfile.stem] = image
        else:
            _note(image, instruction, rest)
    return stages[target] if target else image


def _on_top_of(below: Image) -> Image:
    return Image(
        below.base,
        dict(below.environment),
        {},
        below.user,
        below.workdir,
        list(below.entrypoint),
        list(below.command),
        list(below.steps),
    )


def _note(image: Image, instruction: str, rest: str) -> None:
    pairs = (pair.partition("=") for pair in rest.split(" ") if "=" in pair)
    match instruction:
        case "ENV":
            image.environment |= {name: value for name, _, value in pairs}
        case "ARG":
            image.arguments |= {name: value for name, _, value in pairs}
        case "USER":
            image.user = rest
        case "WORKDIR":
            image.workdir = rest
        case "ENTRYPOINT":
            image.entrypoint, image.command = json.loads(rest), []
        case "CMD":
            image.command = json.loads(rest)
        case "RUN" | "COPY" | "ADD":
            image.steps.append((instruction, rest))
        case "EXPOSE":
            pass
        case _:
            raise ValueError(f"{instruction} is not known here")


def build(image: Image, root: Path, arguments: Mapping[str, str], through: Sequence[str]) -> None:
    """Do the steps in `root`; `through` names variables of this process that RUN is to see."""
    passed = {name: os.environ[name] for name in through if name in os.environ}
    environment = {**image.environment, **image.arguments, **arguments, **passed}
    for instruction, rest in image.steps:
        print(f"{instruction} {rest}", flush=True)
        if instruction == "RUN":
            pairs = [f"{name}={value}" for name, value in environment.items()]
            line = ["chroot", str(root), "env", "-i", *pairs, "sh", "-c", rest]
            subprocess.run(line, check=True)
        else:
            *sources, to = rest.split(" ")
            for source in sources:
                _copy(CHECKOUT / source, to, root, unpack=instruction == "ADD")


def _copy(source: Path, to: str, root: Path, *, unpack: bool) -> None:
    target = root / to.lstrip("/")
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignored)
    elif unpack and tarfile.is_tarfile(source):
        with tarfile.open(source) as archive:
            archive.extractall(target, filter="tar")
    else:
        target = target / source.name if to.endswith("/") else target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


# /mnt is on every Debian, and what is mounted on it here nobody outside sees.
ROOM = Template("""\
set -eu
root=/mnt
mount -t tmpfs -o mode=755 room $$root
mkdir $$root/tmp
mount -t tmpfs -o mode=1777,nosuid,nodev tmp $$root/tmp
$mounts
mount -o remount,ro,bind $$root
exec chroot $$root "$$@"
""")


def command(
    image: Image,
    arguments: Sequence[str] | None,
    *,
    volumes: Mapping[str, str],
    environment: Mapping[str, str],
) -> list[str]:
    """A command line that runs the image's entry point in a room made of `volumes`.

    These are ``{"/where/in/the/room": "/folder/or/file[:ro]"}``; all else there is empty, and
    nothing but /tmp can be written to. It is made in a mount namespace of its own, which ends with
    its last process. Who is not root runs it as himself.
    """
    mounts = [_mount(there, here) for there, here in sorted(volumes.items())]
    room = ROOM.substitute(mounts="\n".join(mounts))
    lowered = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    privileges, namespaces = [], ["unshare", "--mount"]
    if os.geteuid() == 0:
        user, _, group = image.user.partition(":")
        privileges = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *lowered]
    else:
        namespaces.append("--map-root-user")
    pairs = [f"{name}={value}" for name, value in {**image.environment, **environment}.items()]
    line = image.entrypoint + list(image.command if arguments is None else arguments)
    return [
        *(*namespaces, "sh", "-c", room, "room"),
        *(*privileges, "env", "-i", "-C", image.workdir, *pairs, *line),
    ]


def _mount(there: str, here: str) -> str:
    path, _, mode = here.partition(":")
    at = f'"$root{there}"'
    make = "mkdir -p" if Path(path).is_dir() else f'mkdir -p "$(dirname {at})" && touch'
    bound = f'{make} {at} && mount --rbind "{path}" {at}'
    return f"{bound} && mount -o remount,ro,bind {at}" if mode == "ro" else bound


def main() -> None:
    """Build or run an image, as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("verb", choices=["build", "run"])
    parser.add_argument("dockerfile", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--target")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--through", action="append", default=[], metavar="NAME")
    parser.add_argument("-e", dest="env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("-v", dest="volume", action="append", default=[], metavar="HERE:THERE[:ro]")
    parser.add_argument("--entrypoint", metavar="JSON")
    line = sys.argv[1:]
    end = line.index("--") if "--" in line else len(line)
    given, arguments = parser.parse_args(line[:end]), line[end + 1 :]
    image, root = read(given.dockerfile, given.target), given.root.absolute()
    if given.verb == "build":
        build(image, root, dict(pair.split("=", 1) for pair in given.build_arg), given.through)
        return
    if given.entrypoint:
        image.entrypoint, image.command = json.loads(given.entrypoint), []
    volumes = {f"/{entry.name}": f"{entry}:ro" for entry in root.iterdir() if entry.name != "tmp"}
    volumes |= {"/proc": "/proc", "/dev": "/dev"}
    for volume in given.volume:
        here, there, *mode = volume.split(":")
        volumes[there] = ":".join([here, *mode])
    environment = dict(pair.split("=", 1) for pair in given.env)
    line = command(image, arguments or None, volumes=volumes, environment=environment)
    sys.exit(subprocess.run(line).returncode)


if __name__ == "__main__":
    main()
