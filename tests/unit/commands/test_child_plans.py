"""What each child process is told, and nothing it need not know."""

from pathlib import Path

import pytest

from services.commands.addresses import (
    choose_ports,
    free_ports,
    guarded,
    list_taken,
    refuse_taken,
    row_of_ports,
)
from services.commands.child_plans import Servers, plan_children
from services.commands.demonstration import people_accounts, read_demonstration
from services.commands.demonstration_secrets import DemonstrationSecrets
from services.commands.outcome import CommandFailed
from services.partner_adapters.partner_environment import connect_partners
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from services.partner_simulators.agencies import REST_AGENCIES
from services.partner_simulators.settings import Settings as SimulatorSettings
from shared.plumbing.settings import ServiceSettings


@pytest.fixture(scope="module")
def secrets() -> DemonstrationSecrets:
    return DemonstrationSecrets.generate().with_accounts(
        tokens=[], people=people_accounts(read_demonstration())
    )


@pytest.fixture
def plans(secrets: DemonstrationSecrets) -> dict[str, dict[str, str]]:
    found = plan_children(
        servers=Servers("postgresql://here", "127.0.0.1:9092", "127.0.0.1:9094"),
        ports=row_of_ports(21_000),
        secrets=secrets,
        logs=Path("/logs"),
        pace=0.5,
        outcome="mixed",
        inherited={"AIGUILLAGE_UNDO_SECONDS": "3", "AIGUILLAGE_KAFKA": "elsewhere"},
    )
    return {name: dict(plan.environment) for name, plan in found.items()}


def test_only_intake_can_sign_sessions(
    plans: dict[str, dict[str, str]], secrets: DemonstrationSecrets
) -> None:
    holders = [name for name, env in plans.items() if secrets.session_private_key in env.values()]
    assert holders == ["intake"]


def test_only_the_simulated_agencies_hold_their_own_keys(
    plans: dict[str, dict[str, str]], secrets: DemonstrationSecrets
) -> None:
    for key in secrets.agency_private_keys.values():
        assert [name for name, env in plans.items() if key in env.values()] == ["simulators"]


def test_simulators_never_hold_the_key_ring_nor_the_database(
    plans: dict[str, dict[str, str]], secrets: DemonstrationSecrets
) -> None:
    assert secrets.key_ring not in plans["simulators"].values()
    assert "AIGUILLAGE_DATABASE_URL" not in plans["simulators"]


def test_services_alone_inherit_settings_and_what_up_says_comes_first(
    plans: dict[str, dict[str, str]],
) -> None:
    heard = {name: env.get("AIGUILLAGE_UNDO_SECONDS") for name, env in plans.items()}
    assert heard == {"intake": "3", "router": "3", "partner_adapters": "3", "simulators": None}
    assert plans["router"]["AIGUILLAGE_KAFKA"] == "127.0.0.1:9092"


def test_partner_adapters_finds_every_address_and_secret(plans: dict[str, dict[str, str]]) -> None:
    partners = connect_partners(
        load_partner_files(kinds=ADAPTERS), plans["partner_adapters"], on_loopback=True
    )
    for partner_id, facts in REST_AGENCIES.items():
        port = 21_005 + facts.port_offset
        assert partners[partner_id].need_address() == f"http://127.0.0.1:{port}"


def test_services_and_simulators_accept_their_settings(
    plans: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("intake", "router", "partner_adapters"):
        with monkeypatch.context() as patched:
            for name, value in plans[service].items():
                patched.setenv(name, value)
            assert ServiceSettings.from_environment().kafka == "127.0.0.1:9092"
    for name, value in plans["simulators"].items():
        monkeypatch.setenv(name, value)
    assert SimulatorSettings().simulator_pace == 0.5


def test_no_secret_shows_in_a_plan_printed_by_mistake(secrets: DemonstrationSecrets) -> None:
    plans = plan_children(
        servers=Servers("postgresql://here", "k", "a"),
        ports=row_of_ports(21_000),
        secrets=secrets,
        logs=Path("/logs"),
        pace=0.5,
        outcome="mixed",
        inherited={},
    )
    assert secrets.key_ring not in repr(plans)


def test_a_taken_port_is_named_with_the_option_that_helps() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert list_taken([taken]) == [taken]
        with pytest.raises(CommandFailed, match=f"{taken} \\(intake\\)") as refused:
            refuse_taken(row_of_ports(taken))
        assert "--ports-from" in refused.value.hint


def test_a_row_of_free_ports_is_not_given_twice() -> None:
    ports = free_ports()
    with guarded(ports):
        assert ports.guard is not None
        assert list_taken([ports.guard]) == [ports.guard]
        with pytest.raises(CommandFailed, match="meanwhile"), guarded(ports):
            pass
    assert list_taken([ports.guard]) == []


def test_free_ports_are_distinct_and_both_options_at_once_are_refused() -> None:
    ports = list(free_ports().named().values())
    assert len(set(ports)) == len(ports)
    with pytest.raises(CommandFailed):
        choose_ports(ports_from=20_000, free=True)
