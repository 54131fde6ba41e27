"""PURE: take out of a text whatever says who wrote it, before it is kept to learn from.

What goes: the visitor's names wherever they stand, names after a civility or "je m'appelle",
e-mail and web addresses, phone numbers, identifiers, and every number. What stays: the words
between, and product names with one or two digits after their letters (C2S, G30, T4), which tell
a need and no person.
"""

import re
import unicodedata

from shared.contracts.personal import Visitor

NAME, ADDRESS, PHONE, IDENTIFIER, NUMBER = (
    "[nom]",
    "[adresse]",
    "[téléphone]",
    "[identifiant]",
    "[nombre]",
)
_MARKS = {
    "\ue000": NAME,
    "\ue001": ADDRESS,
    "\ue002": PHONE,
    "\ue003": IDENTIFIER,
    "\ue004": NUMBER,
}
"""While working, a placeholder is one character that no text holds: nothing masks it again."""
_MARK_OF = {placeholder: mark for mark, placeholder in _MARKS.items()}

_LETTER = r"[^\W\d_][\u0300-\u036f]*"
_WORD = re.compile(rf"(?:{_LETTER})+")
_EMAIL = re.compile(r"\S+@\S+")
_WEB = re.compile(r"(?i)\b(?:https?://|www\.)\S+")
_PHONE = re.compile(r"(?<!\d)(?:\+\d{1,3}|00\d{2}|\(?0)[\s.()/-]*\d(?:[\s.()/-]*\d){7,11}(?!\d)")
_NUMBER = re.compile(
    # A product name is passed over as a whole, so that its digits are not found after it.
    r"(?P<product>(?<![^\W_])[^\W\d_]{1,4}\d{1,2}[^\W\d_]?(?![^\W_]))"
    r"|\d+(?:[\s.,/:-]+\d+)*"
)
_NAMED = re.compile(
    r"\b(?P<said>(?:M\.|Mr\.?|Mme|Mlle|Me|Dr|Monsieur|Madame|Mademoiselle)\s+)"
    r"(?P<name>[A-ZÀ-Þ][\w'’-]*(?:\s+[A-ZÀ-Þ][\w'’-]*){0,2})"
)
_INTRODUCED = re.compile(
    r"(?i)\b(?P<said>(?:je\s+m\W?\s?appell?e|my\s+name\s+is|me\s+llamo|mon\s+nom\s+(?:est|c\W?est))"
    r"\s*:?\s+)(?P<name>[^\W\d_][\w'’-]*(?:\s+(?!(?:et|je|j|de|pour|mon|ma|and|y)\b)[^\W\d_][\w'’-]*)?)"
)


def mask_identity(text: str, visitor: Visitor) -> str:
    """Give the text with placeholders instead of identity and numbers; raises nothing.

    Spans of the original text do not hold for it.
    """
    masked = unicodedata.normalize("NFC", _without_invisible(text))
    masked = _EMAIL.sub(_MARK_OF[ADDRESS], masked)
    masked = _WEB.sub(_MARK_OF[ADDRESS], masked)
    masked = _mask_identifiers(masked, visitor)
    masked = _PHONE.sub(_MARK_OF[PHONE], masked)
    masked = _mask_names(masked, visitor)
    for stated in (_NAMED, _INTRODUCED):
        masked = stated.sub(lambda found: found["said"] + _MARK_OF[NAME], masked)
    masked = _mask_numbers(masked)
    for mark, placeholder in _MARKS.items():
        masked = masked.replace(mark, placeholder)
    return masked


def fold(word: str) -> str:
    """A word without accents and capitals, as names are compared."""
    decomposed = unicodedata.normalize("NFKD", word.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _without_invisible(text: str) -> str:
    """Format characters could cut a name in two; private ones could pass for our marks."""
    return "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Co"})


def _mask_names(text: str, visitor: Visitor) -> str:
    names = {
        fold(part)
        for name in (visitor.given_name, visitor.family_name)
        for part in _WORD.findall(unicodedata.normalize("NFC", _without_invisible(name or "")))
        if len(part) > 1
    }

    def masked(found: re.Match[str]) -> str:
        return _MARK_OF[NAME] if fold(found[0]) in names else found[0]

    return _WORD.sub(masked, text) if names else text


def _mask_identifiers(text: str, visitor: Visitor) -> str:
    """As they were given, whatever stands between their characters."""
    for identifier in visitor.identifiers.values():
        characters = [c for c in identifier if c.isalnum()]
        if len(characters) > 2:
            spaced = r"[\s.\-/]*".join(re.escape(c) for c in characters)
            text = re.sub(rf"(?i)(?<!\w){spaced}(?!\w)", _MARK_OF[IDENTIFIER], text)
    return text


def _mask_numbers(text: str) -> str:
    return _NUMBER.sub(lambda found: found["product"] or _MARK_OF[NUMBER], text)
