"""`aiguillage submit`: one request, as an API client would post it."""

import asyncio
import uuid
from typing import Any

from services.commands import where
from services.commands.printing import print_json, print_rows

CONSENT_TEXT = "cli-1"


def submit(
    text: str,
    *,
    site_id: str,
    channel: str,
    postcode: str | None,
    language: str | None,
    confirmed: tuple[str, ...],
    key: str | None,
    as_json: bool,
) -> None:
    """Post the request and print its receipt; raises what `DoorClient` raises."""
    request = {
        "text": text,
        "channel": channel,
        "site_id": site_id,
        "language": language,
        "visitor": {"postcode": postcode} if postcode else {},
        "consent": {
            "text_version": CONSENT_TEXT,
            "given_by": "agent",
            "scope": "confirmed" if confirmed else "concerned",
        },
        "agencies": {"confirmed": confirmed},
    }
    receipt = asyncio.run(_post(request, key=key or str(uuid.uuid4())))
    if as_json:
        print_json(receipt)
        return
    print_rows([receipt], columns=["reference", "case_id", "status", "tracking_secret"],
               as_json=False)  # fmt: skip


async def _post(request: dict[str, Any], *, key: str) -> Any:
    from services.commands.door_client import DoorClient, http_session

    async with http_session() as http:
        intake = DoorClient(http, url=where.intake_url(), token=where.client_token())
        return await intake.post("/api/v1/requests", request, idempotency_key=key)
