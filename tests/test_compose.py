import subprocess
import sys

from server import CHECKOUT

COMPOSE = CHECKOUT / "docker-compose.yml"


def test_the_file_keeps_to_the_compose_specification() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    command = [sys.executable, "-m", "check_jsonschema", *schema, str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_service_is_for_this_machine_unless_someone_says_otherwise() -> None:
    assert '"${NAMELANG_ADDRESS:-127.0.0.1}:${NAMELANG_PORT:-3000}:3000"' in COMPOSE.read_text()
