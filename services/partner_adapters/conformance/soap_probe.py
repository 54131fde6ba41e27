"""A `soap` system beneath its adapter: called with what is not quite right."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.partner_adapters.conformance.http_input import shown
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_environment import ConnectedPartner
from services.partner_adapters.partner_http import LONGEST_ANSWER, LONGEST_LIST, Answer, PartnerHttp
from services.partner_adapters.registry import http_of, messages_of
from services.partner_adapters.soap.fields import fields_of
from services.partner_adapters.soap.messages import Changes, Fault, Message, Messages, Unreadable
from shared.plumbing.clock import Clock

HAND_IN = "deposerDemande"


@dataclass(frozen=True)
class _WrongClock:
    """As late as it is said."""

    clock: Clock
    late: timedelta

    def now(self) -> datetime:
        return self.clock.now() - self.late

    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)


@dataclass(frozen=True, kw_only=True)
class SoapProbe:
    """The one address beneath the adapter."""

    http: PartnerHttp
    messages: Messages
    partner: ConnectedPartner
    clock: Clock

    def written(self, delivery: Delivery, *, messages: Messages | None = None) -> Message:
        return (messages or self.messages).write(HAND_IN, fields_of(delivery))

    def late(self, late: timedelta) -> Messages:
        """As ours, by a clock that is so late."""
        return messages_of(self.partner, clock=_WrongClock(self.clock, late))

    async def send(self, message: Message, *, longest: int = LONGEST_ANSWER) -> Answer:
        return await self.http.call(
            "POST", "", content=message.content, headers=message.headers, longest=longest
        )

    async def changes(self, *, most: int, cursor: str | None = None) -> Changes:
        """A page of statuses; raises `Failed` unless it is one."""
        asked = {"maximum": most} | ({"curseur": cursor} if cursor is not None else {})
        message = self.messages.write("listerChangements", asked)
        answer = await self.send(message, longest=LONGEST_LIST)
        try:
            return self.messages.read_changes(answer.body)
        except (Fault, Unreadable) as error:
            raise Failed(shown(answer)) from error

    async def close(self) -> None:
        await self.http.close()


def soap_probe(partner: ConnectedPartner, clock: Clock) -> SoapProbe:
    """Opens nothing yet; raises `PartnerNotConfigured`."""
    return SoapProbe(
        http=http_of(partner),
        messages=messages_of(partner, clock=clock),
        partner=partner,
        clock=clock,
    )
