"""201–220, `portal`: the tool of an agency's people finds everything, and clicks it once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.callback_door import Reply
from services.partner_adapters.conformance.check import check, kinds
from services.partner_adapters.conformance.invented import invented_withdrawal
from services.partner_adapters.conformance.portal_door import PAGE, Click, PortalDoor
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import Delivery

SIGNING_IN = "portal.md#sidentifier--signing-in"
READING = "portal.md#lire--reading"
ANSWERING = "portal.md#répondre--answering"
WISHED_SECONDS = 2
EARLY = 0.1
MOST_CLICKS_AFTER_A_REFUSAL = 5
MANY = 100
only_portal = kinds("portal")


@check(
    201,
    "Signs in, and reads the inbox",
    only_portal,
    expected="a session, then the list of referrals, then a status",
    passage=SIGNING_IN,
)
async def signs_in(bench: Bench) -> None:
    await bench.has_taken(bench.referral())
    if not _door(bench).sign_ins:
        raise Failed("it never signed in")


@check(
    202,
    "Signs in again when the session is over",
    only_portal,
    expected="after a 401 a new session, and the work goes on",
    passage=SIGNING_IN,
)
async def signs_in_again(bench: Bench) -> None:
    await bench.has_taken(bench.referral())
    _door(bench).end_sessions()
    await bench.has_taken(bench.referral())


@check(
    203,
    "Does not sign in for every call",
    only_portal,
    expected="the session is kept while it lasts",
    passage=SIGNING_IN,
)
async def keeps_its_session(bench: Bench) -> None:
    await bench.has_taken(bench.referral())
    before, clicks = _door(bench).sign_ins, len(_door(bench).clicks)
    await asyncio.gather(*(bench.has_taken(bench.referral()) for _ in range(4)))
    sign_ins = _door(bench).sign_ins - before
    if sign_ins > 1:
        raise Failed(f"{sign_ins} sign-ins for {len(_door(bench).clicks) - clicks} statuses")


@check(
    204,
    "Reads every page",
    only_portal,
    expected="while cursor is not null it asks for what follows",
    passage=READING,
)
async def reads_every_page(bench: Bench) -> None:
    async with _stuck(bench, PAGE):  # they fill the first page
        await asyncio.gather(*(bench.has_taken(bench.referral()) for _ in range(2 * PAGE)))


@check(
    205,
    "Every status has its Idempotency-Key",
    only_portal,
    expected="a key in every call, another one for every status",
    passage=ANSWERING,
)
async def has_keys(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.has_taken(delivery)
    await bench.settle()
    clicks = _door(bench).clicks_on(delivery.referral_id)
    if any(not click.key for click in clicks):
        raise Failed("a status without a key")
    bodies = {click.key: click.body for click in clicks}
    if any(bodies[click.key] != click.body for click in clicks):
        raise Failed("one key for two statuses")


@check(
    206,
    "Tries again after a 500, with the same key",
    only_portal,
    expected="the same status, under the same key",
    passage=ANSWERING,
)
async def again_after_500(bench: Bench) -> None:
    await _again_after(bench, Reply(500))


@check(
    207,
    "Tries again after a cut, with the same key",
    only_portal,
    expected="the same status, under the same key",
    passage=ANSWERING,
)
async def again_after_a_cut(bench: Bench) -> None:
    await _again_after(bench, Reply(hangs_up=True))


@check(
    208,
    "Obeys Retry-After",
    only_portal,
    expected=f"after a 503 with Retry-After: {WISHED_SECONDS}, not before {WISHED_SECONDS} s",
    passage=ANSWERING,
)
async def obeys_retry_after(bench: Bench) -> None:
    first, again = await _again_after(bench, Reply(503, {"Retry-After": str(WISHED_SECONDS)}))
    if again.at - first.at < WISHED_SECONDS - EARLY:
        raise Failed(f"it tried again after {again.at - first.at:.1f} s")


@check(
    209,
    "What it posts is right",
    only_portal,
    expected="no 400 and no 422: a refusal has its reason, a question its words",
    passage=ANSWERING,
)
async def posts_rightly(bench: Bench) -> None:
    await bench.every_story()
    wrong = [click for click in _door(bench).clicks if click.status in {400, 422}]
    if wrong:
        raise Failed(f"{wrong[0].status} to {wrong[0].body.decode(errors='replace')[:200]}")


@check(
    210,
    "A 409 is the end of it",
    only_portal,
    expected=f"at most {MOST_CLICKS_AFTER_A_REFUSAL} tries of a status that is refused so",
    passage=ANSWERING,
)
async def conflict_ends_it(bench: Bench) -> None:
    delivery = bench.referral()
    _door(bench).order(delivery.referral_id, *[Reply(409)] * MANY)
    await bench.hand_over(delivery)
    clicks = await _clicks_on(bench, delivery)
    await bench.settle()
    keys = [click.key for click in _door(bench).clicks_on(delivery.referral_id)]
    tries = keys.count(clicks[0].key)
    if tries > MOST_CLICKS_AFTER_A_REFUSAL:
        raise Failed(f"{tries} tries of the same status")


@check(
    211,
    "A withdrawal does not trouble it",
    only_portal,
    expected="it goes on with the others when a visitor has withdrawn",
    passage=READING,
)
async def withdrawn(bench: Bench) -> None:
    async with _stuck(bench, 1) as [delivery]:
        await bench.hand_over(invented_withdrawal(delivery.referral_id, now=bench.clock.now()))
        await bench.has_taken(bench.referral())
        await bench.has_taken(bench.referral())


@check(
    212,
    "Calls only what the portal has",
    only_portal,
    expected="no address that is not on the page",
    passage=READING,
)
async def known_addresses(bench: Bench) -> None:
    await bench.every_story()
    if _door(bench).strange:
        raise Failed(_door(bench).strange[0])


CHECKS = (
    signs_in,
    signs_in_again,
    keeps_its_session,
    reads_every_page,
    has_keys,
    again_after_500,
    again_after_a_cut,
    obeys_retry_after,
    posts_rightly,
    conflict_ends_it,
    withdrawn,
    known_addresses,
)


def _door(bench: Bench) -> PortalDoor:
    return bench.probe_as(PortalDoor)


@asynccontextmanager
async def _stuck(bench: Bench, many: int) -> AsyncIterator[list[Delivery]]:
    """So many referrals that stay in the inbox meanwhile: each click on them is answered 503."""
    stuck = [bench.referral() for _ in range(many)]
    for delivery in stuck:
        _door(bench).order(delivery.referral_id, *[Reply(503)] * MANY)
        await bench.hand_over(delivery)
    try:
        for delivery in stuck:
            await _clicks_on(bench, delivery)
        yield stuck
    finally:
        for delivery in stuck:
            _door(bench).release(delivery.referral_id)


async def _clicks_on(bench: Bench, delivery: Delivery, *, many: int = 1) -> list[Click]:
    """Wait for so many clicks on this referral; raises `Failed`."""
    door = _door(bench)
    await bench.wait_until(lambda: len(door.clicks_on(delivery.referral_id)) >= many)
    clicks = door.clicks_on(delivery.referral_id)
    if len(clicks) < many:
        raise Failed(f"{len(clicks)} calls in {bench.patience:g} s")
    return clicks


async def _again_after(bench: Bench, reply: Reply) -> tuple[Click, Click]:
    """Meet the first click so; it and the next one, which must be the same."""
    delivery = bench.referral()
    _door(bench).order(delivery.referral_id, reply)
    await bench.hand_over(delivery)
    first, again = (await _clicks_on(bench, delivery, many=2))[:2]
    if (first.key, first.body) != (again.key, again.body):
        raise Failed(f"key {first.key!r}, then {again.key!r}")
    return first, again
