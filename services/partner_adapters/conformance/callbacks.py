"""101–120, partners who call back: rightly signed, repeated until taken, and not for ever."""

from uuid import UUID

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.callback_door import Call, CallbackDoor, Reply
from services.partner_adapters.conformance.check import calls_back, check
from services.partner_adapters.conformance.invented import TO_RESOLVE
from services.partner_adapters.conformance.verdict import Failed, NotSeen

CALLED = "rest.md#vos-statuts-par-rappel-signé--your-statuses-by-signed-callback"
WISHED_SECONDS = 2
MOST_CALLS_AFTER_A_REFUSAL = 5
EARLY = 0.1


@check(
    101,
    "Calls back by POST, in JSON, at the address given",
    calls_back,
    expected="POST /partners/<id>/status, content-type application/json",
    passage=CALLED,
)
async def called_rightly(bench: Bench) -> None:
    for call in await _any_calls(bench):
        if not (call.method == "POST" and call.path == _door(bench).path):
            raise Failed(f"{call.method} {call.path}")
        if call.content_type != "application/json":
            raise Failed(f"content-type {call.content_type}")


@check(
    102,
    "Every call is rightly signed",
    calls_back,
    expected="a signature by the key we share, over id, timestamp and body",
    passage=CALLED,
)
async def signed_rightly(bench: Bench) -> None:
    await _without_fault(bench, "signature: ", but="timestamp_stale")


@check(
    103,
    "Every call is freshly signed",
    calls_back,
    expected="a timestamp at most five minutes from our clock",
    passage=CALLED,
)
async def signed_freshly(bench: Bench) -> None:
    for call in await _any_calls(bench):
        if call.fault == "signature: timestamp_stale":
            raise Failed(f"timestamp {call.timestamp} at {int(bench.clock.now().timestamp())}")


@check(
    104,
    "Every call is a status message",
    calls_back,
    expected="one message, or up to 100 in statuses",
    passage=CALLED,
)
async def well_formed(bench: Bench) -> None:
    await _without_fault(bench, "wrong: ")
    await _without_fault(bench, "not JSON")


@check(
    105,
    "Calls again after our 500",
    calls_back,
    expected="the same status again, under the same id",
    passage=CALLED,
)
async def again_after_500(bench: Bench) -> None:
    await _again_after(bench, Reply(500))


@check(
    106,
    "Calls again after a cut",
    calls_back,
    expected="the same id again when we hang up without an answer",
    passage=CALLED,
)
async def again_after_a_cut(bench: Bench) -> None:
    await _again_after(bench, Reply(hangs_up=True))


@check(
    107,
    "Signs anew when it calls again",
    calls_back,
    expected="a new timestamp, or one that is still fresh",
    passage=CALLED,
)
async def signs_anew(bench: Bench) -> None:
    _, again = await _again_after(bench, Reply(500), Reply(503))
    if again.fault:
        raise Failed(again.fault)


@check(
    108,
    "Obeys Retry-After",
    calls_back,
    expected=f"after a 503 with Retry-After: {WISHED_SECONDS}, not before {WISHED_SECONDS} s",
    passage=CALLED,
)
async def obeys_retry_after(bench: Bench) -> None:
    wish = {"Retry-After": str(WISHED_SECONDS)}
    first, again = await _again_after(bench, Reply(503, wish))
    waited = again.at - first.at
    if waited < WISHED_SECONDS - EARLY:
        raise Failed(f"it called again after {waited:.1f} s")


@check(
    109,
    "Does not call again after our 2xx",
    calls_back,
    expected="a status that was taken is not said again",
    passage=CALLED,
)
async def not_again(bench: Bench) -> None:
    story = await bench.story(TO_RESOLVE)
    calls = await _calls_about(bench, story.delivery.referral_id)
    taken = [call for call in calls if 200 <= call.reply.status < 300]
    for call in taken:
        if _door(bench).repeated(call)():
            raise Failed(f"{', '.join(call.status_ids)} came again")


@check(
    110,
    "Waits for a slow answer",
    calls_back,
    expected="an answer that takes a second is waited for: the status comes once",
    passage=CALLED,
)
async def waits_for_us(bench: Bench) -> None:
    delivery = bench.referral()
    _door(bench).order(delivery.referral_id, Reply(after=1))
    await bench.hand_over(delivery)
    first = (await _calls_about(bench, delivery.referral_id))[0]
    await bench.first_status(delivery.referral_id)
    await bench.settle()
    if _door(bench).repeated(first)():
        raise Failed(f"{', '.join(first.status_ids)} came again while we were answering")


@check(
    111,
    "Does not besiege us when we refuse",
    calls_back,
    expected=f"at most {MOST_CALLS_AFTER_A_REFUSAL} calls with a status we answer 410 to",
    passage=CALLED,
)
async def no_siege(bench: Bench) -> None:
    delivery = bench.referral()
    _door(bench).order(delivery.referral_id, *[Reply(410)] * 100)
    await bench.hand_over(delivery)
    first = (await _calls_about(bench, delivery.referral_id))[0]
    await bench.settle()
    same = [
        call
        for call in _door(bench).about(delivery.referral_id)
        if set(call.status_ids) & set(first.status_ids)
    ]
    if len(same) > MOST_CALLS_AFTER_A_REFUSAL:
        raise Failed(f"{len(same)} calls with the same status")


@check(
    112,
    "One referral’s trouble holds up no other",
    calls_back,
    expected="while one status is answered 503, those of other referrals come",
    passage=CALLED,
)
async def others_go_on(bench: Bench) -> None:
    stuck, other = bench.referral(), bench.referral()
    _door(bench).order(stuck.referral_id, *[Reply(503)] * 5)
    await bench.hand_over(stuck)
    await _calls_about(bench, stuck.referral_id)
    await bench.hand_over(other)
    await bench.first_status(other.referral_id)


CHECKS = (
    called_rightly,
    signed_rightly,
    signed_freshly,
    well_formed,
    again_after_500,
    again_after_a_cut,
    signs_anew,
    obeys_retry_after,
    not_again,
    waits_for_us,
    no_siege,
    others_go_on,
)


def _door(bench: Bench) -> CallbackDoor:
    if bench.door is None:
        raise TypeError(f"{bench.file.id} does not call back")
    return bench.door


async def _any_calls(bench: Bench) -> list[Call]:
    """All calls so far; raises `NotSeen` when there is none."""
    await bench.story(TO_RESOLVE)
    if not _door(bench).calls:
        raise NotSeen("it never called: give its test system the address told at the start")
    return _door(bench).calls


async def _calls_about(bench: Bench, referral_id: UUID) -> list[Call]:
    """Wait until it calls about this referral; raises `NotSeen`."""
    door = _door(bench)
    if not await bench.wait_until(lambda: bool(door.about(referral_id))):
        raise NotSeen(f"it did not call about this referral in {bench.patience:g} s")
    return door.about(referral_id)


async def _without_fault(bench: Bench, beginning: str, *, but: str = "nothing") -> None:
    for call in await _any_calls(bench):
        if call.fault.startswith(beginning) and not call.fault.endswith(but):
            raise Failed(call.fault)


async def _again_after(bench: Bench, *replies: Reply) -> tuple[Call, Call]:
    """Meet the first calls so; the first, and the last that says the same."""
    delivery, door = bench.referral(), _door(bench)
    door.order(delivery.referral_id, *replies)
    await bench.hand_over(delivery)
    first = (await _calls_about(bench, delivery.referral_id))[0]

    def same() -> list[Call]:
        ids = set(first.status_ids)
        return [c for c in door.about(delivery.referral_id) if ids & set(c.status_ids)]

    await bench.wait_until(lambda: len(same()) > len(replies))
    if len(same()) <= len(replies):
        raise Failed(f"{len(same())} calls with it in {bench.patience:g} s")
    return same()[0], same()[len(replies)]
