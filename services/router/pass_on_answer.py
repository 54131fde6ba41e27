"""An agency's question was answered: the answer takes the road of its referral."""

from collections.abc import Mapping

from services.router.case_file import CaseFile, Step
from shared.contracts.events import ReferralAnswerGivenV1, RequestAnsweredV1, derive_id
from shared.contracts.topics import referrals_topic
from shared.plumbing.observability import log
from shared.plumbing.outbox import OutgoingEvent


def pass_on_answer(case: CaseFile, answer: RequestAnsweredV1, *, trace: Mapping[str, str]) -> Step:
    """Hand the sealed answer to the partner's adapter; raises `UnknownReferral`.

    A referral that was recalled or sent back gets nothing more of the visitor's.
    """
    referral = case.referral(answer.referral_id)
    if not referral.live:
        log.warning(
            "answer_not_passed_on",
            case_id=str(case.case_id),
            referral_id=str(referral.referral_id),
            ended_because=referral.ended_because,
        )
        return Step(case)
    event = OutgoingEvent(
        topic=referrals_topic(referral.partner_id).name,
        event_id=derive_id(ReferralAnswerGivenV1.TYPE, answer.answer_id),
        data=ReferralAnswerGivenV1(
            case_id=case.case_id,
            answer_id=answer.answer_id,
            referral_id=referral.referral_id,
            partner_id=referral.partner_id,
            answered_at=answer.answered_at,
            sealed=answer.sealed,
        ),
        trace=trace,
    )
    return Step(case, events=(event,))
