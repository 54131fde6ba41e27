"""A need said once reaches every agency concerned, and every answer comes back."""

import pytest

from tests.end_to_end.agencies import ALL, CALLING_BACK, IN_PORTAL, POLLED, Agencies
from tests.end_to_end.counter import (
    Counter,
    Door,
    referral_of,
    repeated_lines,
    statuses,
    steps,
    told,
)

FULL_COURSE = ["acknowledged", "in_progress", "resolved"]


async def test_two_needs_reach_two_agencies_and_both_answers_come_back(
    counter: Counter, agencies: Agencies
) -> None:
    text = "J’ai perdu ma carte Vitale et ma facture EDF est beaucoup trop élevée"
    receipt = await counter.submit(text)
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")

    assert statuses(case) == {"cpam": "resolved", "edf": "resolved"}
    for partner_id in ("cpam", "edf"):
        referral = referral_of(case, partner_id)
        [entry] = await agencies.received(partner_id, referral_id=referral["referral_id"])
        assert entry["times"] == 1
        assert entry["body"]["text"] == text
        assert entry["body"]["case_reference"] == receipt.reference
        assert entry["reference"] == referral["partner_reference"]
        assert steps(case, partner_id) == FULL_COURSE
    assert {need["partner_id"] for need in case["needs"]} == {"cpam", "edf"}
    assert repeated_lines(case) == []


@pytest.mark.parametrize("partner_id", [*CALLING_BACK, *POLLED, "casvp", *IN_PORTAL])
async def test_each_agency_is_reached_in_its_own_way_and_its_answers_come_back(
    counter: Counter, agencies: Agencies, partner_id: str
) -> None:
    receipt = await counter.submit("Je voudrais de l’aide pour mon dossier", to=[partner_id])
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")

    referral = referral_of(case, partner_id)
    entry = await agencies.until_received(partner_id, referral_id=referral["referral_id"])
    assert entry["times"] == 1
    assert steps(case, partner_id) == FULL_COURSE
    assert len(told(case, "referral.delivered", partner_id)) == 1
    assert repeated_lines(case) == []


async def test_an_agency_is_given_only_what_it_may_know(
    counter: Counter, agencies: Agencies
) -> None:
    identifiers = {"caf": "1234567", "cpam": "180047501234567", "edf": "ZX-55"}
    receipt = await counter.submit(
        "Question sur ma facture", to=["edf"], visitor={"identifiers": identifiers}
    )
    case = await counter.until_delivered(receipt.case_id)
    referral_id = referral_of(case, "edf")["referral_id"]
    visitor = (await agencies.until_received("edf", referral_id=referral_id))["body"]["visitor"]
    assert visitor["identifiers"] == {"edf": "ZX-55"}
    assert "birth_date" not in visitor  # not among what edf's file permits


async def test_out_of_scope_goes_to_no_agency_and_names_the_body(counter: Counter) -> None:
    receipt = await counter.submit("Je veux déclarer mes impôts sur le revenu")
    case = await counter.until(receipt.case_id, lambda case: case["decision"] is not None)
    assert case["status"] == "out_of_scope"
    assert case["referrals"] == []
    assert [body["body_id"] for body in case["bodies"]] == ["dgfip"]
    assert case["bodies"][0]["how_to_reach"]


async def test_a_vague_request_waits_for_a_person(counter: Counter) -> None:
    receipt = await counter.submit("Bonjour")
    case = await counter.until(receipt.case_id, lambda case: case["decision"] is not None)
    assert case["status"] == "in_triage"
    assert case["referrals"] == []


async def test_nothing_goes_beyond_what_the_visitor_confirmed(
    counter: Counter, agencies: Agencies
) -> None:
    receipt = await counter.submit(
        "J’ai perdu ma carte Vitale et ma facture EDF est trop élevée", to=["cpam"]
    )
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert statuses(case) == {"cpam": "resolved"}
    assert case["decision"]["suggestions"] == ["edf"]
    given = [entry["body"]["case_reference"] for entry in await agencies.received("edf")]
    assert receipt.reference not in given


async def test_a_case_withdrawn_before_its_delivery_is_never_delivered(
    counter: Counter, agencies: Agencies, operations: Door
) -> None:
    paused = await operations.post("/api/v1/partners/laposte/pause")
    assert paused.content["paused"] is True
    try:
        receipt = await counter.submit("Mon colis est perdu", to=["laposte"])
        case = await counter.until(receipt.case_id, lambda case: bool(case["referrals"]))
        assert (await counter.ask(receipt.case_id, "withdrawal")).status == 202
        case = await counter.until(
            receipt.case_id, lambda case: "withdrawn" in steps(case, "laposte")
        )
        assert case["status"] == "withdrawn"
    finally:
        resumed = await operations.post("/api/v1/partners/laposte/resume")
    assert resumed.content["paused"] is False

    # One that came later is there: whatever was still to go has gone.
    later = await counter.submit("Mon colis est perdu", to=["laposte"])
    case = await counter.until_delivered(later.case_id)
    await agencies.until_received(
        "laposte", referral_id=referral_of(case, "laposte")["referral_id"]
    )
    given = {entry["body"]["case_reference"] for entry in await agencies.received("laposte")}
    assert receipt.reference not in given


@pytest.mark.parametrize("partner_id", ["caf", "edf", "casvp", "mairie"])
async def test_a_withdrawal_after_delivery_reaches_the_agency(
    counter: Counter, agencies: Agencies, operations: Door, partner_id: str
) -> None:
    async with agencies.behaving([partner_id], statuses=False):
        receipt = await counter.submit("Une question", to=[partner_id])
        case = await counter.until_delivered(receipt.case_id)
        referral_id = referral_of(case, partner_id)["referral_id"]
        assert (await counter.ask(receipt.case_id, "withdrawal")).status == 202
        case = await counter.until(
            receipt.case_id, lambda case: steps(case, partner_id) == ["withdrawn"]
        )
        if partner_id not in IN_PORTAL:  # a portal's people see it in their inbox
            entry = await agencies.until_received(
                partner_id, referral_id=referral_id, what="withdrawal"
            )
            assert entry["times"] == 1
    assert case["status"] == "withdrawn"


@pytest.mark.parametrize("partner_id", ["sncf", "edf", "casvp", "mairie"])
async def test_an_agency_s_question_is_answered_and_its_work_goes_on(
    counter: Counter, agencies: Agencies, partner_id: str
) -> None:
    async with agencies.behaving([partner_id], outcome="needs_information"):
        receipt = await counter.submit("Une question", to=[partner_id])
        case = await counter.until(receipt.case_id, lambda case: case["status"] == "answer_needed")
        referral_id = referral_of(case, partner_id)["referral_id"]
        asked = told(case, "referral.status_changed", partner_id)[-1]
        assert asked["words"]["text"]

        words = "Voici le numéro demandé : 42."
        answer = await counter.ask(
            receipt.case_id, "answers", {"referral_id": referral_id, "text": words}
        )
        assert answer.status == 202
        case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert steps(case, partner_id) == [
        "acknowledged", "in_progress", "needs_information", "in_progress", "resolved",
    ]  # fmt: skip
    if partner_id not in IN_PORTAL:
        entry = await agencies.until_received(partner_id, referral_id=referral_id, what="answer")
        assert (entry["times"], entry["body"]["text"]) == (1, words)


async def test_a_reroute_recalls_the_referral_and_issues_another(
    counter: Counter, agencies: Agencies
) -> None:
    async with agencies.behaving(["engie"], statuses=False):
        receipt = await counter.submit("Ma facture est trop élevée", to=["engie"])
        case = await counter.until_delivered(receipt.case_id)
        old = referral_of(case, "engie")["referral_id"]
        answer = await counter.ask(
            receipt.case_id, "reroute", {"referral_id": old, "partners": ["edf"]}
        )
        assert answer.status == 202
        case = await counter.until(
            receipt.case_id, lambda case: statuses(case) == {"edf": "resolved"}
        )
        assert case["status"] == "closed"
        await agencies.until_received("engie", referral_id=old, what="withdrawal")
    new = referral_of(case, "edf")["referral_id"]
    assert (await agencies.until_received("edf", referral_id=new))["times"] == 1
    assert [line["facts"]["decided_by"] for line in told(case, "case.routed")] == [
        "router", "client-pimms",
    ]  # fmt: skip


async def test_a_case_in_triage_goes_where_a_person_sends_it(counter: Counter) -> None:
    receipt = await counter.submit("Bonjour")
    await counter.until(receipt.case_id, lambda case: case["status"] == "in_triage")
    answer = await counter.ask(receipt.case_id, "reroute", {"partners": ["mairie", "casvp"]})
    assert answer.status == 202
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert statuses(case) == {"mairie": "resolved", "casvp": "resolved"}


@pytest.mark.parametrize("partner_id", ["caf", "cpam", "casvp", "mairie"])
async def test_an_agency_that_is_not_competent_sends_the_need_back_to_triage(
    counter: Counter, agencies: Agencies, partner_id: str
) -> None:
    async with agencies.behaving([partner_id], outcome="refused:not_competent"):
        receipt = await counter.submit("Une question", to=[partner_id])
        case = await counter.until(
            receipt.case_id, lambda case: bool(told(case, "case.sent_to_triage"))
        )
    assert case["status"] == "in_triage"
    assert referral_of(case, partner_id)["refusal_reason"] == "not_competent"
    [sent_back] = told(case, "case.sent_to_triage")
    assert (
        sent_back["facts"]["returned_referral_id"] == referral_of(case, partner_id)["referral_id"]
    )


async def test_one_agency_s_refusal_does_not_end_the_other_s_work(
    counter: Counter, agencies: Agencies
) -> None:
    async with agencies.behaving(["caf"], outcome="refused:other"):
        receipt = await counter.submit("Deux questions", to=["caf", "cpam"])
        case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert statuses(case) == {"caf": "refused", "cpam": "resolved"}


async def test_every_agency_at_once(counter: Counter, agencies: Agencies) -> None:
    receipt = await counter.submit("Tout à la fois", to=ALL)
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert statuses(case) == dict.fromkeys(ALL, "resolved")
    for partner_id in ALL:
        referral_id = referral_of(case, partner_id)["referral_id"]
        assert (await agencies.files_opened(partner_id))[referral_id] == 1


UNUSUAL = [
    "Œuvre, ñandú, ﬁ, e\u0301 : chaque signe compte",
    "🙂👩\u200d👩\u200d👧 \U0001f1eb\U0001f1f7 j’ai besoin d’aide",
    "أحتاج إلى مساعدة \u202e avec ma carte",
    "'; DROP TABLE intake.cases; -- <script>alert(1)</script> {{7*7}} %s \\ \"",
    "une ligne\r\nune autre\tet \u2028 une dernière \x7f\ufeff",
    "é" * 5000,
]


@pytest.mark.parametrize("partner_id", ["cpam", "casvp", "mairie"])
async def test_words_arrive_as_they_were_said(
    counter: Counter, agencies: Agencies, partner_id: str
) -> None:
    receipts = [await counter.submit(text, to=[partner_id]) for text in UNUSUAL]
    for text, receipt in zip(UNUSUAL, receipts, strict=True):
        case = await counter.until_delivered(receipt.case_id)
        assert case["text"] == text
        referral_id = referral_of(case, partner_id)["referral_id"]
        entry = await agencies.until_received(partner_id, referral_id=referral_id)
        assert entry["body"]["text"] == text
