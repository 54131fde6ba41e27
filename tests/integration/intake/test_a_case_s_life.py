"""A case after its submission: what is said of it, by whom, and who may read it."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.intake.http_answers import (
    AnswerAccepted,
    CaseForVisitor,
    CasesPage,
    RerouteAccepted,
    WithdrawalAccepted,
)
from services.intake.record_on_timeline import UnknownCase, record_on_timeline
from services.intake.record_partners import record_partners
from services.intake.timeline_entry import CaseUpdate
from shared.contracts.events import PartnerDescribedV1
from shared.contracts.personal import WrittenContent
from shared.contracts.referral_status import ReferralStatus, RefusalReason
from tests.integration.intake.rig import MORNING, Door
from tests.unit.intake.updates import (
    delivered,
    message,
    parked,
    referral_of,
    routed,
    sent_to_triage,
    status,
)

S = ReferralStatus


async def hear(door: Door, *updates: CaseUpdate) -> None:
    """Let intake hear updates, as one batch."""
    await hear_with_ids(door, [(uuid4(), update) for update in updates])


async def hear_with_ids(door: Door, updates: Sequence[tuple[UUID, CaseUpdate]]) -> None:
    async with door.database.transaction() as tx:
        await record_on_timeline(tx, updates, clock=door.clock, on_news=lambda: None)


async def a_routed_case(door: Door, *partners: str) -> tuple[UUID, dict[str, Any]]:
    accepted = await door.submit()
    case_id = UUID(accepted["case_id"])
    await hear(door, routed(*partners, case_id=case_id))
    return case_id, accepted


def sealed_words(door: Door, case_id: UUID, text: str, word: str = "PIECE_DEMANDEE") -> str:
    content = WrittenContent(text=text, partner_word=word)
    return door.sealer.seal(content, bound_to=case_id)


# -- what is heard -------------------------------------------------------------------------


async def test_a_routed_case_shows_its_needs_with_reasons_and_its_referrals(door: Door) -> None:
    case_id, _ = await a_routed_case(door, "caf", "edf")
    case = await door.case(str(case_id))
    assert case["status"] == "with_agencies"
    assert [need["reason"] for need in case["needs"]] == ["word", "word"]
    assert case["needs"][0]["spans"] == [[0, 3]]
    assert {r["partner_id"]: r["status"] for r in case["referrals"]} == {
        "caf": "issued",
        "edf": "issued",
    }
    assert case["decision"]["kind"] == "route"
    assert [line["kind"] for line in case["timeline"]] == ["request.submitted", "case.routed"]


async def test_a_case_out_of_scope_names_the_body_that_is_competent(door: Door) -> None:
    case_id, _ = await a_routed_case(door)
    case = await door.case(str(case_id))
    assert case["status"] == "out_of_scope"
    assert [body["name"] for body in case["bodies"]] == ["Assurance retraite"]


async def test_an_agency_s_words_are_opened_for_the_site_alone(door: Door) -> None:
    case_id, _ = await a_routed_case(door, "caf")
    sealed = sealed_words(door, case_id, "Il manque une attestation de loyer")
    await hear(
        door,
        delivered("caf", case_id=case_id),
        status("caf", S.NEEDS_INFORMATION, number=2, case_id=case_id, sealed=sealed),
    )
    case = await door.case(str(case_id))
    assert case["status"] == "answer_needed"
    assert case["timeline"][-1]["words"] == {
        "text": "Il manque une attestation de loyer",
        "partner_word": "PIECE_DEMANDEE",
    }
    stored = await door.database.fetch(
        "SELECT t::text AS row FROM intake.timeline t WHERE case_id = $1", case_id
    )
    assert "loyer" not in "".join(row["row"] for row in stored)


async def test_any_order_repetition_and_batching_end_in_the_same_case(door: Door) -> None:
    shown = []
    for seed in range(6):
        case_id, _ = UUID((await door.submit())["case_id"]), None
        history = [
            routed("caf", "edf", case_id=case_id),
            delivered("caf", case_id=case_id),
            status("caf", S.NEEDS_INFORMATION, number=2, case_id=case_id),
            parked("caf", number=3, case_id=case_id),
            status("caf", S.RESOLVED, number=4, case_id=case_id),
            status("edf", S.REFUSED, number=1, reason=RefusalReason.OUTSIDE_AREA, case_id=case_id),
            sent_to_triage(number=2, case_id=case_id),
            routed(
                "engie",
                number=3,
                case_id=case_id,
                recalled=(referral_of("edf", case_id=case_id), referral_of("caf", case_id=case_id)),
            ),
            message(
                "engie",
                number=1,
                decision=3,
                case_id=case_id,
                sealed=sealed_words(door, case_id, "vu"),
            ),
        ]
        events = [(uuid4(), update) for update in history]
        random = Random(seed)
        if seed:
            random.shuffle(events)
            events += random.sample(events, 3)
        while events:
            size = random.randint(1, 4)
            await hear_with_ids(door, events[:size])
            events = events[size:]
        case = await door.case(str(case_id))
        assert len(case["timeline"]) == 1 + len(history)
        shown.append(
            (
                case["status"],
                case["decision"]["number"],
                sorted(
                    (
                        r["partner_id"],
                        r["status"],
                        r["recalled"],
                        (r["delivery"] or {}).get("state"),
                    )
                    for r in case["referrals"]
                ),
            )
        )
    assert shown[0][0] == "with_agencies"
    assert shown[0][2] == [
        ("caf", "resolved", True, "parked"),
        ("edf", "refused", True, None),
        ("engie", "issued", False, None),
    ]
    assert shown == [shown[0]] * 6


async def test_an_event_about_an_unknown_case_is_not_swallowed(door: Door) -> None:
    with pytest.raises(UnknownCase):
        await hear(door, delivered("caf", case_id=uuid4()))


async def test_a_line_of_the_timeline_cannot_be_changed(door: Door) -> None:
    accepted = await door.submit()
    with pytest.raises(asyncpg.RestrictViolationError):
        await door.database.run_alone(
            "UPDATE intake.timeline SET kind = 'x' WHERE case_id = $1", UUID(accepted["case_id"])
        )


async def test_recording_costs_the_same_statements_however_many_the_events(door: Door) -> None:
    async def statements(*updates: CaseUpdate) -> int:
        async with door.database.transaction() as tx:
            counted = 0
            run = tx._connection

            class Counting:
                def __getattr__(self, name: str) -> Any:
                    async def call(*args: Any) -> Any:
                        nonlocal counted
                        counted += 1
                        return await getattr(run, name)(*args)

                    return call

            tx._connection = Counting()
            await record_on_timeline(
                tx, [(uuid4(), u) for u in updates], clock=door.clock, on_news=lambda: None
            )
            return counted

    one = UUID((await door.submit())["case_id"])
    many = [UUID((await door.submit())["case_id"]) for _ in range(20)]
    alone = await statements(routed("caf", case_id=one))
    batch = [routed("caf", "edf", case_id=case_id) for case_id in many]
    together = await statements(*batch, *(delivered("caf", case_id=c) for c in many))
    assert alone == together <= 5


async def test_partners_are_known_as_last_described(door: Door) -> None:
    def described(name: str, minutes: int) -> PartnerDescribedV1:
        return PartnerDescribedV1(
            partner_id="caf",
            name=name,
            kind="rest",
            described_at=MORNING + timedelta(minutes=minutes),
        )

    try:
        async with door.database.transaction() as tx:
            await record_partners(tx, [described("CAF de Paris", 2), described("CAF", 1)])
        async with door.database.transaction() as tx:
            await record_partners(tx, [described("C.A.F.", 0)])
        door.clock.move(timedelta(seconds=31))
        case_id, _ = await a_routed_case(door, "caf")
        case = await door.case(str(case_id))
        assert case["referrals"][0]["partner_name"] == "CAF de Paris"
        answer = await door.call(
            "POST",
            f"/api/v1/cases/{case_id}/reroute",
            who=await door.session_of("amina"),
            key=secrets.token_hex(4),
            body={"partners": ["cia"]},
        )
        assert (answer.status, answer.fields) == (422, {"partners"})
    finally:
        await door.database.run_alone("DELETE FROM intake.partners")
        door.clock.move(timedelta(seconds=31))


# -- what is said afterwards ---------------------------------------------------------------


async def test_a_withdrawal_is_announced_once_and_stays(door: Door) -> None:
    case_id, _ = await a_routed_case(door, "caf")
    path = f"/api/v1/cases/{case_id}/withdrawal"
    first = await door.call("POST", path, key="w1" + str(case_id))
    again = await door.call("POST", path, key="w1" + str(case_id))
    with_another_key = await door.call("POST", path, key="w2" + str(case_id), body={})
    assert (first.status, again.status, with_another_key.status) == (202, 202, 202)
    assert first.json == again.json == {"case_id": str(case_id), "status": "withdrawn"}
    WithdrawalAccepted.model_validate(first.json)
    events = [event["type"] for event in await door.outbox(str(case_id))]
    assert events == ["request.submitted.v1", "request.withdrawn.v1"]
    await hear(door, delivered("caf", case_id=case_id))
    case = await door.case(str(case_id))
    assert (case["status"], case["withdrawn_by"]) == ("withdrawn", "client-19")


async def test_a_closed_case_cannot_be_withdrawn(door: Door) -> None:
    case_id, _ = await a_routed_case(door, "caf")
    await hear(door, status("caf", S.RESOLVED, number=1, case_id=case_id))
    answer = await door.call("POST", f"/api/v1/cases/{case_id}/withdrawal", key=str(case_id))
    assert answer.status == 409


async def test_one_key_cannot_withdraw_two_cases(door: Door) -> None:
    one, other = [(await door.submit())["case_id"] for _ in range(2)]
    first = await door.call("POST", f"/api/v1/cases/{one}/withdrawal", key="both" + one)
    second = await door.call("POST", f"/api/v1/cases/{other}/withdrawal", key="both" + one)
    assert (first.status, second.status) == (202, 422)
    assert (await door.case(other))["status"] == "received"


async def test_an_answer_goes_to_the_agency_that_asked(door: Door) -> None:
    case_id, _ = await a_routed_case(door, "caf", "edf")
    await hear(door, status("caf", S.NEEDS_INFORMATION, number=2, case_id=case_id))
    referral_id = str(referral_of("caf", case_id=case_id))
    answer = await door.call(
        "POST",
        f"/api/v1/cases/{case_id}/answers",
        key=str(case_id),
        body={"referral_id": referral_id, "text": "Voici mon numéro de bail"},
    )
    assert answer.status == 202
    event = (await door.outbox(str(case_id)))[-1]
    assert event["type"] == "request.answered.v1"
    AnswerAccepted.model_validate(answer.json)
    assert event["data"]["answer_id"] == answer.json["answer_id"]
    assert event["data"]["referral_id"] == referral_id
    said = door.sealer.open(event["data"]["sealed"], WrittenContent, bound_to=case_id)
    assert said.text == "Voici mon numéro de bail"
    line = (await door.case(str(case_id)))["timeline"]
    assert "Voici mon numéro de bail" in [
        entry["words"]["text"] for entry in line if entry["words"]
    ]


async def test_an_answer_to_nobody_or_too_late_is_refused(door: Door) -> None:
    case_id, _ = await a_routed_case(door, "caf")
    path = f"/api/v1/cases/{case_id}/answers"
    nobody = {"referral_id": str(uuid4()), "text": "Bonjour"}
    answer = await door.call("POST", path, key="n" + str(case_id), body=nobody)
    assert (answer.status, answer.fields) == (422, {"referral_id"})
    await hear(door, status("caf", S.RESOLVED, number=2, case_id=case_id))
    late = {"referral_id": str(referral_of("caf", case_id=case_id)), "text": "Bonjour"}
    assert (await door.call("POST", path, key="l" + str(case_id), body=late)).status == 409


async def test_a_reroute_is_a_person_s_decision_told_to_the_router(door: Door) -> None:
    case_id, _ = await a_routed_case(door, "caf")
    path = f"/api/v1/cases/{case_id}/reroute"
    body = {
        "referral_id": str(referral_of("caf", case_id=case_id)),
        "partners": ["cpam", "cpam", "edf"],
    }
    assert (await door.call("POST", path, key=str(case_id), body=body)).status == 403
    agent = await door.session_of("amina")
    answer = await door.call("POST", path, who=agent, key=str(case_id), body=body)
    assert answer.status == 202
    event = (await door.outbox(str(case_id)))[-1]
    assert event["type"] == "request.reroute_asked.v1"
    RerouteAccepted.model_validate(answer.json)
    assert event["data"]["partners"] == ["cpam", "edf"]
    assert event["data"]["asked_by"] == "amina"
    assert event["data"]["reroute_id"] == answer.json["reroute_id"]


async def test_a_withdrawn_case_takes_no_answer_and_no_reroute(door: Door) -> None:
    case_id, _ = await a_routed_case(door, "caf")
    await door.call("POST", f"/api/v1/cases/{case_id}/withdrawal", key="x" + str(case_id))
    body = {"referral_id": str(referral_of("caf", case_id=case_id)), "text": "Bonjour"}
    path = f"/api/v1/cases/{case_id}"
    assert (await door.call("POST", f"{path}/answers", key="y", body=body)).status == 409
    reroute = await door.call(
        "POST",
        f"{path}/reroute",
        who=await door.session_of("amina"),
        key="z" + str(case_id),
        body={"partners": ["cpam"]},
    )
    assert reroute.status == 409


# -- who may read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "/withdrawal", None),
        ("POST", "/answers", {"referral_id": str(uuid4()), "text": "Bonjour"}),
    ],
)
async def test_another_site_s_case_is_not_found(
    door: Door, method: str, path: str, body: Any
) -> None:
    accepted = await door.submit()
    theirs, nobody_s = [
        await door.call(
            method,
            f"/api/v1/cases/{case_id}{path}",
            who="client-3",
            key=secrets.token_hex(8),
            body=body,
        )
        for case_id in (accepted["case_id"], uuid4())
    ]
    assert theirs.status == nobody_s.status == 404
    assert theirs.json == nobody_s.json
    assert (await door.case(accepted["case_id"]))["status"] == "received"


async def test_what_is_no_case_id_is_named(door: Door) -> None:
    answer = await door.call("GET", "/api/v1/cases/12")
    assert (answer.status, answer.fields) == (422, {"case_id"})


async def test_the_list_holds_the_own_site_only_and_nothing_personal(door: Door) -> None:
    mine = (await door.submit())["case_id"]
    theirs = (await door.submit(who="client-3", site_id="mairie-3"))["case_id"]
    answer = await door.call("GET", "/api/v1/cases?limit=200")
    CasesPage.model_validate(answer.json)
    ids = {case["case_id"] for case in answer.json["cases"]}
    assert mine in ids
    assert theirs not in ids
    assert "Zywanowska" not in str(answer.json)


async def test_pages_show_every_case_once_the_latest_first(door: Door) -> None:
    made = set()
    for _ in range(7):
        made.add((await door.submit(who="client-3", site_id="mairie-3"))["case_id"])
        door.clock.move(timedelta(milliseconds=1))
    seen: list[dict[str, Any]] = []
    path = "/api/v1/cases?limit=3"
    while True:
        page = await door.call("GET", path, who="client-3")
        CasesPage.model_validate(page.json)
        seen += page.json["cases"]
        if page.json["cursor"] is None:
            break
        path = f"/api/v1/cases?limit=3&after={page.json['cursor']}"
    ids = [case["case_id"] for case in seen]
    assert len(ids) == len(set(ids))
    assert made <= set(ids)
    times = [case["received_at"] for case in seen]
    assert times == sorted(times, reverse=True)


async def test_the_list_is_filtered_by_status(door: Door) -> None:
    case_id, _ = await a_routed_case(door)
    answer = await door.call("GET", "/api/v1/cases?status=out_of_scope&limit=200")
    assert str(case_id) in {case["case_id"] for case in answer.json["cases"]}
    assert {case["status"] for case in answer.json["cases"]} == {"out_of_scope"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=lost", "status"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("after=not-ours", "after"),
        ("after=W10=", "after"),
        ("after=%C3%A9", "after"),
    ],
)
async def test_a_wrong_question_is_refused_by_name(door: Door, query: str, field: str) -> None:
    answer = await door.call("GET", f"/api/v1/cases?{query}")
    assert (answer.status, answer.fields) == (422, {field})


# -- the visitor ---------------------------------------------------------------------------


async def track(door: Door, reference: str, secret: str) -> Any:
    return await door.call(
        "GET", f"/api/v1/track/{reference}", who=None, headers={"X-Tracking-Secret": secret}
    )


async def test_a_visitor_follows_their_request_without_seeing_who_works_on_it(door: Door) -> None:
    accepted = await door.submit()
    case_id = UUID(accepted["case_id"])
    sealed = sealed_words(door, case_id, "Envoyez votre bail")
    await hear(
        door,
        routed("caf", case_id=case_id, decided_by="amina"),
        delivered("caf", case_id=case_id),
        status("caf", S.NEEDS_INFORMATION, number=2, case_id=case_id, sealed=sealed),
    )
    typed = accepted["reference"].replace("-", " ").lower()
    answer = await track(door, typed, accepted["tracking_secret"])
    assert answer.status == 200
    CaseForVisitor.model_validate(answer.json)
    assert answer.json["status"] == "answer_needed"
    assert answer.json["needs"] == ["Démarche caf"]
    assert answer.json["referrals"][0]["partner_reference"] == "R1"
    assert answer.json["timeline"][-1]["words"] == "Envoyez votre bail"
    assert not {"amina", "client-19", "PIECE_DEMANDEE", "m1"} & set(_words_in(answer.json))


def _words_in(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [word for inner in value.values() for word in _words_in(inner)]
    if isinstance(value, list):
        return [word for inner in value for word in _words_in(inner)]
    return [str(value)]


async def test_a_wrong_secret_and_an_unknown_reference_cannot_be_told_apart(door: Door) -> None:
    accepted = await door.submit()
    wrong = await track(door, accepted["reference"], "wrong")
    none = await door.call("GET", f"/api/v1/track/{accepted['reference']}", who=None)
    unknown = await track(door, "2222-2222", accepted["tracking_secret"])
    nonsense = await track(door, "0O1I", accepted["tracking_secret"])
    assert {a.status for a in (wrong, none, unknown, nonsense)} == {404}
    assert wrong.json == none.json == unknown.json == nonsense.json
