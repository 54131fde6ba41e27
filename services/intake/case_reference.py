"""The short reference of a case: easy to read aloud, hard to mistake. Pure but for chance."""

import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No 0/O, 1/I or L: they sound or look alike."""

_LENGTH = 8
_IGNORED = str.maketrans("", "", "- \u00a0\u202f")


def make_reference() -> str:
    """Draw a reference, `XXXX-XXXX`; 31⁸ are possible, so the caller retries a collision."""
    return _show("".join(secrets.choice(ALPHABET) for _ in range(_LENGTH)))


def read_reference(typed: str) -> str | None:
    """Give the reference meant by what somebody typed; `None` when it cannot be one."""
    letters = typed.translate(_IGNORED).upper()
    if len(letters) != _LENGTH or any(letter not in ALPHABET for letter in letters):
        return None
    return _show(letters)


def _show(letters: str) -> str:
    return f"{letters[:4]}-{letters[4:]}"
