"""`namelang key` makes what the service's keyring takes."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import app
from service.keys import Keyring
from service.problems import Problem


def namelang_key(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["key", *arguments])


def admit(ring: Keyring, key: str) -> None:
    ring.admit({"headers": [(b"authorization", f"Bearer {key}".encode())]})


@pytest.mark.parametrize("name", ["crm", 'the "new" \\ CRM of Łódź 😀'])
def test_a_key_opens_what_its_lines_guard_and_stands_in_them_nowhere(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / "keys.toml"
    keys = []
    for options in ([], ["--per-second", "0.05"]):
        made = namelang_key(name, *options)
        assert made.exit_code == 0
        keys.append(made.stderr.split()[-1])
        with file.open("a", encoding="utf-8") as lines:
            lines.write(made.stdout)

    ring = Keyring.load(file, processes=1)

    for key in keys:
        assert len(key) >= 43
        assert key not in file.read_text("utf-8")
        admit(ring, key)
    with pytest.raises(Problem, match="rate-limited"):
        admit(ring, keys[1])
    with pytest.raises(Problem, match="unauthorized"):
        admit(ring, keys[0][:-1])


def test_no_two_keys_are_alike() -> None:
    assert len({namelang_key("crm").stderr for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a\nb"], r"name of the key is 'a\nb'; expected printable characters"),
        ([""], "name of the key is ''"),
        (["crm", "--per-second", "0"], "per-second is 0.0; expected a number above 0"),
        (["crm", "--per-second", "inf"], "per-second is inf; expected a number above 0"),
        (["crm", "--per-second", "nan"], "per-second is nan; expected a number above 0"),
    ],
)
def test_what_can_be_no_key_is_said_and_none_is_made(arguments: list[str], message: str) -> None:
    refused = namelang_key(*arguments)

    assert message in str(refused.exception)
    assert (refused.stdout, refused.stderr) == ("", "")
