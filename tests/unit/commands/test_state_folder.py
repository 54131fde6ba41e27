"""What `up` keeps is private, complete, and not believed once its process is gone."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from services.commands.demonstration import (
    complete_plan,
    people_accounts,
    read_demonstration,
    token_accounts,
)
from services.commands.demonstration_secrets import load_or_make_secrets
from services.commands.outcome import CommandFailed
from services.commands.state_folder import Running, StateFolder, default_state_folder
from services.intake.provision import Plan
from shared.plumbing.access import SessionSigner, SessionVerifier
from shared.plumbing.sealing import KeyRing

RUNNING = Running(
    pid=os.getpid(),
    started_at="2026-11-23T10:00:00+00:00",
    database_url="postgresql://…",
    kafka="127.0.0.1:9092",
    kafka_agencies="127.0.0.1:9094",
    intake="http://127.0.0.1:8000",
    router="http://127.0.0.1:8001",
    partner_adapters="http://127.0.0.1:8002",
    simulators="http://127.0.0.1:8100",
)


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / "state")
    folder.make()
    return folder


def test_secrets_are_made_once_and_read_by_their_owner_alone(folder: StateFolder) -> None:
    first = load_or_make_secrets(folder, tokens=["station"], people=["agent"])
    again = load_or_make_secrets(folder, tokens=["station"], people=["agent"])
    assert again == first
    assert stat.S_IMODE(folder.secrets_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_an_account_added_later_gets_its_secret_and_the_others_keep_theirs(
    folder: StateFolder,
) -> None:
    first = load_or_make_secrets(folder, tokens=["station"], people=["agent"])
    later = load_or_make_secrets(folder, tokens=["station", "client"], people=["agent"])
    assert later.tokens["station"] == first.tokens["station"]
    assert later.tokens["client"] != first.tokens["station"]
    assert later.key_ring == first.key_ring


def test_generated_secrets_can_be_used(folder: StateFolder) -> None:
    made = load_or_make_secrets(folder, tokens=[], people=[])
    assert KeyRing.parse(made.key_ring).sealing_keys
    SessionSigner(made.session_private_key)
    SessionVerifier(made.session_public_key)
    with pytest.raises(ValueError, match="private"):
        SessionSigner(made.session_public_key)


def test_no_secret_shows_when_secrets_are_printed_by_mistake(folder: StateFolder) -> None:
    made = load_or_make_secrets(folder, tokens=["station"], people=["agent"])
    shown = f"{made!r} {made}"
    assert made.key_ring not in shown
    assert made.tokens["station"] not in shown


def test_a_damaged_secrets_file_is_told_and_not_replaced(folder: StateFolder) -> None:
    folder.secrets_file.write_text("{")
    with pytest.raises(CommandFailed, match=r"secrets\.json"):
        load_or_make_secrets(folder, tokens=[], people=[])
    assert folder.secrets_file.read_text() == "{"


def test_what_runs_is_found_and_what_crashed_is_not(folder: StateFolder) -> None:
    assert folder.find_running() is None
    folder.write_running(RUNNING)
    assert folder.find_running() == RUNNING
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder.write_running(replace(RUNNING, pid=gone.pid))
    assert folder.find_running() is None


def test_the_state_folder_follows_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AIGUILLAGE_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_state_folder().path == tmp_path / "data" / "aiguillage"
    monkeypatch.setenv("AIGUILLAGE_HOME", str(tmp_path / "own"))
    assert default_state_folder().path == tmp_path / "own"


def test_the_demonstration_is_a_plan_that_intake_accepts(folder: StateFolder) -> None:
    demonstration = read_demonstration()
    secrets = load_or_make_secrets(
        folder, tokens=token_accounts(demonstration), people=people_accounts(demonstration)
    )
    plan = Plan.model_validate(complete_plan(demonstration, secrets))
    roles = {role for person in plan.people for role in person.roles}
    assert {"agent", "supervisor", "triage", "operations", "partner:mairie/*"} <= roles
    assert {station.role for station in plan.stations} == {"kiosk", "bus"}
