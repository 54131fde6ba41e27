"""`aiguillage router` runs the service, `aiguillage router retrain` learns; told apart by words."""

import os
import subprocess
import sys
from pathlib import Path


def aiguillage(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AIGUILLAGE")}
    return subprocess.run(
        [sys.executable, "-m", "services.command_line", *arguments],
        capture_output=True,
        text=True,
        env={**clean, "AIGUILLAGE_HOME": str(home)},
        timeout=120,
        check=False,
    )


def test_retraining_without_a_key_ring_says_what_to_start(tmp_path: Path) -> None:
    answer = aiguillage("router", "retrain", home=tmp_path)

    assert answer.returncode == 3
    assert "AIGUILLAGE_KEY_RING" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_without_another_word_the_service_runs(tmp_path: Path) -> None:
    answer = aiguillage("router", home=tmp_path)

    assert answer.returncode == 2
    assert "AIGUILLAGE_SESSION_PUBLIC_KEY must be set" in answer.stderr


def test_an_unknown_word_is_wrong_usage(tmp_path: Path) -> None:
    assert aiguillage("router", "teleport", home=tmp_path).returncode == 2
