"""Invented referrals: people who do not exist, and texts that say that this is a trial. PURE.

A trial's text begins with a word that tells the agency's test system what is to become of it,
because the kit cannot make an agency ask a question or refuse.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.partner_adapters.handover import (
    answer_body,
    referral_body,
    withdrawal_body,
)
from services.partner_adapters.partner_adapter import Delivery, What
from services.partner_adapters.partner_file import PartnerFile
from shared.contracts.personal import RequestContent, Visitor, WrittenContent

TO_RESOLVE = "ESSAI-RESOLU"
TO_QUESTION = "ESSAI-QUESTION"
TO_REFUSE = "ESSAI-REFUS"

_DEMARCHES = [{"id": "essai.conformite", "title": "Essai de conformité"}]


def invented_visitor(partner_id: str) -> Visitor:
    """Nobody: the telephone number is of the range kept for fiction, the address of no domain."""
    return Visitor(
        given_name="Awa",
        family_name="Exemple",
        birth_date=date(1950, 1, 2),
        postcode="75019",
        phone="06 39 98 00 00",
        email="awa@exemple.invalid",
        identifiers={partner_id: "1234567"},
    )


def invented_referral(
    file: PartnerFile,
    *,
    now: datetime,
    text: str = "Essai de conformité : rien n’est à faire.",
    to: str = TO_RESOLVE,
    visitor: Visitor | None = None,
    **changed: Any,
) -> Delivery:
    """A referral as the service would hand it over; keywords replace what it says about itself."""
    about = {
        "referral_id": uuid4(),
        "reference": "ESSA-TEST",
        "unit_id": None,
        "urgent": False,
        "channel": "agent",
        "language": "fr",
        "taken_at": now - timedelta(minutes=2),
        "issued_at": now,
        "demarches": _DEMARCHES,
        **changed,
    }
    body = referral_body(
        about,
        RequestContent(text=f"{to} {text}".strip(), visitor=visitor or invented_visitor(file.id)),
        partner_id=file.id,
        permitted_fields=file.permitted_fields,
    )
    return _delivery("referral", about["referral_id"], body)


def invented_answer(referral_id: UUID, *, now: datetime) -> Delivery:
    """The visitor's answer to a question."""
    answer_id = uuid4()
    content = WrittenContent(text="Essai de conformité : voici ce que vous demandiez.")
    body = answer_body(answer_id=answer_id, content=content, answered_at=now)
    return _delivery("answer", referral_id, body, delivery_id=answer_id)


def invented_withdrawal(referral_id: UUID, *, now: datetime) -> Delivery:
    """The visitor gives up."""
    return _delivery("withdrawal", referral_id, withdrawal_body(withdrawn_at=now))


def repeated(delivery: Delivery) -> Delivery:
    """The same again, as after a cut: same ids, another batch."""
    return replace(delivery, batch_id=uuid4(), earlier_batch_id=delivery.batch_id)


def with_body(delivery: Delivery, **fields: Any) -> Delivery:
    """The same with these fields more, or others."""
    return replace(delivery, body={**delivery.body, **fields})


def _delivery(
    what: What, referral_id: UUID, body: Mapping[str, Any], *, delivery_id: UUID | None = None
) -> Delivery:
    return Delivery(
        delivery_id=delivery_id or uuid4(),
        case_id=uuid4(),
        referral_id=referral_id,
        what=what,
        body=body,
        unit_id=body.get("unit"),
        batch_id=uuid4(),
    )
