"""Opening what was encrypted to the agency: JWE, ECDH-ES+A256KW, A256GCM."""

import json

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

_ALGORITHMS = ["ECDH-ES+A256KW", "A256GCM"]


class Unreadable(Exception):
    """Not encrypted to us, or not what was sent."""


class LetterOpener:
    """Holds the agency's private key."""

    def __init__(self, *, private_key: str) -> None:
        """`private_key` is a JWK (EC P-256) as JSON; raises ValueError when it is not."""
        self._key = ECKey.import_key(json.loads(private_key))

    def open(self, letter: bytes) -> bytes:
        """The content of a compact JWE. Raises Unreadable."""
        try:
            content = jwe.decrypt_compact(letter, self._key, algorithms=_ALGORITHMS).plaintext
        except (JoseError, ValueError) as error:
            raise Unreadable from error
        if content is None:
            raise Unreadable
        return content
