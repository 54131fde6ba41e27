"""Sessions: who gets one, what it opens, how it ends."""

import asyncio
import secrets
from collections import Counter
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from services.intake.account_store import insert_or_update_token
from services.intake.provision import (
    AccountTaken,
    ClientPlan,
    PersonPlan,
    Plan,
    SitePlan,
    StationPlan,
    provision,
)
from services.intake.sign_in_brake import MOST_PER_ACCOUNT, MOST_PER_ADDRESS
from shared.plumbing.access import SessionVerifier, hash_token
from shared.plumbing.passwords import Passwords
from tests.integration.intake.rig import PASSWORD, PUBLIC_KEY, TOKENS, Door

SESSIONS = "/api/v1/sessions"


async def test_a_person_signs_in_with_their_password(door: Door) -> None:
    body = {"account": "amina", "password": PASSWORD}
    answer = await door.call("POST", SESSIONS, who=None, body=body)
    assert answer.status == 200
    principal = SessionVerifier(PUBLIC_KEY).verify(answer.json["token"], now=door.clock.now())
    assert (principal.account, principal.roles, principal.site_id) == (
        "amina",
        ("agent",),
        "pimms-19",
    )
    assert datetime.fromisoformat(answer.json["expires_at"]) > door.clock.now()
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie, "this is the loopback"


async def test_a_browser_elsewhere_gets_a_secure_cookie(door: Door) -> None:
    body = {"account": "amina", "password": PASSWORD}
    answer = await door.call(
        "POST", SESSIONS, who=None, body=body, headers={"Host": "accueil.example.fr"}
    )
    assert answer.headers["Set-Cookie"].endswith("; Secure")


async def test_a_proxy_that_hides_the_host_name_does_not_weaken_the_cookie(door: Door) -> None:
    body = {"account": "amina", "password": PASSWORD}
    proxied = {"Host": "127.0.0.1:8000", "X-Forwarded-Proto": "https"}
    answer = await door.call("POST", SESSIONS, who=None, body=body, headers=proxied)
    assert answer.headers["Set-Cookie"].endswith("; Secure")


async def test_another_page_signs_nobody_in(door: Door) -> None:
    """Or it could have them work under somebody else's name."""
    body = {"account": "amina", "password": PASSWORD}
    elsewhere = {"Sec-Fetch-Site": "same-site"}
    answer = await door.call("POST", SESSIONS, who=None, body=body, headers=elsewhere)
    assert (answer.status, "Set-Cookie" in answer.headers) == (403, False)


async def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(door: Door) -> None:
    wrong, unknown = [
        await door.call("POST", SESSIONS, who=None, body={"account": a, "password": "non" * 5})
        for a in ("amina", "personne")
    ]
    assert (wrong.status, unknown.status) == (401, 401)
    assert wrong.json == unknown.json
    assert "Set-Cookie" not in wrong.headers


async def test_who_guesses_a_password_must_wait_and_the_right_one_waits_too(door: Door) -> None:
    account = f"guessed-{secrets.token_hex(4)}"
    await provision(
        Plan(people=[PersonPlan(account=account, roles=("triage",), password=PASSWORD)]),
        database=door.database,
        passwords=Passwords(),
        clock=door.clock,
    )
    right = {"account": account, "password": PASSWORD}
    wrong = right | {"password": "non" * 5}
    tried = await asyncio.gather(
        *(door.call("POST", SESSIONS, who=None, body=wrong) for _ in range(MOST_PER_ACCOUNT + 5))
    )
    assert Counter(answer.status for answer in tried) == {401: MOST_PER_ACCOUNT, 429: 5}
    held = await door.call("POST", SESSIONS, who=None, body=right)
    assert held.status == 429
    assert "Set-Cookie" not in held.headers
    door.clock.move(timedelta(seconds=int(held.headers["Retry-After"])))
    assert (await door.call("POST", SESSIONS, who=None, body=right)).status == 200


async def test_the_address_that_guesses_is_the_one_the_proxy_names(door: Door) -> None:
    proxied = {"X-Forwarded-For": "203.0.113.9"}
    for number in range(MOST_PER_ADDRESS):
        unknown = {"account": f"nobody-{number}", "password": "non" * 5}
        tried = await door.call("POST", SESSIONS, who=None, body=unknown, headers=proxied)
        assert tried.status == 401
    right = {"account": "amina", "password": PASSWORD}
    assert (await door.call("POST", SESSIONS, who=None, body=right, headers=proxied)).status == 429
    elsewhere = {"X-Forwarded-For": "203.0.113.10"}
    assert (
        await door.call("POST", SESSIONS, who=None, body=right, headers=elsewhere)
    ).status == 200


async def test_a_disabled_account_signs_in_no_more_and_renews_no_more(door: Door) -> None:
    session = await door.session_of("amina")
    await door.database.run_alone(
        "UPDATE intake.accounts SET disabled_at = $1 WHERE account = 'amina'", door.clock.now()
    )
    try:
        body = {"account": "amina", "password": PASSWORD}
        assert (await door.call("POST", SESSIONS, who=None, body=body)).status == 401
        assert (await door.call("POST", f"{SESSIONS}/renewal", who=session)).status == 401
    finally:
        await door.database.run_alone("UPDATE intake.accounts SET disabled_at = NULL")


async def test_whoever_holds_a_token_exchanges_it_for_a_session(door: Door) -> None:
    answer = await door.call("POST", SESSIONS, who="client-19")
    assert answer.status == 200
    principal = SessionVerifier(PUBLIC_KEY).verify(answer.json["token"], now=door.clock.now())
    assert (principal.account, principal.roles) == ("client-19", ("api",))
    assert (await door.call("GET", "/api/v1/cases", who=answer.json["token"])).status == 200


async def test_a_session_is_renewed_while_it_lasts_and_not_after(door: Door) -> None:
    session = await door.session_of("amina")
    door.clock.move(timedelta(minutes=9))
    renewed = await door.call("POST", f"{SESSIONS}/renewal", who=session)
    assert renewed.status == 200
    door.clock.move(timedelta(minutes=2))
    assert (await door.call("GET", "/api/v1/cases", who=session)).status == 401
    assert (await door.call("GET", "/api/v1/cases", who=renewed.json["token"])).status == 200
    assert (await door.call("POST", f"{SESSIONS}/renewal", who=session)).status == 401


async def test_a_session_is_not_renewed_once_its_password_or_token_was_replaced(
    door: Door,
) -> None:
    """Or whoever took a token could go on for ever after it was replaced."""
    name = f"replaced-{secrets.token_hex(4)}"
    for password, token in ((PASSWORD, "t" * 43 + name), ("une autre phrase", "u" * 43 + name)):
        plan = Plan(
            clients=[ClientPlan(account=f"{name}-client", roles=("operations",), token=token)],
            people=[PersonPlan(account=name, roles=("triage",), password=password)],
        )
        await provision(plan, database=door.database, passwords=Passwords(), clock=door.clock)
        if password == PASSWORD:
            person = await door.session_of(name)
            client = (await door.call("POST", SESSIONS, who=token)).json["token"]
            for session in (person, client):
                assert (await door.call("POST", f"{SESSIONS}/renewal", who=session)).status == 200
    for session in (person, client):
        assert (await door.call("GET", SESSIONS, who=session)).status == 200
        assert (await door.call("POST", f"{SESSIONS}/renewal", who=session)).status == 401


async def test_a_machine_of_a_person_s_name_never_renews_into_the_person_s_rights(
    door: Door,
) -> None:
    name = f"homonym-{secrets.token_hex(4)}"
    await provision(
        Plan(people=[PersonPlan(account=name, roles=("triage",), password=PASSWORD)]),
        database=door.database,
        passwords=Passwords(),
        clock=door.clock,
    )
    token = secrets.token_urlsafe(32)
    async with door.database.transaction() as tx:
        await insert_or_update_token(
            tx,
            account=name,
            token_hash=hash_token(token),
            roles=["operations"],
            site_id=None,
            now=door.clock.now(),
        )
    session = (await door.call("POST", SESSIONS, who=token)).json["token"]
    renewed = await door.call("POST", f"{SESSIONS}/renewal", who=session)
    principal = SessionVerifier(PUBLIC_KEY).verify(renewed.json["token"], now=door.clock.now())
    assert principal.roles == ("operations",)


async def test_two_that_come_in_never_share_a_name(door: Door) -> None:
    """Idempotency keys, and what is written down of a case, belong to a name."""
    name = f"homonym-{secrets.token_hex(4)}"
    people = [PersonPlan(account=name, roles=("triage",), password=PASSWORD)]
    clients = [ClientPlan(account=name, roles=("operations",))]
    with pytest.raises(ValidationError, match=f"{name} is there twice"):
        Plan(people=people, clients=clients)
    how = {"database": door.database, "passwords": Passwords(), "clock": door.clock}
    await provision(Plan(people=people), **how)
    with pytest.raises(AccountTaken, match=name):
        await provision(Plan(clients=clients), **how)
    await provision(Plan(people=people), **how)


async def test_the_cookie_works_as_the_bearer_does(door: Door) -> None:
    cookie = {"Cookie": f"aiguillage_session={await door.session_of('amina')}"}
    answer = await door.call("GET", SESSIONS, who=None, headers=cookie)
    assert answer.json == {"account": "amina", "roles": ["agent"], "site_id": "pimms-19"}
    elsewhere = cookie | {"Sec-Fetch-Site": "cross-site"}
    assert (
        await door.call("POST", f"{SESSIONS}/renewal", who=None, headers=elsewhere)
    ).status == 401


async def test_signing_out_makes_the_browser_forget(door: Door) -> None:
    answer = await door.call("DELETE", SESSIONS, who=await door.session_of("amina"))
    assert answer.status == 204
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (None, {"account", "password"}),
        ({"account": "amina"}, {"password"}),
        ({"account": "amina", "password": 12}, {"password"}),
        ({"account": "amina", "password": "x", "remember": True}, {"remember"}),
    ],
)
async def test_what_is_missing_to_sign_in_is_named(
    door: Door, body: dict[str, object] | None, fields: set[str]
) -> None:
    answer = await door.call("POST", SESSIONS, who=None, body=body)
    assert (answer.status, answer.fields) == (422, fields)


async def test_an_unknown_token_gets_no_session(door: Door) -> None:
    assert (await door.call("POST", SESSIONS, who="x" * 43)).status == 401


async def test_provisioning_again_changes_what_is_there_and_gives_the_tokens(door: Door) -> None:
    plan = Plan(
        sites=[SitePlan(site_id="bus-1", name="Le bus", kind="bus")],
        stations=[StationPlan(station_id="poste-1", site_id="bus-1", name="Poste 1", role="bus")],
    )
    first, second = [
        await provision(plan, database=door.database, passwords=Passwords(), clock=door.clock)
        for _ in range(2)
    ]
    assert first.tokens["poste-1"] != second.tokens["poste-1"]
    assert (await door.call("GET", SESSIONS, who=first.tokens["poste-1"])).status == 401
    answer = await door.call("GET", SESSIONS, who=second.tokens["poste-1"])
    assert answer.json == {"account": "poste-1", "roles": ["bus"], "site_id": "bus-1"}
    assert second.tokens["poste-1"] not in repr(second)
    stored = await door.database.fetch("SELECT t::text AS row FROM intake.api_tokens t")
    assert not any(token in row["row"] for row in stored for token in TOKENS.values())
