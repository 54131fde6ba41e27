"""The token in the address an answer comes back to: it tells the referral. PURE.

The referral's id and a keyed hash of it, as 42 letters and digits that survive a change of
case. Without the key nobody can make one, so nobody can speak for a referral of which they
never got a mail.
"""

import hmac
import re
from base64 import b32decode, b32encode
from collections.abc import Iterable
from uuid import UUID

_HASH_BYTES = 10
_TOKEN = re.compile(r"(?<![a-z0-9])[a-z2-7]{42}(?![a-z0-9])")
_PADDING = "=" * 6


class AddressTokens:
    """Makes and reads the tokens of one partner; `key` is 32 characters at least."""

    def __init__(self, *, key: str, partner_id: str) -> None:
        if len(key) < 32:
            raise ValueError("the key of the answers' addresses is shorter than 32 characters")
        self._key = key.encode()
        self._partner_id = partner_id.encode()

    def token_of(self, referral_id: UUID) -> str:
        """The token, the same each time."""
        token = b32encode(referral_id.bytes + self._hash(referral_id.bytes)).decode().lower()
        return token.removesuffix(_PADDING)

    def find(self, texts: Iterable[str]) -> UUID | None:
        """The referral of the first true token in these texts, or None."""
        for text in texts:
            for found in _TOKEN.findall(text.lower()):
                content = b32decode(found.upper() + _PADDING)
                if hmac.compare_digest(content[16:], self._hash(content[:16])):
                    return UUID(bytes=content[:16])
        return None

    def _hash(self, referral_id: bytes) -> bytes:
        digest = hmac.digest(self._key, self._partner_id + b"/" + referral_id, "sha256")
        return digest[:_HASH_BYTES]
