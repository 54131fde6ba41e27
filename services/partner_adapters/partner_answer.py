"""What is kept of a partner's answer to a call: redacted, and cut. PURE.

The rest of the protection is that it is sealed; credentials must not be kept even so.
"""

import re

LONGEST = 4096
"""Bytes."""

_CREDENTIALS = re.compile(
    r"""(?ix)
    (?P<name> "?(?:access_token|refresh_token|id_token|client_secret|api_key|password|secret)"?
        \s*[:=]\s* "?) [^"\s,&}]+
    | (?P<scheme> \b(?:bearer|basic)\s+) [\w.~+/=-]{8,}
    """
)


def redacted(answer: str) -> str:
    """The answer without credentials, at most 4 kB of UTF-8; NUL, which jsonb and text cannot
    hold, is replaced."""
    text = _CREDENTIALS.sub(
        lambda found: f"{found['name'] or found['scheme']}[redacted]", answer[: 4 * LONGEST]
    )
    return text.replace("\x00", "\ufffd").encode(errors="replace")[:LONGEST].decode(errors="ignore")
