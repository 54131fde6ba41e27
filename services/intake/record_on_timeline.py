"""Write down what the router and the agencies say of cases, and what it makes of their status."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from prometheus_client import Histogram

from services.intake.case_facts import ReferralFacts, add_event
from services.intake.case_status import case_status
from services.intake.case_store import (
    CaseState,
    list_states_for_update,
    update_cases,
    update_referrals,
)
from services.intake.timeline_entry import CaseUpdate, make_entry
from services.intake.timeline_store import insert_entries
from shared.contracts.events import (
    ReferralDeliveredV1,
    ReferralMessageReceivedV1,
    ReferralStatusChangedV1,
)
from shared.plumbing.clock import Clock
from shared.plumbing.database import Transaction

_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 5, 10, 60, 600, 3600)

_ACCEPTANCE_TO_DELIVERY = Histogram(
    "aiguillage_acceptance_to_delivery_seconds",
    "From a request's acceptance to an agency's acceptance of its referral",
    buckets=_SECONDS,
)
_CALLBACK_TO_TIMELINE = Histogram(
    "aiguillage_callback_to_timeline_seconds",
    "From an agency's word reaching us to its being on the case's timeline",
    buckets=_SECONDS,
)


class UnknownCase(Exception):
    """An event is about a case that is not here; it is kept as a dead letter."""


async def record_on_timeline(
    tx: Transaction,
    updates: Sequence[tuple[UUID, CaseUpdate]],
    *,
    clock: Clock,
    on_news: Callable[[], None],
) -> None:
    """Record updates, each with its event id, in five statements however many they are.

    The order in which updates come does not matter. Calls `on_news` after the commit.
    Raises `UnknownCase`.
    """
    now = clock.now()
    case_ids = {update.case_id for _, update in updates}
    before = await list_states_for_update(tx, sorted(case_ids))
    if missing := case_ids - before.keys():
        raise UnknownCase(f"no case {min(missing)} here")
    await insert_entries(
        tx,
        [make_entry(update, event_id=event_id) for event_id, update in updates],
        sites={case_id: state.site_id for case_id, state in before.items()},
        recorded_at=now,
    )
    after = _add_all(before, [update for _, update in updates])
    if changed := list(_changed_referrals(before, after)):
        await update_referrals(tx, changed)
    if changed_cases := [state for id_, state in after.items() if state != before[id_]]:
        await update_cases(tx, changed_cases)

    def report() -> None:
        _measure(after, [update for _, update in updates], now=now)
        on_news()

    tx.after_commit(report)


def _add_all(
    states: Mapping[UUID, CaseState], updates: Iterable[CaseUpdate]
) -> dict[UUID, CaseState]:
    facts = {case_id: state.facts for case_id, state in states.items()}
    for update in updates:
        facts[update.case_id] = add_event(facts[update.case_id], update)
    return {
        case_id: replace(state, facts=facts[case_id], status=case_status(facts[case_id]))
        for case_id, state in states.items()
    }


def _changed_referrals(
    before: Mapping[UUID, CaseState], after: Mapping[UUID, CaseState]
) -> Iterable[tuple[UUID, ReferralFacts]]:
    for case_id, state in after.items():
        known = before[case_id].facts.referrals
        for referral_id, referral in state.facts.referrals.items():
            if known.get(referral_id) != referral:
                yield case_id, referral


def _measure(
    states: Mapping[UUID, CaseState], updates: Iterable[CaseUpdate], *, now: datetime
) -> None:
    for update in updates:
        state = states[update.case_id]
        match update:
            case ReferralDeliveredV1():
                # Later deliveries of the same referral hand over answers or its withdrawal.
                if state.facts.referrals[update.referral_id].delivered_number == update.number:
                    seconds = (update.at - state.received_at).total_seconds()
                    _ACCEPTANCE_TO_DELIVERY.observe(seconds)
            case ReferralStatusChangedV1() | ReferralMessageReceivedV1():
                _CALLBACK_TO_TIMELINE.observe((now - update.received_at).total_seconds())
