"""The table of commands: help, exit codes, no heavy import before it is needed."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

COMMANDS = (
    "up", "demo", "intake", "router", "partner-adapters", "migrate", "topics", "submit", "show",
    "classify", "dead-letters", "partners", "doctor",
)  # fmt: skip


def run(
    *arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIGUILLAGE")}
    return subprocess.run(
        [sys.executable, "-m", "services.command_line", *arguments],
        capture_output=True,
        input=stdin,
        env={**clean, **(env or {})},
        timeout=120,
        check=False,
    )


def test_help_names_every_command_and_the_exit_codes() -> None:
    answer = run("--help")
    text = answer.stdout.decode()
    assert answer.returncode == 0
    assert [command for command in COMMANDS if command not in text] == []
    assert "Exit codes" in text


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, services.command_line\n"
        "print([m for m in ('fastapi', 'aiokafka', 'asyncpg', 'numpy', 'aiohttp', 'pydantic')"
        " if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert answer.stdout.decode().strip() == "[]"


def test_an_unknown_command_is_wrong_usage() -> None:
    assert run("teleport").returncode == 2


@pytest.mark.parametrize("service", ["intake", "router", "partner-adapters"])
def test_a_service_without_settings_names_what_is_missing(service: str) -> None:
    answer = run(service)
    assert answer.returncode == 2
    assert "AIGUILLAGE_KAFKA must be set" in answer.stderr.decode()
    assert "Traceback" not in answer.stderr.decode()


@pytest.mark.parametrize(
    "command", [["show", "K7M4-QX9T"], ["submit", "bonjour"], ["migrate"], ["topics", "verify"]]
)
def test_without_an_address_a_command_says_what_to_start(
    command: list[str], tmp_path: Path
) -> None:
    answer = run(*command, env={"AIGUILLAGE_HOME": str(tmp_path)})
    assert answer.returncode == 3
    assert "aiguillage up" in answer.stderr.decode()


def test_doctor_prints_a_line_for_everything_and_fails_when_something_is_missing(
    tmp_path: Path,
) -> None:
    answer = run("doctor", "--json", env={"AIGUILLAGE_HOME": str(tmp_path / "nothing yet")})
    found = {line["what"]: line for line in json.loads(answer.stdout)}
    assert answer.returncode == 3
    assert found["Python"]["well"] is True
    assert found["PostgreSQL"]["well"] is False
    assert found["simulators"]["well"] is None
    assert all(line["what_to_do"] for line in found.values() if line["well"] is False)


def test_partner_files_are_checked_offline_with_file_and_line(tmp_path: Path) -> None:
    assert run("partners", "check", "--json").returncode == 0
    (tmp_path / "muni.toml").write_text('id = "muni"\nname = "M"\nkind = "teleport"\n')
    answer = run("partners", "check", str(tmp_path))
    assert answer.returncode == 1
    assert "muni.toml:" in answer.stderr.decode()


def test_classify_answers_each_line_in_order_and_survives_a_bad_one() -> None:
    lines = [
        json.dumps({"id": 1, "text": "Je n'ai pas reçu mon RSA"}).encode(),
        b"\xff not json",
        json.dumps({"id": 3, "text": "Ma carte Vitale est perdue"}).encode(),
    ]
    answer = run("classify", "--jsonl", stdin=b"\n".join(lines) + b"\n")
    first, second, third = (json.loads(line) for line in answer.stdout.splitlines())
    assert answer.returncode == 0
    assert (first["agencies"], third["agencies"]) == (["caf"], ["cpam"])
    assert "error" in second
