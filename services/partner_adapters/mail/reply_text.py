"""What somebody wrote in a mail: plain text, without what they quoted and signed. PURE."""

import re
from email.message import Message

from lxml import etree, html  # type: ignore[import-untyped]

REPLY_ABOVE = "--- Merci de répondre au-dessus de cette ligne ---"
"""Our mails begin with it; programs quote it, and people answer above."""

_QUOTE_BEGINS = re.compile(
    r"""^[\s>]*(?:
        -{2,}\ *(?:Merci\ de\ répondre\ au-dessus|Message\ d.origine|Message\ transféré
                 |Original\ Message|Forwarded\ message).*
        | (?:Le|On)\ .{4,200}(?:a\ écrit|wrote)\s*:\s*
        | _{10,}\s*
        | (?:De|From)\s*:\ .*@.*
        | --\ ?
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
_WRAPPED = re.compile(r"^\s*(?:Le|On) .{4,200}$", re.IGNORECASE)
_BLOCKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "table", "ul", "ol", "pre"})
_UNSEEN = ("script", "style", "head", "title", "blockquote", "template")


def reply_text(mail: Message) -> str:
    """The sender's own words, lines trimmed; empty when there are none."""
    return without_quotes(written_text(mail))


def count_attachments(mail: Message) -> int:
    """How many files hang on the mail."""
    return sum(_is_file(part) for part in mail.walk())


def written_text(mail: Message) -> str:
    """All of the text, from its plain version or else from its HTML."""
    for content_type, read in (("text/plain", str), ("text/html", text_of_html)):
        for part in mail.walk():
            if part.get_content_type() == content_type and not _is_file(part):
                text = storable(read(_decoded(part)))
                if text.strip():
                    return text
    return ""


def without_quotes(text: str) -> str:
    """The lines before the first that is quoted, or that begins a quotation or a signature."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        wrapped = _WRAPPED.match(line) and _QUOTE_BEGINS.match(f"{line.rstrip()} {following}")
        if line.startswith(">") or _QUOTE_BEGINS.match(line) or wrapped:
            break
        kept.append(line.strip())
    return "\n".join(kept).strip()


def text_of_html(source: str) -> str:
    """The text a reader would see; quotations (`blockquote`) and scripts are left out."""
    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True)
    try:
        root = html.document_fromstring(source.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, ValueError):
        return ""
    for unseen in [*root.iter(*_UNSEEN)]:
        if unseen is not root:
            unseen.drop_tree()
    for block in root.iter(*_BLOCKS):
        block.tail = "\n" + (block.tail or "")
    lines = (" ".join(line.split()) for line in str(root.text_content()).splitlines())
    return "\n".join(lines)


def storable(text: str) -> str:
    """The text as a database and JSON can keep it: no NUL, no half characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _is_file(part: Message) -> bool:
    return str(part.get("Content-Disposition", "")).strip().lower().startswith("attachment")


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    for charset in (part.get_content_charset() or "utf-8", "utf-8"):
        try:
            return content.decode(charset)
        except (LookupError, ValueError):  # no such charset, or not written in it
            continue
    return content.decode("cp1252", "replace")
