"""PURE: text → folded words that still know where they stand in the original.

Folding: no accents, no case, ligatures opened, zero-width and right-to-left marks dropped (the
word stays whole), control characters and HTML tags as spaces. A Chinese character is a word.
"""

import html
import re
import unicodedata
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

_TAG = re.compile(r"<[^<>]{1,300}>|&#?\w{2,8};")
_WORD = re.compile(r"([^\W_\u3040-\u30ff\u3400-\u9fff]+|[%.,\u3040-\u30ff\u3400-\u9fff])")

COMMA = ","
STOP = "."
PAUSES = frozenset((COMMA, STOP))
# The last two of the letters: Arabic and Persian keyboards write one letter in two ways.
_SIGNS = str.maketrans(
    {"œ": "oe", "æ": "ae", "ß": "ss", "ł": "l", "ı": "i", "ø": "o", "đ": "d", "ي": "ی", "ك": "ک"}
    | dict.fromkeys("()/:–—•", COMMA)
    | dict.fromkeys("!?;\n", STOP)
)

# Words that carry no meaning of their own for a catalogue name. "pas", "plus", "sans" are kept.
_EMPTY = """
le la les l un une des du de d au aux a en et ou mon ma mes ton ta tes son sa ses notre nos votre
vos leur leurs ce cet cette ces c je j tu il elle on nous vous ils elles me m te t se s y que qu
qui dont est suis ai as avons avez ont es sommes etes sont etait etais ete avoir etre pour par dans
sur avec chez n ne si ca cela moi toi lui eux faire fait fais font faut veux veut voudrais voudrait
peux peut dois doit aimerais souhaite souhaiterais va vais tres bien encore toujours tout tous toute
toutes meme alors donc aussi comment quoi quel quelle quels quelles bonjour svp merci y etant
"""
STOPWORDS = frozenset(_EMPTY.split())
_SAYING_NOTHING = STOPWORDS | PAUSES

# Where dropping the ending would join two different needs.
_KEPT = {
    "coup": "coup#",
    "rentree": "rentree#",
    "rentrees": "rentree#",
    "mari": "mari#",
    "maris": "mari#",
    "retraite": "retraite",
    "retraites": "retraite",
    "retraitee": "retraite",
}
_ENDINGS = ("eraient", "erait", "erons", "eront", "aient", "erai", "era", "ees", "ait", "ais")
_SHORT_ENDINGS = ("ee", "er", "ez", "es", "e", "s", "x")


Span = tuple[int, int]


class Word(NamedTuple):
    """A folded word (or `,` / `.` for a weak or strong pause) and its place in the original."""

    form: str
    start: int
    end: int

    @property
    def is_pause(self) -> bool:
        return self.form in PAUSES


def words_of(text: str) -> list[Word]:
    """Every word and pause of `text`, in order; `start` and `end` index the original string."""
    return [Word(form, start, end) for form, (start, end) in zip(*forms_of(text), strict=True)]


def forms_of(text: str) -> tuple[list[str], list[Span]]:
    """Every word and pause of `text`, folded, and where each stands in the original."""
    if "<" not in text and "&" not in text:
        folded = text.translate(_ONE_FOR_ONE)
        if len(folded) == len(text) and not _NOT_ONE_FOR_ONE.search(folded):
            return _split(folded)
    folded, places = _fold_with_places(text)
    forms, spans = _split(folded)
    return forms, [(places[start], places[end - 1] + 1) for start, end in spans]


def _split(folded: str) -> tuple[list[str], list[Span]]:
    """The words and pauses, and where each begins and ends."""
    pieces = _WORD.split(folded)  # what is between words, a word, what is between, a word…
    ends = list(accumulate(map(len, pieces)))
    return pieces[1::2], list(zip(ends[::2], ends[1::2], strict=False))


def is_empty(form: str) -> bool:
    """A pause, or a word that says nothing of its own."""
    return form in _SAYING_NOTHING


def folded_words(text: str) -> list[str]:
    """The words of a catalogue name, without places."""
    forms, _ = forms_of(text)
    return [form for form in forms if form not in PAUSES]


@lru_cache(maxsize=16_384)
def stem(form: str) -> str:
    """A word without its usual French ending; the same for names and for texts."""
    if form in _KEPT:
        return _KEPT[form]
    if len(form) <= 3 or not form.isascii():
        return form
    for ending in _ENDINGS:
        if form.endswith(ending) and len(form) - len(ending) >= 4:
            return form[: -len(ending)]
    root = form
    for ending in _SHORT_ENDINGS:
        least = 3 if ending in ("s", "x") else 4
        if root.endswith(ending) and len(root) - len(ending) >= least:
            root = root[: -len(ending)]
            break
    return root


def _fold_with_places(text: str) -> tuple[str, list[int]]:
    letters: list[str] = []
    places: list[int] = []
    position = 0
    for match in _TAG.finditer(text) if "<" in text or "&" in text else ():
        _fold_into(letters, places, text, position, match.start())
        opened = html.unescape(match[0]) if match[0][0] == "&" else " "
        for letter in opened if len(opened) <= 2 else " ":
            for folded in _fold_letter(letter):
                letters.append(folded)
                places.append(match.start())
        position = match.end()
    _fold_into(letters, places, text, position, len(text))
    return "".join(letters), places


def _fold_into(letters: list[str], places: list[int], text: str, start: int, end: int) -> None:
    for place in range(start, end):
        for folded in _fold_letter(text[place]):
            letters.append(folded)
            places.append(place)


@lru_cache(maxsize=4096)
def _fold_letter(letter: str) -> str:
    if letter == "\n":
        return STOP
    category = unicodedata.category(letter)
    if category == "Cf" or category[0] == "M":
        # Vowel signs too, as in unvowelled Arabic: a Bengali word stays one word.
        return ""
    if category[0] in "CZ":
        return " "
    decomposed = unicodedata.normalize("NFKD", letter).casefold().translate(_SIGNS)
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


# Most texts are of letters that fold to one letter each: they keep their places by themselves.
_USUAL = (*range(0x17F), 0x2019, 0x2018, 0x2013, 0x2014, 0x2022, 0x20AC, 0xA0, 0x202F)
_ONE_FOR_ONE = {code: folded for code in _USUAL if len(folded := _fold_letter(chr(code))) == 1}
_NOT_ONE_FOR_ONE = re.compile(r"[^\x00-\x7f€‘’«»°²³]")
