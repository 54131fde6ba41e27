"""What waits for a person: in which order, for whom, and what becomes of a decision."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.http_triage import HOLD
from shared.contracts.cloudevents import CloudEvent
from shared.contracts.events import (
    CaseRoutedV1,
    CaseSentToTriageV1,
    ReferralIssuedV1,
    ReferralStatusChangedV1,
)
from shared.contracts.personal import WrittenContent
from shared.contracts.referral_status import ReferralStatus, RefusalReason
from tests.integration.router.rig import NOON, UNDO, Rig, said
from tests.integration.router.triage_rig import (
    AGENT,
    ANNE,
    BILAL,
    CHIEF,
    ELSEWHERE,
    TriageDoor,
    serving,
)

VAGUE = "Bonjour, j'ai besoin d'aide"
DANGER = "Mon mari me frappe, j'ai peur pour mes enfants"
TWO_NEEDS = "Je veux demander l'APL à la CAF et renouveler ma carte Vitale à la CPAM"
WORDS = "Cette personne relève du régime agricole."


@pytest.fixture
async def door(router: Rig, compiled: CompiledCatalogue) -> AsyncIterator[TriageDoor]:
    async with serving(router, compiled) as door:
        yield door


async def waiting(router: Rig, text: str = VAGUE, **details: object) -> UUID:
    """A case that has been sent to triage, one minute after the one before."""
    router.clock.move(timedelta(minutes=1))
    request = router.submitted(text, **details)  # type: ignore[arg-type]
    (event,) = await router.hear(request)
    assert isinstance(event.data, CaseSentToTriageV1)
    return request.case_id


async def routed(router: Rig) -> tuple[UUID, dict[str, ReferralIssuedV1]]:
    request = router.submitted(TWO_NEEDS)
    events = await router.hear(request)
    issued = {e.data.partner_id: e.data for e in events if isinstance(e.data, ReferralIssuedV1)}
    assert set(issued) == {"caf", "cpam"}
    return request.case_id, issued


def refused(router: Rig, issued: ReferralIssuedV1) -> ReferralStatusChangedV1:
    words = WrittenContent(text=WORDS)
    return ReferralStatusChangedV1(
        case_id=issued.case_id,
        referral_id=issued.referral_id,
        partner_id=issued.partner_id,
        number=2,
        at=NOON,
        status=ReferralStatus.REFUSED,
        refusal_reason=RefusalReason.NOT_COMPETENT,
        received_at=NOON,
        sealed=router.sealer.seal(words, bound_to=issued.case_id),
    )


async def after_the_undo(router: Rig) -> list[CloudEvent]:
    router.clock.move(UNDO)
    await router.held.issue_due()
    return await router.announced()


# --- the list


async def test_danger_and_urgent_come_first_then_the_oldest(router: Rig, door: TriageDoor) -> None:
    first = await waiting(router)
    second = await waiting(router)
    danger = await waiting(router, DANGER)
    await router.database.run_alone(
        "UPDATE router.triage_items SET urgency = 1 WHERE case_id = $1", second
    )

    assert await door.listed() == [danger, second, first]
    assert await door.listed(limit=1) == [danger, second, first]
    assert await door.next() == danger


async def test_an_item_in_danger_says_the_number_to_call(router: Rig, door: TriageDoor) -> None:
    case_id = await waiting(router, DANGER)

    item = await door.item(case_id)
    assert item["danger"] in {"17", "3919"}
    assert item["urgent"]


async def test_an_item_shows_the_text_and_who_it_may_be_for_and_why(
    router: Rig, door: TriageDoor
) -> None:
    text = "Je veux demander l'APL 🏠 pour mon studio"
    case_id = await waiting(router, text, scope="confirmed")

    item = await door.item(case_id)
    assert (item["text"], item["postcode"]) == (text, "75019")
    assert item["reason"] == "nothing_confirmed"
    caf = next(each for each in item["candidates"] if each["partner"] == "caf")
    words = {text[start:end] for need in caf["needs"] for start, end in need["because"]}
    assert any("APL" in word for word in words)
    assert caf["needs"][0]["title"]
    assert item["held_by"] is None


async def test_only_the_triage_and_the_supervisors_of_the_site_may_see_it(
    router: Rig, door: TriageDoor
) -> None:
    case_id = await waiting(router)
    path = f"/api/v1/triage/{case_id}"

    assert (await door.call("GET", path, who=None)).status == 401
    assert (await door.call("GET", path, who=AGENT)).status == 403
    assert (await door.call("GET", path, who=ELSEWHERE)).status == 404
    assert (await door.call("GET", path, who=CHIEF)).status == 200
    assert await door.listed(who=ELSEWHERE) == []
    assert await door.next(who=ELSEWHERE) is None
    assert (await door.decide(case_id, "caf", who=ELSEWHERE)).status == 404
    assert (await door.decide(uuid4(), "caf")).status == 404


@pytest.mark.parametrize("cursor", ["x", "eyJ9", "W10=", "WzksICIyMDI2IiwgInYiXQ=="])
async def test_a_cursor_that_is_not_ours_is_refused(door: TriageDoor, cursor: str) -> None:
    answer = await door.call("GET", f"/api/v1/triage?after={cursor}")

    assert (answer.status, answer.fields) == (422, {"after"})


async def test_an_unreadable_text_keeps_nobody_from_the_rest(router: Rig, door: TriageDoor) -> None:
    broken = await waiting(router)
    other = await waiting(router)
    await router.database.run_alone(
        "UPDATE router.cases SET sealed = 'damaged' WHERE case_id = $1", broken
    )

    assert await door.next() == broken
    assert (await door.item(broken))["text"] is None
    assert await door.next(skip=(broken,)) == other


# --- who holds what


async def test_two_people_never_get_the_same_one(router: Rig, door: TriageDoor) -> None:
    cases = {await waiting(router) for _ in range(3)}
    given = await asyncio.gather(*(door.next(who=who) for who in (ANNE, BILAL, CHIEF)))

    assert set(given) == cases


async def test_many_claims_at_once_give_each_item_to_one_person(
    router: Rig, door: TriageDoor
) -> None:
    from shared.plumbing.access import Principal

    for _ in range(4):
        await waiting(router)
    crowd = [Principal(f"person-{number}", ("triage",)) for number in range(12)]
    given = await asyncio.gather(*(door.next(who=who) for who in crowd))

    taken = [case_id for case_id in given if case_id is not None]
    assert len(taken) == len(set(taken)) == 4


async def test_asking_again_gives_the_same_item(router: Rig, door: TriageDoor) -> None:
    case_id = await waiting(router)
    assert await door.next() == case_id
    await waiting(router, DANGER)

    assert await door.next() == case_id
    assert (await door.item(case_id, who=BILAL))["held_by"] == "anne"


async def test_an_item_is_anybodys_again_once_its_time_is_over(
    router: Rig, door: TriageDoor
) -> None:
    case_id = await waiting(router)
    assert await door.next() == case_id
    router.clock.move(HOLD - timedelta(seconds=1))
    assert await door.next(who=BILAL) is None
    router.clock.move(timedelta(seconds=1))

    assert await door.next(who=BILAL) == case_id
    assert await door.next() is None


async def test_leaving_gives_it_back(router: Rig, door: TriageDoor) -> None:
    case_id = await waiting(router)
    await door.next()
    not_theirs = await door.call("DELETE", f"/api/v1/triage/{case_id}/hold", who=BILAL)
    assert (not_theirs.status, await door.next(who=BILAL)) == (204, None)

    await door.call("DELETE", f"/api/v1/triage/{case_id}/hold")
    assert await door.next(who=BILAL) == case_id


async def test_what_another_person_holds_cannot_be_decided(router: Rig, door: TriageDoor) -> None:
    case_id = await waiting(router)
    await door.next(who=BILAL)

    answer = await door.decide(case_id, "caf")
    assert answer.status == 409
    assert answer.body["type"].endswith(":held-by-somebody-else")


# --- deciding and undoing


async def test_a_decision_is_held_then_issued(router: Rig, door: TriageDoor) -> None:
    case_id = await door_next(router, door)
    answer = await door.decide(case_id, "mairie", "caf")
    assert answer.status == 202
    assert answer.body["undo_until"] == (router.clock.now() + UNDO).isoformat().replace(
        "+00:00", "Z"
    )
    assert await door.listed() == []
    assert await router.announced() == []
    assert await router.held.issue_due() == 0

    events = await after_the_undo(router)
    assert said(events) == ["referral.issued mairie", "referral.issued caf", "case.routed"]
    decision = events[-1].data
    assert isinstance(decision, CaseRoutedV1)
    assert (decision.decided_by, decision.decision_number) == ("anne", 2)
    assert (await door.call("GET", f"/api/v1/triage/{case_id}")).status == 404


async def test_a_decision_is_undone_in_time(router: Rig, door: TriageDoor) -> None:
    case_id = await door_next(router, door)
    await door.decide(case_id, "mairie")
    router.clock.move(UNDO - timedelta(seconds=1))
    assert (await door.undo(case_id)).status == 204
    assert (await door.undo(case_id)).status == 204

    assert await after_the_undo(router) == []
    assert await door.next(who=BILAL) is None, "whoever undid it holds it"
    assert await door.next() == case_id
    assert (await door.decide(case_id, "caf")).status == 202
    assert said(await after_the_undo(router)) == ["referral.issued caf", "case.routed"]


async def test_undone_too_late_is_a_conflict(router: Rig, door: TriageDoor) -> None:
    case_id = await door_next(router, door)
    await door.decide(case_id, "mairie")
    router.clock.move(UNDO)

    not_issued_yet = await door.undo(case_id)
    await router.held.issue_due()
    issued = await door.undo(case_id)
    for answer in (not_issued_yet, issued):
        assert answer.status == 409
        assert answer.body["type"].endswith(":too-late")
    assert said(await router.announced()) == ["referral.issued mairie", "case.routed"]


async def test_only_whoever_decided_or_a_supervisor_undoes(router: Rig, door: TriageDoor) -> None:
    case_id = await door_next(router, door)
    assert (await door.undo(case_id)).status == 404
    await door.decide(case_id, "mairie")

    assert (await door.undo(case_id, who=BILAL)).status == 409
    assert (await door.undo(case_id, who=ELSEWHERE)).status == 404
    assert (await door.undo(case_id, who=CHIEF)).status == 204


async def test_the_same_key_decides_once(router: Rig, door: TriageDoor) -> None:
    case_id = await door_next(router, door)
    first = await door.decide(case_id, "mairie", key="k")
    again = await door.decide(case_id, "mairie", key="k")
    other = await door.decide(case_id, "caf", key="k")
    second = await door.decide(case_id, "caf", key="k2")

    assert (first.status, again.status, again.body) == (202, 202, first.body)
    assert (other.status, second.status) == (422, 409)
    without_key = await door.call(
        "POST", f"/api/v1/triage/{case_id}/decision", body={"partners": ["caf"]}
    )
    assert without_key.status == 400


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({}, "partners"),
        ({"partners": []}, "partners"),
        ({"partners": ["nimporte"]}, "partners.0"),
        ({"partners": ["caf", "hors_perimetre"]}, "partners"),
        ({"partners": ["hors_perimetre"], "body": "nimporte"}, "body"),
        ({"partners": ["caf"], "surprise": 1}, "surprise"),
    ],
)
async def test_a_wrong_decision_names_its_field(
    router: Rig, door: TriageDoor, form: dict[str, object], field: str
) -> None:
    case_id = await waiting(router)
    answer = await door.call("POST", f"/api/v1/triage/{case_id}/decision", body=form, key="k")

    assert (answer.status, answer.fields) == (422, {field})


async def test_a_person_names_who_is_competent_outside(router: Rig, door: TriageDoor) -> None:
    case_id = await door_next(router, door)
    assert (await door.decide(case_id, "hors_perimetre", body="dgfip")).status == 202
    (event,) = await after_the_undo(router)

    assert isinstance(event.data, CaseRoutedV1)
    assert event.data.decision == "out_of_scope"
    assert [body.body_id for body in event.data.bodies] == ["dgfip"]


async def test_an_agents_reroute_and_a_decision_of_the_triage_are_the_same_held_decision(
    router: Rig, door: TriageDoor
) -> None:
    case_id = await waiting(router)
    await router.hear(router.reroute(case_id, "mairie"))
    assert await door.listed() == []
    assert (await door.decide(case_id, "caf")).body["type"].endswith(":already-decided")
    assert (await door.undo(case_id, who=CHIEF)).status == 204

    assert await door.listed() == [case_id]
    assert await after_the_undo(router) == []


async def test_an_agent_undoes_their_own_reroute_in_time(router: Rig, door: TriageDoor) -> None:
    case_id, issued = await routed(router)
    asked = router.reroute(case_id, "casvp", referral_id=issued["cpam"].referral_id)
    await router.hear(asked)
    path = f"/api/v1/decisions/{asked.reroute_id}"

    assert (await door.call("DELETE", f"/api/v1/decisions/{uuid4()}", who=AGENT)).status == 404
    assert (await door.call("DELETE", path, who=ELSEWHERE)).status == 404
    assert (await door.call("DELETE", path, who=ANNE)).status == 409
    assert (await door.call("DELETE", path, who=AGENT)).status == 204
    assert await after_the_undo(router) == []


async def test_an_agent_who_undoes_a_decision_on_a_triage_keeps_it_from_nobody(
    router: Rig, door: TriageDoor
) -> None:
    case_id = await waiting(router)
    asked = router.reroute(case_id, "mairie")
    await router.hear(asked)
    undone = await door.call("DELETE", f"/api/v1/decisions/{asked.reroute_id}", who=AGENT)

    assert (undone.status, await door.next()) == (204, case_id)


async def test_a_reroute_undone_too_late_is_a_conflict(router: Rig, door: TriageDoor) -> None:
    case_id, issued = await routed(router)
    asked = router.reroute(case_id, "casvp", referral_id=issued["cpam"].referral_id)
    await router.hear(asked)
    router.clock.move(UNDO)

    answer = await door.call("DELETE", f"/api/v1/decisions/{asked.reroute_id}", who=AGENT)
    assert (answer.status, answer.body["type"].split(":")[-1]) == (409, "too-late")


async def test_a_withdrawn_case_disappears_from_the_triage(router: Rig, door: TriageDoor) -> None:
    case_id = await door_next(router, door)
    await router.hear(router.withdrawn(case_id))

    assert await door.listed() == []
    assert await door.next() is None
    assert (await door.call("GET", f"/api/v1/triage/{case_id}")).status == 404
    answer = await door.decide(case_id, "caf")
    assert (answer.status, answer.body["type"].split(":")[-1]) == (409, "nothing-to-decide")


# --- what an agency sent back


async def test_a_partner_that_refused_is_not_proposed_again_and_its_words_are_shown(
    router: Rig, door: TriageDoor
) -> None:
    case_id, issued = await routed(router)
    await router.hear(refused(router, issued["cpam"]))

    item = await door.item(case_id)
    assert item["reason"] == "returned:not_competent"
    (refusal,) = item["refusals"]
    assert (refusal["partner"], refusal["words"]) == ("cpam", WORDS)
    (asked,) = item["returned_needs"]
    assert [TWO_NEEDS[start:end] for start, end in asked["because"]]
    assert asked["demarche"].startswith("cpam.")
    assert "cpam" not in {each["partner"] for each in item["candidates"]}
    assert [each["partner"] for each in item["already_with"]] == ["caf"]
    answer = await door.decide(case_id, "cpam")
    assert (answer.status, answer.fields) == (422, {"partners.0"})
    assert (await door.call("GET", f"/api/v1/triage/{case_id}", who=AGENT)).status == 403


async def test_the_agencys_words_rest_sealed(router: Rig) -> None:
    _, issued = await routed(router)
    await router.hear(refused(router, issued["cpam"]))
    row = await router.database.fetchrow("SELECT * FROM router.referrals WHERE partner_id = 'cpam'")

    assert row is not None
    assert WORDS not in str(dict(row))
    assert row["refusal_sealed"] is not None


async def test_two_agencies_that_refuse_leave_both_needs_to_decide(
    router: Rig, door: TriageDoor
) -> None:
    case_id, issued = await routed(router)
    await router.hear(refused(router, issued["cpam"]), refused(router, issued["caf"]))
    await door.decide(case_id, "accompagnement")
    events = await after_the_undo(router)

    (new,) = [e.data for e in events if isinstance(e.data, ReferralIssuedV1)]
    spans = {span for each in issued.values() for need in each.needs for span in need.spans}
    assert set(new.needs[0].spans) == spans


async def test_a_reroute_of_another_referral_leaves_what_waits_to_decide(
    router: Rig, door: TriageDoor
) -> None:
    case_id, issued = await routed(router)
    await router.hear(refused(router, issued["cpam"]))
    await router.hear(router.reroute(case_id, "mairie", referral_id=issued["caf"].referral_id))
    events = await after_the_undo(router)

    assert said(events) == [
        "referral.recalled caf",
        "referral.issued mairie",
        "case.routed",
        "case.sent_to_triage",
    ]
    assert await door.listed() == [case_id]


async def test_a_refusal_that_nobody_knew_of_cancels_the_decision_that_waits(
    router: Rig, door: TriageDoor
) -> None:
    case_id, issued = await routed(router)
    await router.hear(refused(router, issued["cpam"]))
    await door.decide(case_id, "accompagnement")
    await router.hear(refused(router, issued["caf"]))

    assert await after_the_undo(router) == []
    item = await door.item(case_id)
    assert {refusal["partner"] for refusal in item["refusals"]} == {"caf", "cpam"}


# --- the page


async def test_the_page_is_french_self_contained_and_holds_no_script(door: TriageDoor) -> None:
    from tests.integration.router.page import Page

    answer = await door.call("GET", "/tri", who=None)
    assert answer.status == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    page = Page(answer.body)
    assert page.named("html") == [{"lang": "fr"}]
    assert len(page.named("h1")) == 1
    assert all(script.get("src") for script in page.named("script"))
    for _, attributes in page.elements:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
    own = [a for _, e in page.elements if (a := e.get("src") or e.get("href") or "#")[0] == "/"]
    assert own
    for address in own:
        assert (await door.call("GET", address, who=None)).status == 200, address
    links = {link["href"] for link in page.named("a")}
    assert "http://127.0.0.1:8000/guichet" in links


async def test_every_script_of_the_page_imports_what_is_there(door: TriageDoor) -> None:
    import re

    for name in ("tri.js", "choices.js", "undo.js", "words.js"):
        script = await door.call("GET", f"/tri/static/{name}", who=None)
        assert script.status == 200
        assert "javascript" in script.headers["Content-Type"]
        for imported in re.findall(r'from "\./([\w.]+)"', script.body):
            assert (await door.call("GET", f"/tri/static/{imported}", who=None)).status == 200


async def test_the_choices_are_partners_that_take_requests_and_all_bodies(
    door: TriageDoor,
) -> None:
    answer = await door.call("GET", "/api/v1/triage/choices")

    assert "caf" in {partner["partner"] for partner in answer.body["partners"]}
    assert "dgfip" in {body["id"] for body in answer.body["bodies"]}


async def door_next(router: Rig, door: TriageDoor) -> UUID:
    """A case that waits and that Anne holds."""
    case_id = await waiting(router)
    assert await door.next() == case_id
    return case_id
