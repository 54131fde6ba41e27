"""161–180, `email`: the two servers let in nobody else, and answers find their referral."""

from dataclasses import dataclass, replace

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import check, kinds
from services.partner_adapters.conformance.invented import with_body
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.mail.connect import connect_by_mail
from services.partner_adapters.partner_adapter import PartnerNeedsAttention
from services.partner_adapters.partner_environment import ConnectedPartner
from services.partner_adapters.partner_file import Password
from shared.contracts.referral_status import ReferralStatus
from shared.plumbing.clock import Clock

RECEIVED = "email.md#ce-que-vous-recevez--what-you-receive"
ANSWERED = "email.md#ce-que-vous-répondez--what-you-answer"
SERVER = "email.md#ce-que-répond-votre-serveur--what-your-server-answers"
only_email = kinds("email")


@dataclass(frozen=True, kw_only=True)
class EmailProbe:
    """Whoever is not us, before the same two servers."""

    partner: ConnectedPartner
    clock: Clock

    def with_another_password(self) -> ConnectedPartner:
        credentials = self.partner.file.credentials
        if not isinstance(credentials, Password):
            raise TypeError(f"{self.partner.file.id}: its file names no password")
        secrets = {**self.partner.secrets, credentials.password: "not-our-password"}
        return replace(self.partner, secrets=secrets)

    async def close(self) -> None:
        """It keeps nothing open."""


def email_probe(partner: ConnectedPartner, clock: Clock) -> EmailProbe:
    """Opens nothing."""
    return EmailProbe(partner=partner, clock=clock)


@check(
    161,
    "Its server takes no mail with a wrong password",
    only_email,
    expected="535, or another refusal of the sign-in",
    passage=SERVER,
)
async def wrong_password(bench: Bench) -> None:
    probe = bench.probe_as(EmailProbe)
    stranger = connect_by_mail(probe.with_another_password(), clock=probe.clock)
    try:
        await stranger.deliver([bench.referral()])
    except PartnerNeedsAttention:
        return
    finally:
        await stranger.close()
    raise Failed("the mail was taken")


@check(
    162,
    "The mailbox opens to no wrong password",
    only_email,
    expected="the sign-in is refused",
    passage=SERVER,
)
async def wrong_mailbox_password(bench: Bench) -> None:
    probe = bench.probe_as(EmailProbe)
    stranger = connect_by_mail(probe.with_another_password(), clock=probe.clock)
    try:
        await stranger.collect(None)
    except PartnerNeedsAttention:
        return
    finally:
        await stranger.close()
    raise Failed("the mailbox was opened")


@check(
    163,
    "Every answer can be tied to its referral",
    only_email,
    expected="the address of Reply-To is kept, or In-Reply-To: no answer is left for a person",
    passage=ANSWERED,
)
async def tied(bench: Bench) -> None:
    await bench.every_story()
    if bench.hearing.unreadable:
        raise Failed(bench.hearing.unreadable[0][:300])


@check(
    164,
    "A referral that says nothing is refused by an answer",
    only_email,
    expected="an answer whose first line is the word for refused",
    passage=RECEIVED,
)
async def refused_by_an_answer(bench: Bench) -> None:
    delivery = bench.referral()
    await bench.hand_over(with_body(delivery, text=""))
    first = await bench.first_status(delivery.referral_id)
    if bench.meaning(first) is not ReferralStatus.REFUSED:
        raise Failed(f"{first.word}, for a referral without text")


CHECKS = (
    wrong_password,
    wrong_mailbox_password,
    tied,
    refused_by_an_answer,
)
