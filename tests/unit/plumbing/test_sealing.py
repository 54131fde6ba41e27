"""Sealing: what was sealed opens on its own case, under its own key, and nowhere else."""

import base64
import os
from uuid import uuid4

import pytest

from shared.contracts.personal import RequestContent, Visitor, WrittenContent
from shared.plumbing.sealing import BadKeyRing, CannotOpen, KeyRing, Sealer

CONTENT = RequestContent(
    text="Je n'ai plus d'électricité", visitor=Visitor(family_name="Lefèvre", phone="0600000000")
)


def key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def test_what_was_sealed_opens_as_it_was() -> None:
    sealer, case_id = Sealer(KeyRing.parse(KeyRing.generate_text())), uuid4()
    sealed = sealer.seal(CONTENT, bound_to=case_id)
    assert sealer.open(sealed, RequestContent, bound_to=case_id) == CONTENT
    assert sealed.startswith("v1.k1.")
    assert "Lef" not in sealed


def test_the_same_content_is_never_sealed_twice_alike() -> None:
    sealer, case_id = Sealer(KeyRing.parse(KeyRing.generate_text())), uuid4()
    assert sealer.seal(CONTENT, bound_to=case_id) != sealer.seal(CONTENT, bound_to=case_id)


def test_a_text_does_not_open_on_another_case() -> None:
    sealer = Sealer(KeyRing.parse(KeyRing.generate_text()))
    with pytest.raises(CannotOpen, match="key k1"):
        sealer.open(sealer.seal(CONTENT, bound_to=uuid4()), RequestContent, bound_to=uuid4())


def test_a_text_does_not_open_under_another_key_id() -> None:
    same = key()
    ring = KeyRing.parse(f"a:{same},b:{same},search:{key()}")
    sealer, case_id = Sealer(ring), uuid4()
    renamed = sealer.seal(CONTENT, bound_to=case_id).replace("v1.a.", "v1.b.")
    with pytest.raises(CannotOpen, match="key b"):
        sealer.open(renamed, RequestContent, bound_to=case_id)


def test_keys_rotate_without_losing_what_was_sealed_or_looked_up() -> None:
    old, new, search = key(), key(), key()
    before = Sealer(KeyRing.parse(f"2026a:{old},search:{search}"))
    announced = Sealer(KeyRing.parse(f"2026a:{old},2026b:{new},search:{search}"))
    rotated = Sealer(KeyRing.parse(f"2026b:{new},2026a:{old},search:{search}"))
    dropped = Sealer(KeyRing.parse(f"2026b:{new},search:{search}"))
    case_id = uuid4()
    sealed_before = before.seal(CONTENT, bound_to=case_id)
    sealed_after = rotated.seal(CONTENT, bound_to=case_id)

    assert sealed_after.startswith("v1.2026b.")
    assert rotated.open(sealed_before, RequestContent, bound_to=case_id) == CONTENT
    assert announced.open(sealed_after, RequestContent, bound_to=case_id) == CONTENT
    with pytest.raises(CannotOpen, match="2026a is not in this key ring"):
        dropped.open(sealed_before, RequestContent, bound_to=case_id)
    assert before.search_key("phone", "0600000000") == dropped.search_key("phone", "0600000000")


def test_search_keys_differ_by_kind_and_by_ring() -> None:
    sealer = Sealer(KeyRing.parse(KeyRing.generate_text()))
    other = Sealer(KeyRing.parse(KeyRing.generate_text()))
    found = sealer.search_key("phone", "0600000000")
    assert len(found) == 32
    assert found != sealer.search_key("name", "0600000000")
    assert found != other.search_key("phone", "0600000000")


@pytest.mark.parametrize(
    "damaged",
    ["", "clear text", "v2.k1.AAAA", "v1.k1.é", "v1.k1.", "v1..AAAA", "v1.k1.AAAA", "v1.k1.A"],
)
def test_a_damaged_text_is_refused_without_being_quoted(damaged: str) -> None:
    sealer = Sealer(KeyRing.parse(KeyRing.generate_text()))
    with pytest.raises(CannotOpen) as refusal:
        sealer.open(damaged, RequestContent, bound_to=uuid4())
    assert "clear text" not in str(refusal.value)


def test_an_altered_text_does_not_open() -> None:
    sealer, case_id = Sealer(KeyRing.parse(KeyRing.generate_text())), uuid4()
    sealed = sealer.seal(CONTENT, bound_to=case_id)
    altered = sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]
    with pytest.raises(CannotOpen):
        sealer.open(altered, RequestContent, bound_to=case_id)


def test_a_content_of_another_kind_is_refused_without_being_quoted() -> None:
    sealer, case_id = Sealer(KeyRing.parse(KeyRing.generate_text())), uuid4()
    sealed = sealer.seal(Visitor(family_name="Lefèvre"), bound_to=case_id)
    with pytest.raises(CannotOpen, match="holds no WrittenContent") as refusal:
        sealer.open(sealed, WrittenContent, bound_to=case_id)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "entry 1"),
        (f"a:{key()}", "search"),
        (f"search:{key()}", "no key to seal"),
        (f"a:{key()},a:{key()},search:{key()}", "twice"),
        (f"a:???,search:{key()}", "key a of the key ring is not base64"),
        (f"a:{base64.b64encode(b'short').decode()},search:{key()}", "5 bytes instead of 32"),
    ],
)
def test_a_bad_key_ring_says_which_entry_is_wrong(text: str, says: str) -> None:
    with pytest.raises(BadKeyRing, match=says):
        KeyRing.parse(text)


def test_keys_are_not_shown_when_a_ring_is_printed() -> None:
    text = KeyRing.generate_text()
    assert text.split(":")[1][:10] not in repr(KeyRing.parse(text))
