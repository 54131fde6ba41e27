"""A check: its number and name for ever, what is expected, which page says so, how to look."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.partner_adapters.conformance.bench import ANSWERING_AT_ONCE, Bench
from services.partner_adapters.partner_file import (
    ApiKey,
    ByCallback,
    ByPolling,
    NoCredentials,
    OAuth2,
    PartnerFile,
)

Look = Callable[[Bench], Awaitable[None]]
"""Returns when all is well; raises `Failed` or `NotSeen`, or lets a `PartnerFailure` through."""
Need = Callable[[PartnerFile], str | None]
"""Why a check cannot apply to this partner; None when it can."""


@dataclass(frozen=True, kw_only=True)
class Check:
    number: int
    name: str
    expected: str
    passage: str
    needs: tuple[Need, ...]
    look: Look

    def why_not(self, file: PartnerFile) -> str | None:
        """Why it does not apply to this partner, or None."""
        return next((reason for need in self.needs if (reason := need(file))), None)


def check(
    number: int, name: str, *needs: Need, expected: str, passage: str
) -> Callable[[Look], Check]:
    """Make a check of the function that looks. Numbers are never given twice, nor changed."""

    def made(look: Look) -> Check:
        return Check(
            number=number, name=name, expected=expected, passage=passage, needs=needs, look=look
        )

    return made


def kinds(*names: str) -> Need:
    """Only partners of these kinds."""

    def need(file: PartnerFile) -> str | None:
        return None if file.kind in names else f"only for {', '.join(names)}, this is {file.kind}"

    return need


def not_kinds(names: dict[str, str]) -> Need:
    """All partners but those of these kinds, each with its reason."""
    return lambda file: names.get(file.kind)


answers_at_once = kinds(*ANSWERING_AT_ONCE)


def recognises_repetitions(file: PartnerFile) -> str | None:
    if file.after_unknown == "resend":
        return None
    return f"its file says after_unknown = {file.after_unknown}: no referral is sent twice blindly"


def asks_for_a_key(file: PartnerFile) -> str | None:
    return "it asks for no key" if isinstance(file.credentials, NoCredentials) else None


def oauth2(file: PartnerFile) -> str | None:
    return None if isinstance(file.credentials, OAuth2) else "it does not use OAuth2"


def api_key(file: PartnerFile) -> str | None:
    return None if isinstance(file.credentials, ApiKey) else "it does not use an API key"


def calls_back(file: PartnerFile) -> str | None:
    return None if isinstance(file.status_return, ByCallback) else "it does not call back"


def is_polled(file: PartnerFile) -> str | None:
    return None if isinstance(file.status_return, ByPolling) else "its statuses are not polled"
