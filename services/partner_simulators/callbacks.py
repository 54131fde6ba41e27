"""Telling a status by signed callback (Standard Webhooks), over one kept-alive session."""

import json

import aiohttp
from standardwebhooks.webhooks import Webhook

from services.partner_simulators.office import Clock, StatusMessage
from services.partner_simulators.outgoing import GiveUp, TryAgain

SECONDS_TO_ANSWER = 10


class CallbackSender:
    """Posts one status message at a time to our door."""

    def __init__(
        self, *, address: str, secret: str, session: aiohttp.ClientSession, clock: Clock
    ) -> None:
        """`address` is the whole callback URL; `secret` is the shared `whsec_…`."""
        self._address = address
        self._webhook = Webhook(secret)
        self._session = session
        self._clock = clock

    async def send(self, message: StatusMessage) -> None:
        """Deliver one status.

        Raises TryAgain on 408, 429, 5xx, a time-out or a broken connection, GiveUp on any
        other answer that is not a 2xx.
        """
        body = json.dumps(message, ensure_ascii=False)
        try:
            async with self._session.post(
                self._address,
                data=body.encode(),
                headers=self._headers(message["id"], body),
                timeout=aiohttp.ClientTimeout(total=SECONDS_TO_ANSWER),
                allow_redirects=False,
            ) as response:
                raise_unless_taken(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryAgain(type(error).__name__) from error

    def _headers(self, message_id: str, body: str) -> dict[str, str]:
        now = self._clock()  # signed anew at each try: an old timestamp is refused
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, now, body),
        }


def raise_unless_taken(response: aiohttp.ClientResponse) -> None:
    """Turn an HTTP status into what to do next: nothing, TryAgain or GiveUp."""
    if response.ok and response.status < 300:
        return
    if response.status in {408, 429} or response.status >= 500:
        raise TryAgain(str(response.status), after=_retry_after(response))
    raise GiveUp(str(response.status))


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    given = response.headers.get("Retry-After", "")
    return float(given) if given.isdigit() else None
