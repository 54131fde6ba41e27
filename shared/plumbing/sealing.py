"""Personal data is sealed: AES-256-GCM under a key of the fleet's key ring.

A sealed text is `v1.<key id>.<base64url(nonce ‖ ciphertext ‖ tag)>`. Version, key id and the id
it is bound to are authenticated with it, so it opens neither under another key's name nor on
another case. Nonces are random 96-bit numbers: rotate a key before it sealed 2^32 contents
(NIST SP 800-38D, section 8.3).

Rotation without a stop: add the new key at the end everywhere (all can open it), then move it to
the front (it seals), then drop the old one once nothing sealed under it is left.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field
from typing import Self, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from shared.contracts.personal import SealedContent

_VERSION = "v1"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SEARCH = "search"
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")

Content = TypeVar("Content", bound=SealedContent)


class BadKeyRing(Exception):
    """The text of a key ring cannot be used; says which entry, never the key."""


class CannotOpen(Exception):
    """A sealed text that does not open here; names the key id, never the content."""


@dataclass(frozen=True)
class KeyRing:
    """The fleet's keys: the first seals, all open, and one more is for look-ups only."""

    sealing_keys: dict[str, bytes] = field(repr=False)
    search_key: bytes = field(repr=False)
    """Apart from the others, because a look-up must survive the rotation of sealing keys."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `kid:base64(32 bytes),…,search:base64(32 bytes)`; raises `BadKeyRing`."""
        keys: dict[str, bytes] = {}
        for number, entry in enumerate(text.split(","), start=1):
            key_id, _, encoded = entry.strip().partition(":")
            if not _KEY_ID.fullmatch(key_id):
                raise BadKeyRing(f"entry {number} of the key ring has no valid key id")
            if key_id in keys:
                raise BadKeyRing(f"key id {key_id} is twice in the key ring")
            keys[key_id] = _decode_key(key_id, encoded)
        search_key = keys.pop(_SEARCH, None)
        if search_key is None:
            raise BadKeyRing("the key ring has no entry `search`, the key of look-ups")
        if not keys:
            raise BadKeyRing("the key ring has no key to seal with")
        return cls(sealing_keys=keys, search_key=search_key)

    @staticmethod
    def generate_text(key_id: str = "k1") -> str:
        """Make the text of a new ring with one sealing key."""
        entries = {name: base64.b64encode(os.urandom(_KEY_BYTES)) for name in (key_id, _SEARCH)}
        return ",".join(f"{name}:{key.decode()}" for name, key in entries.items())


def _decode_key(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadKeyRing(f"key {key_id} of the key ring is not base64") from None
    if len(key) != _KEY_BYTES:
        raise BadKeyRing(f"key {key_id} of the key ring has {len(key)} bytes instead of 32")
    return key


class Sealer:
    """Seals and opens contents; `bound_to` is always the id of the case they belong to."""

    def __init__(self, ring: KeyRing) -> None:
        self._ciphers = {key_id: AESGCM(key) for key_id, key in ring.sealing_keys.items()}
        self._current = next(iter(ring.sealing_keys))
        self._search_key = ring.search_key

    def seal(self, content: SealedContent, *, bound_to: UUID) -> str:
        """Encrypt a content under the current key."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._ciphers[self._current].encrypt(
            nonce, content.model_dump_json().encode(), _authenticated(self._current, bound_to)
        )
        encoded = base64.urlsafe_b64encode(nonce + ciphertext).rstrip(b"=").decode()
        return f"{_VERSION}.{self._current}.{encoded}"

    def open(self, sealed: str, model: type[Content], *, bound_to: UUID) -> Content:
        """Decrypt a content; raises `CannotOpen`."""
        key_id, encrypted = _split(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CannotOpen(f"key {key_id} is not in this key ring")
        try:
            plain = cipher.decrypt(
                encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], _authenticated(key_id, bound_to)
            )
        except (InvalidTag, ValueError):
            raise CannotOpen(
                f"a text sealed under key {key_id} was altered or belongs to another case"
            ) from None
        try:
            return model.model_validate_json(plain)
        except ValidationError:
            # The error would quote the content: it must not travel, not even as a cause.
            raise CannotOpen(
                f"a text sealed under key {key_id} holds no {model.__name__}"
            ) from None

    def search_key(self, kind: str, value: str) -> bytes:
        """Keyed hash (32 bytes) to look a value up by; the caller normalises the value.

        `kind` (`phone`, `name` …) keeps the same value apart in different columns.
        """
        return hmac.digest(self._search_key, f"{kind}\x1f{value}".encode(), hashlib.sha256)


def _authenticated(key_id: str, bound_to: UUID) -> bytes:
    return f"{_VERSION}.{key_id}.{bound_to}".encode()


def _split(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    key_id, _, encoded = rest.partition(".")
    if version != _VERSION or not _KEY_ID.fullmatch(key_id):
        raise CannotOpen("a text that should be sealed is not in the form v1.<key id>.<content>")
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return key_id, base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise CannotOpen(f"a text sealed under key {key_id} is damaged") from None
