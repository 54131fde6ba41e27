"""The secrets of one `aiguillage up`: made once, kept in one file that only its owner reads."""

import base64
import json
import secrets
from collections.abc import Sequence
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydantic import BaseModel, ConfigDict, Field

from services.commands.state_folder import StateFolder, read_private, write_private
from services.partner_simulators.mail_certificates import Authority
from shared.plumbing.access import generate_session_keys, new_token
from shared.plumbing.clock import SystemClock
from shared.plumbing.sealing import KeyRing

API_KEY_PARTNERS = ("edf",)
CALLBACK_PARTNERS = ("caf", "engie")
SIGNING_PARTNERS = ("engie",)
QUEUE_PARTNERS = ("casvp",)


class DemonstrationSecrets(BaseModel):
    """What must stay the same from one run to the next on the same data."""

    model_config = ConfigDict(frozen=True)

    key_ring: str = Field(repr=False)
    session_private_key: str = Field(repr=False)
    session_public_key: str
    kafka_admin_password: str = Field(repr=False)
    partner_secrets: dict[str, str] = Field(repr=False)
    """By the names that partner files use: CAF_CLIENT_ID …"""
    agency_private_keys: dict[str, str] = Field(repr=False)
    """By partner id: what a `kafka_queue` agency opens its letters with, a JWK; the authority that
    certifies an `email` agency's servers, PEM; the host key of an `sftp` agency's server."""
    tokens: dict[str, str] = Field(default={}, repr=False)
    """Bearer tokens of stations and API clients, by account."""
    passwords: dict[str, str] = Field(default={}, repr=False)
    """Of people, by account."""

    @classmethod
    def generate(cls) -> Self:
        private_key, public_key = generate_session_keys()
        mail_authority = Authority.make(now=SystemClock().now())
        ssh_key, _ = _new_ssh_key()
        host_key, public_host_key = _new_ssh_key()
        queue_keys = {partner_id: _new_agency_key() for partner_id in QUEUE_PARTNERS}
        return cls(
            key_ring=KeyRing.generate_text(),
            session_private_key=private_key,
            session_public_key=public_key,
            kafka_admin_password=secrets.token_hex(16),
            partner_secrets={
                "CPAM_USERNAME": "aiguillage",
                "CPAM_PASSWORD": secrets.token_urlsafe(24),
                "CAF_CLIENT_ID": "aiguillage",
                "CAF_CLIENT_SECRET": secrets.token_urlsafe(24),
                **{f"{p.upper()}_API_KEY": secrets.token_urlsafe(24) for p in API_KEY_PARTNERS},
                **{f"{p.upper()}_CALLBACK_SECRET": _new_webhook_key() for p in CALLBACK_PARTNERS},
                **{f"{p.upper()}_SIGNING_KEYS": _new_webhook_key() for p in SIGNING_PARTNERS},
                **{f"{p.upper()}_PUBLIC_KEY": keys[1] for p, keys in queue_keys.items()},
                **{f"{p.upper()}_KAFKA_PASSWORD": secrets.token_hex(16) for p in QUEUE_PARTNERS},
                "LAPOSTE_PRIVATE_KEY": ssh_key,
                "LAPOSTE_HOST_KEY": public_host_key,
                "SNCF_MAIL_USER": "aiguillage",
                "SNCF_MAIL_PASSWORD": secrets.token_urlsafe(24),
                "SNCF_REPLY_KEY": secrets.token_urlsafe(32),
                "SNCF_CERTIFICATE_AUTHORITY": mail_authority.certificate,
            },
            agency_private_keys={
                "laposte": host_key,
                "sncf": mail_authority.pem,
                **{p: keys[0] for p, keys in queue_keys.items()},
            },
        )

    def with_partners_of(self, newer: Self) -> Self:
        """The same, with the secrets of partners that were added since it was made."""
        return self.model_copy(
            update={
                "partner_secrets": {**newer.partner_secrets, **self.partner_secrets},
                "agency_private_keys": {**newer.agency_private_keys, **self.agency_private_keys},
            }
        )

    def with_accounts(self, *, tokens: Sequence[str], people: Sequence[str]) -> Self:
        """The same, with a token or password for every account named that has none yet."""
        return self.model_copy(
            update={
                "tokens": {**{account: new_token() for account in tokens}, **self.tokens},
                "passwords": {**{name: _new_password() for name in people}, **self.passwords},
            }
        )


def load_or_make_secrets(
    folder: StateFolder, *, tokens: Sequence[str], people: Sequence[str]
) -> DemonstrationSecrets:
    """Read the folder's secrets, completed with what is missing; raises `CommandFailed`."""
    kept = find_secrets(folder)
    made = DemonstrationSecrets.generate()
    complete = kept.with_partners_of(made) if kept is not None else made
    complete = complete.with_accounts(tokens=tokens, people=people)
    if complete != kept:
        write_private(folder.secrets_file, complete.model_dump())
    return complete


def find_secrets(folder: StateFolder) -> DemonstrationSecrets | None:
    """The folder's secrets, or None when nothing was ever started there."""
    found = read_private(folder.secrets_file)
    return DemonstrationSecrets.model_validate(found) if found is not None else None


def _new_webhook_key() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _new_agency_key() -> tuple[str, str]:
    """A private key and its public half, each a JWK on one line."""
    from joserfc.jwk import ECKey

    key = ECKey.generate_key("P-256")
    return json.dumps(key.as_dict(private=True)), json.dumps(key.as_dict(private=False))


def _new_ssh_key() -> tuple[str, str]:
    """A private key and its public half, as OpenSSH writes them."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return private.decode(), public.decode()


def _new_password() -> str:
    """Short enough to type, 60 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(3))
