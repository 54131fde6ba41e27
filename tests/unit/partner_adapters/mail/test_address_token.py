"""Tokens in addresses: from a referral and back, and never without the key."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.partner_adapters.mail.address_token import AddressTokens
from services.partner_adapters.mail.settings import EmailSettings

KEY = "the key of the tests, long enough to be one"
TOKENS = AddressTokens(key=KEY, partner_id="sncf")


@given(st.uuids())
def test_a_token_tells_its_referral_and_fits_an_address(referral_id: UUID) -> None:
    token = TOKENS.token_of(referral_id)
    local_part = f"aiguillage+{token}"
    assert token.isalnum()
    assert len(local_part) <= 64  # RFC 5321
    assert TOKENS.find([f"<{local_part.upper()}@X.INVALID>"]) == referral_id


def test_a_token_changed_by_one_letter_is_none() -> None:
    token = TOKENS.token_of(uuid4())
    for place in range(41):  # the last letter holds bits that say nothing
        other = "a" if token[place] != "a" else "b"
        assert TOKENS.find([token[:place] + other + token[place + 1 :]]) is None


def test_what_looks_like_a_token_and_is_none_does_not_hide_a_true_one() -> None:
    referral_id = uuid4()
    texts = ["a" * 42, "b" * 43, f"x@y, z+{TOKENS.token_of(referral_id)}@y"]
    assert TOKENS.find(texts) == referral_id


def test_a_key_too_short_to_be_one_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        AddressTokens(key="secret", partner_id="sncf")


@pytest.mark.parametrize(
    "address", ["", "x", "a b@c.d", "A <a@b.c>", "a+b@c.d", "a@b\r\nTo: x@y.z"]
)
def test_an_address_that_is_no_plain_one_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        EmailSettings(sender=address, recipient="a@b.c", reply_key="K")
