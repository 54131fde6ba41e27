"""Whatever is said of a case, in whatever order, some things always hold."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.case_file import CaseFile, Step, UnknownReferral
from services.router.catalogue.entries import Catalogue
from services.router.classification.result import Classification, Need
from services.router.hold_reroute import hold_reroute
from services.router.issue_held_decision import issue_held_decision
from services.router.partners import Partners
from services.router.pass_on_answer import pass_on_answer
from services.router.read_request import Reading
from services.router.return_refused_referral import return_refused_referral
from services.router.route_request import route_request
from services.router.withdraw_case import withdraw_case
from shared.contracts.events import (
    CaseRoutedV1,
    CaseSentToTriageV1,
    ReferralAnswerGivenV1,
    ReferralIssuedV1,
    ReferralRecalledV1,
    ReferralStatusChangedV1,
    RequestAnsweredV1,
    RequestRerouteAskedV1,
    RequestSubmittedV1,
    RequestWithdrawnV1,
)
from shared.contracts.referral_status import ReferralStatus, RefusalReason
from shared.plumbing.outbox import OutgoingEvent

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNDO = timedelta(seconds=20)
PARTNERS = frozenset({"caf", "cpam", "casvp", "mairie"})
# Titles and bodies are all that these acts read of it.
CATALOGUE = Catalogue.model_construct(partners={}, demarches={}, bodies={})
TWO_NEEDS = Reading(
    Classification(
        needs=(
            Need("caf.apl_demande", "caf", 0.9, ((3, 6),), "names"),
            Need("cpam.carte_vitale", "cpam", 0.9, ((10, 16),), "names"),
        ),
        bodies=(),
        urgent=False,
        danger=None,
        confidence=0.95,
        vague=False,
        model_version="m1",
    ),
    postcode="75019",
)


@dataclass
class History:
    """One case, everything announced about it, and the same acts as the router has."""

    case: CaseFile = field(default_factory=lambda: CaseFile(uuid4()))
    events: list[OutgoingEvent] = field(default_factory=list)
    now: datetime = NOON
    withdrawn_after: int | None = None

    def _take(self, step: Step) -> None:
        self.case = step.case
        self.events += step.events

    def of(self, kind: type) -> list:
        return [event.data for event in self.events if isinstance(event.data, kind)]

    def submit(self) -> None:
        submitted = RequestSubmittedV1.model_validate(
            {
                "case_id": self.case.case_id,
                "reference": "ABCD2345",
                "channel": "bus",
                "site_id": "bus-1",
                "taken_at": NOON,
                "received_at": NOON,
                "consent": {
                    "text_version": "1",
                    "given_at": NOON,
                    "given_by": "visitor",
                    "scope": "concerned",
                },
                "sealed": "sealed",
            }
        )
        self._take(
            route_request(
                self.case,
                submitted,
                TWO_NEEDS,
                catalogue=CATALOGUE,
                partners=Partners(listed=PARTNERS, served=PARTNERS),
                now=self.now,
                trace={},
            )
        )

    def withdraw(self) -> None:
        withdrawal = RequestWithdrawnV1(
            case_id=self.case.case_id, withdrawn_at=self.now, withdrawn_by="visitor"
        )
        self._take(withdraw_case(self.case, withdrawal, trace={}))
        if self.withdrawn_after is None:
            self.withdrawn_after = len(self.events)

    def answer(self, number: int) -> None:
        if referral_id := self._some_referral(number):
            answer = RequestAnsweredV1(
                case_id=self.case.case_id,
                answer_id=uuid4(),
                referral_id=referral_id,
                answered_at=self.now,
                answered_by="agent-1",
                sealed="sealed",
            )
            self._take(pass_on_answer(self.case, answer, trace={}))

    def refuse(self, number: int) -> None:
        if referral_id := self._some_referral(number):
            said = ReferralStatusChangedV1(
                case_id=self.case.case_id,
                referral_id=referral_id,
                partner_id=self.case.referral(referral_id).partner_id,
                number=1,
                at=self.now,
                status=ReferralStatus.REFUSED,
                refusal_reason=RefusalReason.NOT_COMPETENT,
                received_at=self.now,
            )
            self._take(return_refused_referral(self.case, said, now=self.now, trace={}))

    def reroute(self, number: int, partners: tuple[str, ...], *, settles: bool) -> None:
        if self.case.request is None:
            return
        asked = RequestRerouteAskedV1(
            case_id=self.case.case_id,
            reroute_id=uuid4(),
            referral_id=None if settles else self._some_referral(number),
            partners=partners,
            asked_at=self.now,
            asked_by="agent-1",
        )
        self._take(hold_reroute(self.case, asked, undo=UNDO, now=self.now, trace={}))

    def wait(self) -> None:
        self.now += UNDO
        for held in self.case.held:
            if held.state == "waiting" and held.due_at <= self.now:
                self._take(
                    issue_held_decision(
                        self.case,
                        held,
                        postcode="75019",
                        catalogue=CATALOGUE,
                        partners=Partners(listed=PARTNERS, served=PARTNERS),
                        now=self.now,
                    )
                )

    def _some_referral(self, number: int) -> UUID | None:
        known = self.case.referrals
        return known[number % len(known)].referral_id if known else None


number = st.integers(0, 5)
acts = st.one_of(
    st.tuples(st.just("submit")),
    st.tuples(st.just("withdraw")),
    st.tuples(st.just("answer"), number),
    st.tuples(st.just("refuse"), number),
    st.tuples(
        st.just("reroute"),
        number,
        st.lists(st.sampled_from([*sorted(PARTNERS), "hors_perimetre", "inconnu"]), max_size=3),
        st.booleans(),
    ),
    st.tuples(st.just("wait")),
)


def _live(history: History, first: list[tuple]) -> History:
    for act, *details in first:
        match act, details:
            case "submit", _:
                history.submit()
            case "withdraw", _:
                history.withdraw()
            case "answer", [which]:
                history.answer(which)
            case "refuse", [which]:
                history.refuse(which)
            case "reroute", [which, partners, settles]:
                history.reroute(which, tuple(partners), settles=settles)
            case _:
                history.wait()
    return history


@given(st.lists(acts, max_size=14))
def test_no_event_is_announced_twice_and_decisions_count_up(history_of: list[tuple]) -> None:
    history = _live(History(), [("submit",), *history_of])

    ids = [event.event_id for event in history.events]
    assert len(ids) == len(set(ids))
    decided = history.of(CaseRoutedV1 | CaseSentToTriageV1)
    assert [d.decision_number for d in decided] == list(range(1, len(decided) + 1))


@given(st.lists(acts, max_size=14))
def test_each_referral_is_announced_by_its_decision_before_it_ends(history_of: list[tuple]) -> None:
    history = _live(History(), [("submit",), *history_of])

    issued = [r.referral_id for r in history.of(ReferralIssuedV1)]
    announced = [r.referral_id for d in history.of(CaseRoutedV1) for r in d.referrals]
    assert issued == announced
    for referral in history.of(ReferralIssuedV1):
        assert referral.needs
        assert {need.partner_id for need in referral.needs} == {referral.partner_id}
    known: set[UUID] = set()
    for event in history.events:
        if isinstance(event.data, ReferralIssuedV1):
            known.add(event.data.referral_id)
        elif isinstance(event.data, ReferralRecalledV1 | ReferralAnswerGivenV1):
            assert event.data.referral_id in known


@given(st.lists(acts, max_size=14))
def test_after_a_withdrawal_nothing_more_is_sent(history_of: list[tuple]) -> None:
    history = _live(History(), [*history_of, ("withdraw",), *history_of, ("submit",), ("wait",)])

    assert history.withdrawn_after is not None
    assert history.events[history.withdrawn_after :] == []
    assert history.case.live_referrals == ()
    assert all(held.state != "waiting" for held in history.case.held)


@given(st.lists(acts, max_size=14))
def test_the_decision_in_force_covers_every_live_referral(history_of: list[tuple]) -> None:
    history = _live(History(), [("submit",), *history_of])
    decision = history.case.decision
    assert decision is not None
    if decision.outcome == "route" and history.case.withdrawn_at is None:
        carried = {n.need_id for r in history.case.live_referrals for n in r.needs}
        assert {need.need_id for need in decision.needs} == carried


whole_partners = st.lists(st.sampled_from(sorted(PARTNERS)), min_size=1, max_size=3)
sends_on = st.one_of(
    st.tuples(st.just("refuse"), number),
    st.tuples(st.just("reroute"), number, whole_partners, st.booleans()),
    st.tuples(st.just("wait")),
)


@given(st.lists(sends_on, max_size=14))
def test_no_need_is_forgotten_it_is_with_an_agency_or_waits_for_a_person(
    history_of: list[tuple],
) -> None:
    history = _live(History(), [("submit",), *history_of])

    case = history.case
    with_agencies = [need for referral in case.live_referrals for need in referral.needs]
    words = {span for need in (*with_agencies, *case.undecided_needs) for span in need.spans}
    assert words >= {(3, 6), (10, 16)}


@given(st.lists(acts, max_size=14))
def test_a_case_is_on_the_triage_s_list_only_while_a_person_must_decide(
    history_of: list[tuple],
) -> None:
    history = _live(History(), [("submit",), *history_of])

    case = history.case
    assert case.decision is not None
    waits = case.decision.outcome == "triage" and case.withdrawn_at is None
    assert (case.triage is not None) == waits


def test_an_answer_on_a_foreign_referral_is_refused() -> None:
    history = _live(History(), [("submit",)])
    answer = RequestAnsweredV1(
        case_id=history.case.case_id,
        answer_id=uuid4(),
        referral_id=uuid4(),
        answered_at=NOON,
        answered_by="agent-1",
        sealed="sealed",
    )
    with pytest.raises(UnknownReferral):
        pass_on_answer(history.case, answer, trace={})
