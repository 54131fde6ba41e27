"""What can be kept as an agency's own reference for a referral. PURE."""

from typing import TypeGuard

LONGEST = 100


def is_reference(said: object) -> TypeGuard[str]:
    """Tell whether this is a short line of text: NUL or half a character could not be stored."""
    return isinstance(said, str) and 0 < len(said) <= LONGEST and said.isprintable()
