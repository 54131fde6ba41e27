"""Access: who holds which role, tokens as they are stored, sessions that cannot be forged."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from shared.plumbing.access import (
    SESSION_COOKIE,
    InvalidSession,
    Principal,
    SessionSigner,
    SessionVerifier,
    ended_session_cookie,
    generate_session_keys,
    hash_token,
    is_loopback,
    new_token,
    session_cookie,
)

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
AGENT = Principal(account="amina", roles=("agent", "partner:mairie/19"), site_id="paris-19")


def test_a_role_is_held_only_when_it_was_given() -> None:
    assert AGENT.has_role("supervisor", "agent")
    assert not AGENT.has_role("supervisor", "operations")
    assert not AGENT.has_role()
    assert AGENT.has_role("partner")
    assert AGENT.has_role("partner:mairie/19")
    assert not Principal(account="a", roles=("partners",)).has_role("partner")


def test_the_units_a_person_acts_for_are_grouped_by_partner() -> None:
    principal = Principal(
        account="a", roles=("partner:mairie/19", "partner:mairie/20", "partner:caf/*", "agent")
    )
    assert principal.partner_units() == {"mairie": {"19", "20"}, "caf": {"*"}}


def test_a_token_is_random_and_stored_as_its_hash() -> None:
    token = new_token()
    assert token != new_token()
    assert len(token) == 43
    assert len(hash_token(token)) == 32
    assert hash_token(token) == hash_token(token)
    assert token.encode() not in hash_token(token)


def test_a_session_says_who_signed_in() -> None:
    private, public = generate_session_keys()
    session = SessionSigner(private).issue(AGENT, now=NOW)
    assert session.expires_at == NOW + timedelta(minutes=10)
    assert SessionVerifier(public).verify(session.token, now=NOW + timedelta(minutes=9)) == AGENT


def test_a_session_is_over_after_ten_minutes() -> None:
    private, public = generate_session_keys()
    session = SessionSigner(private).issue(AGENT, now=NOW)
    with pytest.raises(InvalidSession, match="over"):
        SessionVerifier(public).verify(session.token, now=session.expires_at)


def test_a_session_from_the_future_is_refused() -> None:
    private, public = generate_session_keys()
    session = SessionSigner(private).issue(AGENT, now=NOW + timedelta(minutes=5))
    with pytest.raises(InvalidSession, match="not valid yet"):
        SessionVerifier(public).verify(session.token, now=NOW)


def test_a_session_signed_by_another_key_is_refused() -> None:
    _, public = generate_session_keys()
    foreign, _ = generate_session_keys()
    session = SessionSigner(foreign).issue(AGENT, now=NOW)
    with pytest.raises(InvalidSession):
        SessionVerifier(public).verify(session.token, now=NOW)


def test_a_session_under_another_algorithm_is_refused() -> None:
    """The classic forgeries: `none`, and HMAC with the public key as its secret."""
    _, public = generate_session_keys()
    claims = {"iss": "aiguillage", "sub": "x", "roles": ["operations"], "iat": 1, "exp": 2**40}
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
             for part in ({"alg": "none"}, claims)]  # fmt: skip
    by_hmac = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(public))
    for forged in (".".join([*parts, ""]), by_hmac):
        with pytest.raises(InvalidSession):
            SessionVerifier(public).verify(forged, now=NOW)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "é.é.é", "a.b", "\x00", "\ud800", "." * 500])
def test_anything_else_is_no_session(text: str) -> None:
    _, public = generate_session_keys()
    with pytest.raises(InvalidSession):
        SessionVerifier(public).verify(text, now=NOW)


@pytest.mark.parametrize(
    "wrong", [{"sub": 3}, {"roles": "agent"}, {"exp": "soon"}, {"site": 4}, {"iss": "other"}]
)
def test_a_session_with_wrong_claims_is_refused_even_when_signed(wrong: dict[str, object]) -> None:
    private, public = generate_session_keys()
    claims = {
        "iss": "aiguillage",
        "sub": "amina",
        "roles": ["agent"],
        "site": None,
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 60,
    }
    key = OKPKey.import_key(json.loads(private))
    verifier = SessionVerifier(public)
    good = jwt.encode({"alg": "Ed25519"}, claims, key, algorithms=["Ed25519"])
    assert verifier.verify(good, now=NOW).account == "amina"
    bad = jwt.encode({"alg": "Ed25519"}, claims | wrong, key, algorithms=["Ed25519"])
    with pytest.raises(InvalidSession):
        verifier.verify(bad, now=NOW)


def test_the_public_key_cannot_sign() -> None:
    private, public = generate_session_keys()
    assert '"d"' in private
    assert '"d"' not in public
    with pytest.raises(ValueError, match="not a private key"):
        SessionSigner(public)
    with pytest.raises(ValueError, match="JWK"):
        SessionVerifier("no key")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    private, _ = generate_session_keys()
    session = SessionSigner(private).issue(AGENT, now=NOW)
    cookie = session_cookie(session, secure=True)
    assert cookie.startswith(f"{SESSION_COOKIE}={session.token}; Max-Age=600;")
    assert cookie.endswith("HttpOnly; SameSite=Strict; Secure")
    assert "Secure" not in session_cookie(session, secure=False)
    assert "Max-Age=0" in ended_session_cookie(secure=True)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("desk.localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("example.fr", False),
        ("10.0.0.1", False),
        ("localhost.example.fr", False),
    ],
)
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
