"""What leaves for a partner: one body for every kind, cut to what it may receive. PURE."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.personal import RequestContent, Visitor, WrittenContent


def referral_body(
    about: Mapping[str, Any],
    content: RequestContent,
    *,
    partner_id: str,
    permitted_fields: Collection[str],
) -> dict[str, Any]:
    """The body of a referral. `about` is its row: ids, instants, démarches."""
    return {
        "referral_id": str(about["referral_id"]),
        "case_reference": about["reference"],
        "unit": about["unit_id"],
        "urgent": about["urgent"],
        "channel": about["channel"],
        "language": about["language"],
        "taken_at": instant(about["taken_at"]),
        "issued_at": instant(about["issued_at"]),
        "demarches": about["demarches"],
        "text": content.text,
        "visitor": permitted(
            content.visitor, partner_id=partner_id, permitted_fields=permitted_fields
        ),
    }


def permitted(
    visitor: Visitor, *, partner_id: str, permitted_fields: Collection[str]
) -> dict[str, Any]:
    """The visitor's fields that may leave; absent ones are left out, other agencies' ids too."""
    said = visitor.model_dump(mode="json", exclude_none=True)
    fields = {
        name: said[name] for name in said if name in permitted_fields and name != "identifiers"
    }
    own = visitor.identifiers.get(partner_id)
    if own and "identifiers" in permitted_fields:
        fields["identifiers"] = {partner_id: own}
    return fields


def answer_body(
    *, answer_id: UUID, content: WrittenContent, answered_at: datetime
) -> dict[str, Any]:
    """The body of an answer to an agency's question."""
    return {
        "answer_id": str(answer_id),
        "text": content.text,
        "answered_at": instant(answered_at),
    }


def withdrawal_body(*, withdrawn_at: datetime) -> dict[str, Any]:
    """The body that says that the referral must not go on."""
    return {"withdrawn_at": instant(withdrawn_at)}


def instant(at: datetime) -> str:
    """An instant as it goes over the wire: `2026-11-23T10:00:00Z`."""
    return at.isoformat().replace("+00:00", "Z")
