"""Guessing passwords: how many wrong ones are let through, and what becomes of right ones."""

from datetime import UTC, datetime, timedelta

import pytest

from services.intake import sign_in_brake
from services.intake.sign_in_brake import MOST_PER_ACCOUNT, MOST_PER_ADDRESS, WINDOW, SignInBrake
from shared.plumbing.clock import MovableClock
from shared.plumbing.problem_details import Problem

HERE = "203.0.113.7"


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 23, 9, 0, tzinfo=UTC))


@pytest.fixture
def brake(clock: MovableClock) -> SignInBrake:
    return SignInBrake(clock=clock)


def refused(brake: SignInBrake, *, account: str, address: str | None = HERE) -> Problem | None:
    try:
        brake.begin(account=account, address=address)
    except Problem as problem:
        return problem
    return None


def test_an_account_is_held_after_ten_attempts_wherever_they_come_from(
    brake: SignInBrake, clock: MovableClock
) -> None:
    for number in range(MOST_PER_ACCOUNT):
        assert refused(brake, account="amina", address=f"203.0.113.{number}") is None
        clock.move(timedelta(seconds=1))
    problem = refused(brake, account="amina", address="198.51.100.1")
    assert problem is not None
    assert problem.status == 429
    waited = int(WINDOW.total_seconds()) - MOST_PER_ACCOUNT
    assert problem.headers == {"Retry-After": str(waited)}
    assert refused(brake, account="samir") is None


def test_after_the_wait_it_said_one_attempt_is_let_through(
    brake: SignInBrake, clock: MovableClock
) -> None:
    for _ in range(MOST_PER_ACCOUNT):
        brake.begin(account="amina", address=HERE)
    problem = refused(brake, account="amina")
    assert problem is not None
    clock.move(timedelta(seconds=int(problem.headers["Retry-After"])))
    assert refused(brake, account="amina") is None


def test_attempts_that_are_refused_do_not_prolong_the_wait(
    brake: SignInBrake, clock: MovableClock
) -> None:
    for _ in range(MOST_PER_ACCOUNT):
        brake.begin(account="amina", address=HERE)
    clock.move(WINDOW - timedelta(seconds=1))
    assert refused(brake, account="amina") is not None
    clock.move(timedelta(seconds=1))
    assert refused(brake, account="amina") is None


@pytest.mark.parametrize("address", [HERE, "2001:db8::%x", "::ffff:203.0.113.7", "not an address"])
def test_an_address_is_held_after_a_hundred_attempts_on_many_accounts(
    brake: SignInBrake, address: str
) -> None:
    for number in range(MOST_PER_ADDRESS):
        at = address.replace("%x", f"{number:x}")
        assert refused(brake, account=f"a{number}", address=at) is None
    assert refused(brake, account="samir", address=address.replace("%x", "ffff")) is not None
    assert refused(brake, account="samir", address="198.51.100.1") is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", None])
def test_this_machine_is_counted_by_account_alone(brake: SignInBrake, address: str | None) -> None:
    for number in range(MOST_PER_ADDRESS + 1):
        assert refused(brake, account=f"a{number}", address=address) is None


def test_a_right_password_clears_its_account_and_only_its_own_attempt_of_the_address(
    brake: SignInBrake,
) -> None:
    for number in range(MOST_PER_ADDRESS - 1):
        brake.begin(account=f"a{number}", address=HERE)
    for _ in range(5):
        brake.begin(account="amina", address=HERE)
        brake.forgive(account="amina", address=HERE)
    assert refused(brake, account="amina") is None
    assert refused(brake, account="amina") is not None, "the others' failures still count"
    for _ in range(MOST_PER_ACCOUNT - 1):
        assert refused(brake, account="amina", address="198.51.100.1") is None


def test_what_is_remembered_is_bounded(brake: SignInBrake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in_brake, "_KEYS_KEPT", 50)
    for number in range(200):
        brake.begin(account=f"a{number}", address=None)
    assert len(brake._begun) == 50
