"""`aiguillage demo` for real: 60 requests, none lost, none doubled, nothing left behind."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.command import command, environment, processes_of

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc"),
    pytest.mark.timeout(900),  # a small machine that does other things as well
]


def test_the_demo_loses_nothing_doubles_nothing_and_ends_by_itself(tmp_path: Path) -> None:
    env = {**environment(tmp_path), "TMPDIR": str(tmp_path)}
    done = command("demo", "--json", "--pace", "0.2", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads(done.stdout)
    assert (summary["requests"], summary["accepted"]) == (60, 60)
    assert (summary["lost"], summary["duplicates"], summary["unsettled"]) == (0, 0, 0)
    assert set(summary["partners"]) == {
        "accompagnement", "caf", "casvp", "cpam", "edf", "engie", "laposte", "mairie", "sncf",
    }  # fmt: skip
    assert all(p["routed"] == p["delivered"] > 0 for p in summary["partners"].values())
    assert summary["triage"] > 0
    assert summary["out_of_scope"] > 0
    assert summary["callback_to_timeline"]["count"] > 60
    assert set(summary["services"]) == {"intake", "router", "partner_adapters", "simulators"}
    assert processes_of(tmp_path) == {}
    assert list(tmp_path.glob("aiguillage-demo-*")) == []
