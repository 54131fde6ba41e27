"""21–40, every kind: what the agency says of a referral can be believed and understood."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from services.partner_adapters.conformance.bench import Bench, Story
from services.partner_adapters.conformance.check import check
from services.partner_adapters.conformance.invented import TO_QUESTION, TO_REFUSE, TO_RESOLVE
from services.partner_adapters.conformance.verdict import Failed, NotSeen
from services.partner_adapters.partner_adapter import PartnerStatus
from shared.contracts.referral_status import ReferralStatus, is_final, may_follow

SAID = "README.md#ce-que-vous-répondez--what-you-answer"
EVERYWHERE = "README.md#ce-qui-est-vrai-partout--what-is-true-everywhere"

CLOCKS_APART = timedelta(minutes=5)


@check(
    21,
    "Statuses come",
    expected="something is said of a referral that was taken",
    passage=SAID,
)
async def statuses_come(bench: Bench) -> None:
    story = await bench.story(TO_RESOLVE)
    await bench.first_status(story.delivery.referral_id)


@check(
    22,
    "Every status can be read",
    expected="id, referral_id, status and at, each as the page says",
    passage=SAID,
)
async def readable(bench: Bench) -> None:
    stories = await bench.every_story()
    if bench.hearing.unreadable:
        raise Failed(bench.hearing.unreadable[0][:300])
    _said(stories)


@check(
    23,
    "Only words of the table",
    expected="status is a word of the agency’s file",
    passage=SAID,
)
async def known_words(bench: Bench) -> None:
    said = _said(await bench.every_story())
    strange = sorted({status.word for status in said if bench.meaning(status) is None})
    if strange:
        raise Failed(f"not in its table: {', '.join(strange)}")


@check(
    24,
    "Every status has an id of its own",
    expected="one id is one status of one referral, for ever",
    passage=SAID,
)
async def ids_of_their_own(bench: Bench) -> None:
    _said(await bench.every_story())
    meant: dict[str, tuple[object, ...]] = {}
    for status in bench.hearing.statuses:
        meaning = (status.referral_id, status.word)
        if meant.setdefault(status.status_id, meaning) != meaning:
            raise Failed(f"{status.status_id} said {meant[status.status_id][1]} and {status.word}")


@check(
    25,
    "Statuses come in order",
    expected="none says less than the one before, and their times follow each other",
    passage=SAID,
)
async def in_order(bench: Bench) -> None:
    stories = await bench.every_story()
    _said(stories)
    for story in stories:
        for before, after in pairwise(story.statuses):
            earlier, later = bench.meaning(before), bench.meaning(after)
            if earlier and later and earlier is not later and not may_follow(earlier, later):
                raise Failed(f"{after.word} after {before.word}")
            if after.at < before.at:
                raise Failed(f"{after.word} at {after.at}, after {before.word} at {before.at}")


@check(
    26,
    "Nothing after the end",
    expected="a final status is the last one",
    passage=SAID,
)
async def nothing_after_the_end(bench: Bench) -> None:
    stories = await bench.every_story()
    ended = [story for story in stories if any(_is_end(bench, each) for each in story.statuses)]
    if not ended:
        raise NotSeen("no referral came to its end while we watched; give it longer with --wait")
    for story in ended:
        end = next(n for n, each in enumerate(story.statuses) if _is_end(bench, each))
        if story.statuses[end + 1 :]:
            raise Failed(f"{story.statuses[end + 1].word} after {story.statuses[end].word}")


@check(
    27,
    "The time of a status is when it was so",
    expected="not before the referral was issued nor after now, to five minutes",
    passage=SAID,
)
async def times_are_right(bench: Bench) -> None:
    stories = await bench.every_story()
    _said(stories)
    latest = bench.clock.now() + CLOCKS_APART
    for story in stories:
        earliest = datetime.fromisoformat(story.delivery.body["issued_at"]) - CLOCKS_APART
        for status in story.statuses:
            if not earliest <= status.at <= latest:
                raise Failed(f"{status.word} at {status.at}, between {earliest} and {latest}")


@check(
    28,
    "A question is asked in words",
    expected="needs_information comes with a message for the visitor",
    passage=SAID,
)
async def question_in_words(bench: Bench) -> None:
    asked = await _asked(bench)
    if not (asked.message or "").strip():
        raise Failed(f"{asked.word} without a message")


@check(
    29,
    "After the answer it goes on",
    expected="another status comes after the visitor’s answer",
    passage=EVERYWHERE,
)
async def goes_on(bench: Bench) -> None:
    await _asked(bench)
    story = await bench.story(TO_QUESTION)
    if not story.after_answer:
        raise Failed(f"nothing in {bench.patience:g} s after the answer")


@check(
    30,
    "The same answer twice moves it on once",
    expected="no status is said twice under different ids because the answer came twice",
    passage=EVERYWHERE,
)
async def goes_on_once(bench: Bench) -> None:
    await _asked(bench)
    words = [status.word for status in (await bench.story(TO_QUESTION)).after_answer]
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise Failed(f"{', '.join(twice)} came {words.count(twice[0])} times")


@check(
    31,
    "A refusal says why, in a word of the table",
    expected="reason is a word of the agency’s file, or is absent",
    passage=SAID,
)
async def refusal_has_a_reason(bench: Bench) -> None:
    story = await bench.story(TO_REFUSE)
    refusals = [s for s in story.statuses if bench.meaning(s) is ReferralStatus.REFUSED]
    if not refusals:
        raise NotSeen(
            f"nobody refused the referral whose text begins with {TO_REFUSE}; "
            "have it refused, or give it longer with --wait"
        )
    for refusal in refusals:
        if not bench.understood(refusal):
            raise Failed(f"reason {refusal.reason_word!r} is not in its table")


CHECKS = (
    statuses_come,
    readable,
    known_words,
    ids_of_their_own,
    in_order,
    nothing_after_the_end,
    times_are_right,
    question_in_words,
    goes_on,
    goes_on_once,
    refusal_has_a_reason,
)


def _said(stories: Iterable[Story]) -> list[PartnerStatus]:
    said = [status for story in stories for status in story.statuses]
    if not said:
        raise NotSeen("no status came at all: see check 21")
    return said


async def _asked(bench: Bench) -> PartnerStatus:
    asked = (await bench.story(TO_QUESTION)).asked
    if asked is None:
        raise NotSeen(
            f"nobody asked anything about the referral whose text begins with {TO_QUESTION}; "
            "have a question asked, or give it longer with --wait"
        )
    return asked


def _is_end(bench: Bench, status: PartnerStatus) -> bool:
    meaning = bench.meaning(status)
    return meaning is not None and is_final(meaning)
