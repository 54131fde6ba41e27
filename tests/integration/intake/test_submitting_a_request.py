"""A request at the door: accepted for good, once per key, or refused with its fields named."""

import asyncio
import json
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.intake import store_submissions, submit_request
from shared.contracts.personal import RequestContent
from tests.integration.intake.rig import TOKENS, Door, a_request

REQUESTS = "/api/v1/requests"


async def count_cases(door: Door) -> int:
    count: int = await door.database.fetchval("SELECT count(*) FROM intake.cases")
    return count


async def test_an_accepted_request_is_stored_and_announced_without_kafka(door: Door) -> None:
    accepted = await door.submit()
    assert accepted["status"] == "received"
    assert accepted["links"]["case"] == f"/api/v1/cases/{accepted['case_id']}"
    case = await door.case(accepted["case_id"])
    assert case["text"] == a_request()["text"]
    assert case["visitor"]["family_name"] == "Zywanowska"
    assert [line["kind"] for line in case["timeline"]] == ["request.submitted"]
    (event,) = await door.outbox(accepted["case_id"])
    assert event["type"] == "request.submitted.v1"
    assert event["data"]["reference"] == accepted["reference"]
    assert event["data"]["consent"]["given_at"] == event["data"]["taken_at"]


async def test_the_answer_says_where_the_case_is(door: Door) -> None:
    answer = await door.call("POST", REQUESTS, key="where", body=a_request())
    assert answer.headers["Location"] == f"/api/v1/cases/{answer.json['case_id']}"


async def test_who_and_what_are_sealed_once_and_nowhere_in_clear(door: Door) -> None:
    accepted = await door.submit()
    row = await door.database.fetchrow(
        """
        SELECT c.sealed, c::text AS stored, o.value FROM intake.cases c
        JOIN intake.outbox o ON o.key = c.case_id::text WHERE c.reference = $1
        """,
        accepted["reference"],
    )
    assert row is not None
    assert json.loads(row["value"])["sealed"] == row["sealed"]
    assert "Zywanowska" not in row["stored"] + row["value"].decode()
    case_id = (await door.case(accepted["case_id"]))["case_id"]
    assert case_id == accepted["case_id"]

    opened = door.sealer.open(row["sealed"], RequestContent, bound_to=UUID(case_id))
    assert opened.visitor.phone == "06 98 76 54 32"


async def test_the_tracking_secret_is_stored_nowhere_in_clear(door: Door) -> None:
    accepted = await door.submit()
    for table in ("cases", "timeline", "outbox", "idempotency_keys"):
        rows = await door.database.fetch(f"SELECT t::text AS row FROM intake.{table} t")
        assert accepted["tracking_secret"] not in "".join(row["row"] for row in rows)


async def test_a_station_need_not_name_itself(door: Door) -> None:
    accepted = await door.submit(who="borne-1", channel="kiosk")
    case = await door.case(accepted["case_id"])
    assert (case["station_id"], case["submitted_by"]) == ("borne-1", "borne-1")


# -- the four answers of Idempotency-Key ---------------------------------------------------


async def test_without_an_idempotency_key_it_is_refused(door: Door) -> None:
    answer = await door.call("POST", REQUESTS, body=a_request())
    assert (answer.status, answer.json["type"]) == (
        400,
        "urn:aiguillage:problem:idempotency-key-missing",
    )


async def test_the_same_key_and_body_give_the_first_answer_again(door: Door) -> None:
    before = await count_cases(door)
    first = await door.call("POST", REQUESTS, key="twice", body=a_request())
    second = await door.call("POST", REQUESTS, key="twice", body=a_request())
    assert (first.status, second.status) == (202, 202)
    assert second.json == first.json
    assert second.headers["Location"] == first.headers["Location"]
    assert await count_cases(door) == before + 1
    assert len(await door.outbox(first.json["case_id"])) == 1


async def test_the_same_key_with_another_body_is_refused(door: Door) -> None:
    await door.call("POST", REQUESTS, key="reused", body=a_request())
    answer = await door.call("POST", REQUESTS, key="reused", body=a_request(text="Autre chose"))
    assert (answer.status, answer.json["type"]) == (
        422,
        "urn:aiguillage:problem:idempotency-key-reused",
    )


async def test_while_the_first_is_in_flight_the_second_is_told_to_wait(door: Door) -> None:
    async with door.database.transaction() as tx:
        await tx.execute("LOCK TABLE intake.cases IN EXCLUSIVE MODE")
        first = asyncio.create_task(door.call("POST", REQUESTS, key="flying", body=a_request()))
        await _until_somebody_waits_for_the_lock(door)
        second = await door.call("POST", REQUESTS, key="flying", body=a_request())
    assert second.status == 409
    assert int(second.headers["Retry-After"]) >= 1
    assert (await first).status == 202
    third = await door.call("POST", REQUESTS, key="flying", body=a_request())
    assert third.json == (await first).json


async def _until_somebody_waits_for_the_lock(door: Door) -> None:
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
    async with asyncio.timeout(20):
        while not await door.database.fetchval(waiting):
            await asyncio.sleep(0.01)


async def test_twenty_at_once_under_one_key_make_one_case(door: Door) -> None:
    before = await count_cases(door)
    answers = await asyncio.gather(
        *(door.call("POST", REQUESTS, key="storm", body=a_request()) for _ in range(20))
    )
    assert {answer.status for answer in answers} <= {202, 409}
    assert len({a.json["case_id"] for a in answers if a.status == 202}) == 1
    assert await count_cases(door) == before + 1


async def test_those_who_come_together_with_a_refused_one_are_all_accepted(door: Door) -> None:
    await door.call("POST", REQUESTS, key="spent", body=a_request())
    before = await count_cases(door)
    refused, *accepted = await asyncio.gather(
        door.call("POST", REQUESTS, key="spent", body=a_request(text="Autre chose")),
        *(door.submit() for _ in range(20)),
    )
    assert refused.status == 422
    assert len({answer["reference"] for answer in accepted}) == 20
    assert await count_cases(door) == before + 20
    for answer in accepted:
        assert len(await door.outbox(answer["case_id"])) == 1


async def test_a_reference_that_is_taken_is_drawn_again(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = (await door.submit())["reference"]
    drawn = iter([taken, taken, "2222-3333"])
    monkeypatch.setattr(submit_request, "make_reference", lambda: next(drawn))
    monkeypatch.setattr(store_submissions, "make_reference", lambda: next(drawn))
    accepted = await door.submit()
    assert accepted["reference"] == "2222-3333"
    (event,) = await door.outbox(accepted["case_id"])
    assert event["data"]["reference"] == "2222-3333"


async def test_a_key_belongs_to_who_used_it(door: Door) -> None:
    mine = await door.call("POST", REQUESTS, key="shared", body=a_request())
    theirs = await door.call(
        "POST", REQUESTS, key="shared", who="client-3", body=a_request(site_id="mairie-3")
    )
    assert (mine.status, theirs.status) == (202, 202)
    assert mine.json["case_id"] != theirs.json["case_id"]


async def test_a_request_whose_answer_was_forgotten_is_not_taken_twice(door: Door) -> None:
    await door.call("POST", REQUESTS, key="old", body=a_request())
    before = await count_cases(door)
    await door.database.run_alone("DELETE FROM intake.idempotency_keys")
    answer = await door.call("POST", REQUESTS, key="old", body=a_request())
    assert answer.status == 409
    assert await count_cases(door) == before


# -- bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": "   "}, "text"),
        ({"text": "a" * 100_000}, "text"),
        ({"text": "APL\x00"}, "text"),
        ({"text": ["APL"]}, "text"),
        ({"visitor": {"family_name": "\ud800"}}, "visitor.family_name"),
        ({"visitor": {"identifiers": {"caf": 12}}}, "visitor.identifiers.caf"),
        ({"site_id": "nulle-part"}, "site_id"),
        ({"station_id": "borne-9"}, "station_id"),
        ({"taken_at": "2026-12-24T09:00:00Z"}, "taken_at"),
        ({"taken_at": "2026-09-01T09:00:00Z"}, "taken_at"),
        ({"consent": None}, "consent"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
async def test_a_wrong_field_is_refused_by_name(
    door: Door, changes: dict[str, Any], field: str
) -> None:
    before = await count_cases(door)
    answer = await door.call("POST", REQUESTS, key=secrets.token_hex(8), body=a_request(**changes))
    assert (answer.status, answer.fields) == (422, {field})
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert await count_cases(door) == before


async def test_a_request_without_consent_is_refused(door: Door) -> None:
    body = a_request()
    del body["consent"]
    answer = await door.call("POST", REQUESTS, key="no-consent", body=body)
    assert (answer.status, answer.fields) == (422, {"consent"})


@pytest.mark.parametrize(
    "raw", [b"", b"{", b'{"text": "a",}', b"[]", b'"a"', b"null", b"\xff\xfe", b"[" * 50_000]
)
async def test_what_is_not_a_request_in_json_is_refused(door: Door, raw: bytes) -> None:
    before = await count_cases(door)
    answer = await door.call("POST", REQUESTS, key=secrets.token_hex(8), raw=raw)
    assert answer.status in {400, 422}
    assert await count_cases(door) == before


async def test_a_body_beyond_the_limit_is_too_large(door: Door) -> None:
    answer = await door.call("POST", REQUESTS, key="large", body=a_request(text="a" * 300_000))
    assert answer.status == 413


async def test_a_refused_request_does_not_spend_its_key(door: Door) -> None:
    refused = await door.call("POST", REQUESTS, key="again", body=a_request(text=""))
    corrected = await door.call("POST", REQUESTS, key="again", body=a_request())
    assert (refused.status, corrected.status) == (422, 202)


# -- who may -------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [None, "wrong-token", "e30.e30.e30", "\xe9"])
async def test_without_a_valid_token_nobody_comes_in(door: Door, who: str | None) -> None:
    answer = await door.call("POST", REQUESTS, who=who, key="nobody", body=a_request())
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("who", "changes", "field"),
    [
        ("client-3", {}, "site_id"),
        ("borne-1", {"channel": "agent"}, "channel"),
        ("client-19", {"channel": "kiosk"}, "channel"),
    ],
)
async def test_a_token_speaks_only_for_its_site_and_channel(
    door: Door, who: str, changes: dict[str, Any], field: str
) -> None:
    answer = await door.call(
        "POST", REQUESTS, who=who, key=secrets.token_hex(8), body=a_request(**changes)
    )
    assert (answer.status, answer.fields) == (403, {field})


async def test_a_monitoring_token_submits_nothing(door: Door) -> None:
    answer = await door.call("POST", REQUESTS, who="veille", key="veille", body=a_request())
    assert answer.status == 403


async def test_a_kiosk_reads_no_case(door: Door) -> None:
    accepted = await door.submit()
    answer = await door.call("GET", f"/api/v1/cases/{accepted['case_id']}", who="borne-1")
    assert answer.status == 403


async def test_a_revoked_token_is_refused_after_half_a_minute(door: Door) -> None:
    await door.submit(who="client-3", site_id="mairie-3")
    await door.database.run_alone(
        "UPDATE intake.api_tokens SET revoked_at = $1 WHERE account = 'client-3'", door.clock.now()
    )
    try:
        door.clock.move(timedelta(seconds=31))
        answer = await door.call("GET", "/api/v1/cases", who="client-3")
        assert answer.status == 401
    finally:
        await door.database.run_alone("UPDATE intake.api_tokens SET revoked_at = NULL")
    assert TOKENS["client-3"]


async def test_a_site_opened_just_now_is_known_within_a_second(door: Door) -> None:

    answer = await door.call(
        "POST", REQUESTS, key=secrets.token_hex(8), body=a_request(site_id="tout-neuf")
    )
    assert answer.fields == {"site_id"}
    await door.database.run_alone(
        "INSERT INTO intake.sites (site_id, name, kind, created_at) VALUES ('tout-neuf', 'n', "
        "'bus', $1)",
        door.clock.now(),
    )
    door.clock.move(timedelta(seconds=2))
    answer = await door.call(
        "POST", REQUESTS, key=secrets.token_hex(8), body=a_request(site_id="tout-neuf")
    )
    assert answer.status == 403, "known now, and not this client's"
