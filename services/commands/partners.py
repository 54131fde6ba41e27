"""`aiguillage partners list | pause | resume | retry | replay | uncertain | decide | …`."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.commands import where
from services.commands.outcome import WrongUsage
from services.commands.printing import console, print_json, print_rows

if TYPE_CHECKING:
    from services.commands.door_client import DoorClient

COLUMNS = (
    "partner_id", "kind", "paused_by", "breaker", "due", "oldest_due_at", "sending", "uncertain",
    "parked", "overdue", "opens_at", "delivered_last_hour", "failed_last_hour", "needs_attention",
)  # fmt: skip

_SECONDS_TO_ANSWER = 60
"""A replay of 10,000 takes a while."""
CALL_COLUMNS = (
    "what", "state", "attempt", "started_at", "duration_ms", "outcome", "reason", "answer",
)  # fmt: skip


def list_partners(*, as_json: bool) -> None:
    """Print every partner's health, as partner_adapters sees it."""

    print_rows(_get("/partners")["partners"], columns=COLUMNS, as_json=as_json)


def pause(partner_id: str, *, as_json: bool) -> None:
    """Hand nothing more to this partner until it is resumed."""
    _tell(partner_id, "pause", as_json=as_json)


def resume(partner_id: str, *, as_json: bool) -> None:
    """Hand things to this partner again."""
    _tell(partner_id, "resume", as_json=as_json)


def retry(partner_id: str, *, as_json: bool) -> None:
    """Try everything that waits for this partner now."""
    answer = _post(f"/partners/{partner_id}/retry")
    print_rows([answer], columns=["deliveries"], as_json=as_json)


def replay(partner_id: str, *, reason: str | None, dry_run: bool, as_json: bool) -> None:
    """Let parked deliveries go on, or only count them by their reason."""
    path = f"/partners/{partner_id}/replay"
    asked: dict[str, object] = {"reason": reason} if reason else {}
    answer = _post(path, asked)
    if not dry_run:
        asked |= {"dry_run": False, "parked_before": answer["parked_before"]}
        answer = _post(path, asked)
        while answer["left"] and (more := _post(path, asked))["replayed"]:
            answer |= {"replayed": answer["replayed"] + more["replayed"], "left": more["left"]}
    if as_json:
        print_json(answer)
        return
    rows = [{"reason": word, "parked": count} for word, count in answer["reasons"].items()]
    print_rows(rows, columns=["reason", "parked"], as_json=False, when_empty="Nothing is parked.")
    if not dry_run:
        console().print(f"{answer['replayed']} go on.", markup=False)


def uncertain(partner_id: str, *, as_json: bool) -> None:
    """Print the deliveries of which only the partner can say whether it has them."""
    rows: list[dict[str, Any]] = []
    query = {"partner": partner_id, "state": "uncertain"}
    while True:
        page = _get("/deliveries", query)
        rows += page["deliveries"]
        if page["cursor"] is None:
            break
        query["after"] = page["cursor"]
    columns = ["delivery_id", "reference", "referral_id", "since", "reason"]
    print_rows(rows, columns=columns, as_json=as_json, when_empty="Nothing is uncertain.")


def decide(delivery_id: str, *, received: bool, reference: str | None, as_json: bool) -> None:
    """Say what the partner answered when a person asked it; who says so is noted."""
    if reference is not None and not received:
        raise WrongUsage("A reference is of what the partner has received.")
    asked = {"was_received": received, "partner_reference": reference}
    found = _post(f"/deliveries/{delivery_id}/decision", asked)
    if as_json:
        print_json(found)
        return
    decision = {**found, **found["actions"][-1]}
    columns = ["referral_id", "status", "partner_reference", "action", "account", "at"]
    print_rows([decision], columns=columns, as_json=False)


def words(partner_id: str, *, as_json: bool) -> None:
    """Print the words that nobody has mapped yet, and those that people mapped."""
    found = _get(f"/partners/{partner_id}/words")
    if as_json:
        print_json(found)
        return
    print_rows(
        found["unknown"],
        title="Unknown",
        columns=["kind", "word", "said_with", "referrals", "last_at"],
        as_json=False,
    )
    print_rows(
        found["mapped"],
        title="Mapped",
        columns=["kind", "word", "meaning", "mapped_by", "mapped_at", "in_file"],
        as_json=False,
    )


def map_word(partner_id: str, word: str, meaning: str, *, kind: str, as_json: bool) -> None:
    """Say what a word means, and repair all referrals that had it."""
    asked = {"kind": kind, "word": word, "meaning": meaning}
    answer = _post(f"/partners/{partner_id}/words", asked)
    print_rows([answer], columns=["kind", "word", "meaning", "repaired"], as_json=as_json)


def referral(referral_id: str, *, opened: bool, as_json: bool) -> None:
    """Print a referral's whole life; opening what the partner wrote is noted."""
    found = _get(f"/referrals/{referral_id}", {"opened": str(opened).lower()})
    if as_json:
        print_json(found)
        return
    head = f"{found['reference']}  {found['partner_id']}  {found['status']}  ({referral_id})"
    console().print(head, markup=False)
    attempts = [
        {**attempt, "what": delivery["what"], "state": delivery["state"]}
        for delivery in found["deliveries"]
        for attempt in delivery["attempts"] or [{}]
    ]
    print_rows(
        attempts,
        title="Calls",
        columns=CALL_COLUMNS,
        as_json=False,
    )
    print_rows(
        found["statuses"],
        title="Said by the partner",
        columns=["received_at", "said_at", "word", "meaning", "message"],
        as_json=False,
    )
    print_rows(
        found["actions"],
        title="Done by people",
        columns=["at", "account", "action", "details"],
        as_json=False,
    )


def _tell(partner_id: str, order: str, *, as_json: bool) -> None:
    answer = _post(f"/partners/{partner_id}/{order}")
    if as_json:
        print_json(answer)
    else:
        print_rows([answer], columns=COLUMNS, as_json=False)


def _get(path: str, query: Mapping[str, str] | None = None) -> Any:
    async def ask(door: "DoorClient") -> Any:
        return await door.get(f"/api/v1{path}", query=query)

    return asyncio.run(_as_operations(ask))


def _post(path: str, content: object = None) -> Any:
    async def ask(door: "DoorClient") -> Any:
        return await door.post(f"/api/v1{path}", content)

    return asyncio.run(_as_operations(ask))


async def _as_operations(ask: Any) -> Any:
    from services.commands.door_client import DoorClient, http_session, open_session

    async with http_session(seconds_to_answer=_SECONDS_TO_ANSWER) as http:
        session = await open_session(
            http, intake_url=where.intake_url(), token=where.operations_token()
        )
        return await ask(DoorClient(http, url=where.partner_adapters_url(), token=session))
