"""`aiguillage up` for real: everything ready, healed when a part dies, nothing left at the end."""

import json
import os
import signal
import stat
import time
from pathlib import Path

import pytest

from tests.end_to_end.command import Up, answer_of, command, environment, processes_of

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc"),
    pytest.mark.timeout(900),  # a small machine that does other things as well
]


def state_of(home: Path) -> Path:
    return home / ".local" / "share" / "aiguillage"


def assert_nothing_is_left(home: Path) -> None:
    deadline = time.monotonic() + 60
    while (left := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == {}


def status_of(case_id: str, env: dict[str, str]) -> str:
    referrals = answer_of("show", case_id, env=env)["referrals"]
    return str(referrals[0]["status"]) if referrals else "none"


def test_up_starts_all_heals_keeps_its_data_and_leaves_nothing_running(tmp_path: Path) -> None:
    env = environment(tmp_path)
    up = Up(tmp_path, "--free-ports", "--pace", "0.2")
    try:
        up.wait_for("Ready.")
        secrets = state_of(tmp_path) / "secrets.json"
        assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
        assert json.loads(secrets.read_text())["passwords"]["agent-pimms"] in up.said
        assert command("doctor", env=env).returncode == 0
        assert answer_of("topics", "verify", env=env)
        assert answer_of("migrate", env=env) == []
        assert answer_of("dead-letters", "list", env=env) == []

        once = answer_of("submit", "Je n'ai pas reçu mon RSA", "--key", "k1", env=env)
        again = answer_of("submit", "Je n'ai pas reçu mon RSA", "--key", "k1", env=env)
        assert again == once
        up.wait_until(
            lambda: status_of(once["case_id"], env) not in {"none", "issued", "delivered"},
            "an answer of the CAF",
        )
        shown = command("show", once["reference"].lower().replace("-", " "), env=env)
        assert shown.returncode == 0, shown.stderr
        assert "RSA" in shown.stdout
        assert command("show", "2222-2222", env=env).returncode == 1

        assert command("partners", "pause", "edf", env=env).returncode == 0
        assert any(p["partner_id"] == "edf" for p in answer_of("partners", "list", env=env))
        assert command("partners", "resume", "edf", env=env).returncode == 0
        assert answer_of("partners", "retry", "edf", env=env) == [{"deliveries": 0}]
        assert answer_of("partners", "replay", "edf", "--dry-run", env=env)["found"] == 0
        assert answer_of("partners", "words", "edf", env=env) == {"unknown": [], "mapped": []}
        assert answer_of("partners", "uncertain", "edf", env=env) == []
        unheard = ("partners", "map", "edf", "EN_GREVE", "in_progress")
        assert answer_of(*unheard, env=env)[0]["repaired"] == 0
        [referral] = answer_of("show", once["case_id"], env=env)["referrals"]
        life = answer_of("partners", "referral", referral["referral_id"], env=env)
        assert life["deliveries"][0]["state"] == "delivered"

        second = command("up", env=env)
        assert second.returncode == 1
        assert "already runs" in second.stderr

        router = [p for p, line in processes_of(tmp_path).items() if line.endswith(" router ")]
        for process in router:
            if "supervisor" not in processes_of(tmp_path)[process]:
                os.kill(process, signal.SIGKILL)
        up.wait_for("router ended with code 137: it is started again")
        up.wait_until(lambda: command("doctor", env=env).returncode == 0, "the router again")

        kafka = int((state_of(tmp_path) / "kafka" / "server.pid").read_text())
        os.kill(kafka, signal.SIGKILL)
        up.wait_for("Kafka died: it is started again")
        up.wait_until(lambda: command("doctor", env=env).returncode == 0, "Kafka again")

        assert up.stop(signal.SIGTERM) == 0, up.said
        assert "stopped" in up.said
        assert_nothing_is_left(tmp_path)
        assert command("show", once["case_id"], env=env).returncode == 3
    finally:
        up.end()

    up = Up(tmp_path, "--free-ports", "--pace", "0.2")
    try:
        up.wait_for("Ready.")
        assert answer_of("show", once["case_id"], env=env)["reference"] == once["reference"]
        up.process.kill()  # a crash of the parent: everything goes down by itself
        up.process.wait()
        assert_nothing_is_left(tmp_path)
    finally:
        up.end()


def test_ctrl_c_while_everything_starts_leaves_nothing_running(tmp_path: Path) -> None:
    up = Up(tmp_path, "--free-ports")
    try:
        up.wait_for("state in")
        time.sleep(0.5)
        assert up.stop(signal.SIGINT) == 0, up.said
        assert_nothing_is_left(tmp_path)
    finally:
        up.end()
