"""A `rest` system beneath its adapter: called as us, as nobody, as somebody else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import aiohttp

from services.partner_adapters.conformance.http_input import shown
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.http_meaning import json_object
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_credentials import ApiKeyAuthorization
from services.partner_adapters.partner_environment import ConnectedPartner
from services.partner_adapters.partner_file import OAuth2
from services.partner_adapters.partner_http import LONGEST_LIST, Answer, Authorization, PartnerHttp
from services.partner_adapters.registry import authorization_of, http_of
from shared.plumbing.clock import Clock


class _WrongToken:
    """A bearer token that nobody gave out."""

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": "Bearer not-a-token-of-yours"}

    async def renew(self, rejected: Mapping[str, str]) -> bool:  # noqa: ARG002 - the protocol's
        return False


@dataclass(frozen=True, kw_only=True)
class RestProbe:
    """The system beneath the adapter: as us, as nobody, as somebody else."""

    partner: ConnectedPartner
    clock: Clock
    us: PartnerHttp
    nobody: PartnerHttp
    somebody_else: PartnerHttp

    def written(self, delivery: Delivery) -> bytes:
        return json.dumps(delivery.body, ensure_ascii=False).encode()

    async def post(self, content: bytes, *, referral_id: UUID, as_us: bool = True) -> Answer:
        http = self.us if as_us else self.somebody_else
        return await http.call("POST", "/referrals", content=content, headers=_head(referral_id))

    async def post_unsigned(self, content: bytes, *, referral_id: UUID, **headers: str) -> Answer:
        return await self.nobody.call(
            "POST", "/referrals", content=content, headers={**_head(referral_id), **headers}
        )

    async def keys_nearly_right(self) -> list[str]:
        """Three that are not our API key."""
        [key] = (await authorization_of(self.partner, clock=self.clock).headers()).values()
        return [key[:-1], f"{key}x", key.swapcase()]

    async def ask_token(self, *, secret: str | None = None) -> Answer:
        """Ask for a token, with another client secret than ours if one is given."""
        credentials = self.partner.file.credentials
        if not isinstance(credentials, OAuth2):
            raise TypeError(f"{self.partner.file.id} does not use OAuth2")
        client_id = self.partner.secret(credentials.client_id)
        secret = secret or self.partner.secret(credentials.client_secret)
        return await self.nobody.call(
            "POST",
            "/oauth/token",
            content=b"grant_type=client_credentials",
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Authorization": aiohttp.encode_basic_auth(client_id, secret),
            },
        )

    async def page(self, **query: str) -> dict[str, Any]:
        """One page of statuses; raises `Failed` unless it is one."""
        answer = await self.us.call("GET", "/statuses", query=query, longest=LONGEST_LIST)
        page = json_object(answer)
        if answer.status != 200 or not isinstance(page.get("statuses"), list):
            raise Failed(shown(answer))
        return page

    async def close(self) -> None:
        for http in (self.us, self.nobody, self.somebody_else):
            await http.close()


def rest_probe(partner: ConnectedPartner, clock: Clock) -> RestProbe:
    """Opens nothing yet."""
    is_oauth2 = isinstance(partner.file.credentials, OAuth2)
    wrong: Authorization = _WrongToken() if is_oauth2 else ApiKeyAuthorization("not-our-key")

    return RestProbe(
        partner=partner,
        clock=clock,
        us=http_of(partner, authorization_of(partner, clock=clock)),
        nobody=http_of(partner),
        somebody_else=http_of(partner, wrong),
    )


def _head(referral_id: UUID) -> dict[str, str]:
    return {"Content-Type": "application/json", "Idempotency-Key": str(referral_id)}
