"""What the catalogue holds: partners, démarches, bodies outside, danger words, foreign terms."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Names = Annotated[tuple[Text, ...], Field(min_length=1)]
Number = Literal["15", "17", "18", "112", "3919", "3114", "gaz"]

PARTNER_IDS = (
    "caf",
    "cpam",
    "edf",
    "engie",
    "laposte",
    "sncf",
    "casvp",
    "mairie",
    "accompagnement",
)


class Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


PlaceRule = Literal["home", "event", "anywhere", "paris"]
"""Which unit acts: that of the visitor's home; that of where it happened (an act of birth is at
the mairie of birth); any; or only for those who live in Paris."""


class Partner(Entry):
    """An agency as people call it.

    `place` holds for its démarches that say nothing else. `jobs` are the words of those who work
    there, not visitors; `topics` stand for the agency where neither it nor its rival is named
    (gas of no named brand is Engie's).
    """

    id: Text
    name: Text
    place: PlaceRule = "home"
    names: tuple[Text, ...] = ()
    jobs: tuple[Text, ...] = ()
    topics: tuple[Text, ...] = ()


class AlsoCheck(Entry):
    """Another right that a person with this need often misses, and why they may have it.

    `demarche` is one of ours, or `body:<id>`.
    """

    demarche: Text
    because: Text


class Demarche(Entry):
    """A known procedure.

    `names` point to it by themselves; a name with a final `*` is a prefix. `hints` only count
    beside the agency's name or another sign. `examples` are sentences in visitors' voices.
    `urgent_signs` make this need urgent; `is_harm`: it is urgent by itself (power cut, no roof).
    `is_consequence`: what follows from another need ("RSA stopped, nothing to eat"): it counts
    only where no other agency is concerned.
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z0-9_]+$")]
    title: Text
    plain: Text
    names: Names
    hints: tuple[Text, ...] = ()
    examples: tuple[Text, ...] = ()
    urgent_signs: tuple[Text, ...] = ()
    is_harm: bool = False
    is_consequence: bool = False
    facts: tuple[Text, ...] = ()
    place: PlaceRule | None = None
    online_service: str | None = None
    also_check: tuple[AlsoCheck, ...] = ()

    @property
    def partner(self) -> str:
        return self.id.split(".", 1)[0]


class Body(Entry):
    """A body that none of our partners replaces.

    `instead_of` (partners or démarches): where this body is named and the partner is not, those
    are meant for it (a TotalEnergies bill is not EDF's).
    """

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
    name: Text
    handles: Text
    how_to_reach: Text
    names: Names
    hints: tuple[Text, ...] = ()
    examples: tuple[Text, ...] = ()
    instead_of: tuple[Text, ...] = ()


class Danger(Entry):
    """Words of immediate danger, and whom to call: `dial` as it is written and said."""

    number: Number
    why: Text
    service: Text
    dial: Text
    advice: Text
    names: Names


class ForeignTheme(Entry):
    """Key terms of one démarche (or `body:<id>`, `danger:<number>`), per language code.

    The codes are ISO 639-1; ar-Latn is Arabic in Latin letters.
    """

    means: Text
    terms: dict[str, Names]


class LetterTopic(Entry):
    """What a sender's letter is about, and the démarche that answers it."""

    demarche: Text
    words: Names


class LetterSender(Entry):
    """Who writes: a partner or `body:<id>`; `domains` are its real web and mail addresses."""

    id: Text
    words: Names
    domains: tuple[Text, ...] = ()
    topics: tuple[LetterTopic, ...] = ()


Wish = Literal["pay", "send_document", "appointment", "collect", "refusal", "information"]


class LetterWish(Entry):
    """What a letter wants; `certain` words settle it, `sure` ones count double the others."""

    what: Wish
    certain: tuple[Text, ...] = ()
    sure: Names
    maybe: tuple[Text, ...] = ()


class LetterTrap(Entry):
    """Words no real agency writes."""

    words: Names


class LetterWords(Entry):
    senders: tuple[LetterSender, ...]
    wishes: tuple[LetterWish, ...]
    traps: tuple[LetterTrap, ...]


class Catalogue(Entry):
    partners: dict[str, Partner]
    demarches: dict[str, Demarche]
    bodies: dict[str, Body]
    dangers: tuple[Danger, ...]
    foreign_themes: tuple[ForeignTheme, ...]
    letters: LetterWords
    shorthand: dict[str, str]  # "rdv" → "rendez vous"
    common_words: frozenset[str]  # never taken for a misspelt catalogue word
