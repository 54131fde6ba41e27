"""PURE: the catalogue, made ready for matching once at start-up."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.router.catalogue.entries import Catalogue
from services.router.classification.ngrams import code_of
from services.router.classification.normalisation import STOPWORDS, folded_words, is_empty, stem
from services.router.classification.spelling import Speller
from services.router.classification.trained_model import Floats, TrainedModel

Kind = Literal["name", "hint", "brand", "job", "danger", "urgent", "topic"]
Key = tuple[str, ...]

BODY = "hors_perimetre"
DANGER = "danger"
OTHER = "autre"

_WEIGHT_BY_LENGTH = (0.0, 1.0, 1.3, 1.5, 1.6)
_SHARE = {1: 1.0, 2: 0.7}
_HINT_WEIGHT = 0.3
_PREFIX_LEAST = 4
EXACT = "="
_EXACT_MOST = 5  # words


class Entry(NamedTuple):
    """A démarche, a body (partner `hors_perimetre`), a partner's own names, or a danger number."""

    id: str
    partner: str

    @property
    def is_body(self) -> bool:
        return self.partner == BODY

    @property
    def is_other(self) -> bool:
        return self.id.endswith("." + OTHER)


class Pointer(NamedTuple):
    """One name of one entry: `weight` says how surely the name means the entry."""

    entry: Entry
    kind: Kind
    weight: float


class KnownWord(NamedTuple):
    """All that reading a text asks of one of its words."""

    stem: str
    is_empty: bool
    parts: tuple[str, ...]
    """What it can be in a name: its stem, its prefixes ("допомогти" → "допомог*")."""
    row: int | None
    """Its stem's row in `Likeness`."""
    code: int
    """What stands for it in n-grams of several words."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a text resembles when it says no known name: tf-idf, cosine ready."""

    rows: dict[str, int]
    """stem → its row"""
    weights: Floats
    """[stems, entries]"""
    columns: dict[str, int]
    """entry id → its column"""
    entries: tuple[str, ...]
    """[entries]: the id of each column"""
    partners: NDArray[np.int64]
    """[entries]: one number for each partner; all bodies have one"""


@dataclass(frozen=True, slots=True)
class CompiledCatalogue:
    """Read-only after `compile_catalogue`; safe to share between threads."""

    model_version: str
    partner_ids: tuple[str, ...]
    pointers: dict[Key, tuple[Pointer, ...]]  # the stems of a name → what it points to
    keys_by_anchor: dict[str, tuple[Key, ...]]  # a name's rarest stem → names
    known_word: Callable[[str], KnownWord]
    """What is known of a word, put right; cached: the same words come again and again."""
    phrases_by_start: dict[Key, list[list[str]]]
    """The names kept with their empty words, by their first two words."""
    speller: Speller
    shorthand: dict[str, tuple[str, ...]]
    acronyms: frozenset[str]
    siblings: dict[str, str]  # "edf.facture" ↔ "engie.facture"
    harms: frozenset[str]  # démarches that are urgent by themselves
    consequences: frozenset[str]  # démarches that give way to their cause
    instead_of: dict[str, tuple[str, ...]]  # body id → partners it takes the place of
    likeness: Likeness
    entries: dict[str, Entry]
    model: TrainedModel | None


def content_stems(forms: Iterable[str]) -> Key:
    return tuple(stem(form) for form in forms if form not in STOPWORDS)


def compile_catalogue(
    catalogue: Catalogue, *, model: TrainedModel | None = None
) -> CompiledCatalogue:
    """Everything `classify` needs, built once (well under a second)."""
    entries = {d.id: Entry(d.id, d.partner) for d in catalogue.demarches.values()}
    entries |= {b.id: Entry(b.id, BODY) for b in catalogue.bodies.values()}
    found: dict[Key, dict[tuple[Entry, Kind], None]] = defaultdict(dict)
    forms: set[str] = set()
    prefixes: dict[str, str] = {}
    for entry, kind, name in _names(catalogue, entries):
        words = folded_words(name)
        if key := _key(name, words, prefixes):
            found[key][(entry, kind)] = None
            forms.update(words)
    foreign: set[str] = set()
    for entry, kind, name in _foreign_names(catalogue, entries):
        words = folded_words(name)
        key = _key(name, words, prefixes)
        # A foreign word that is also a French name keeps its French meaning.
        if key and key not in found:
            found[key][(entry, kind)] = None
        foreign.update(words)
    pointers = {key: _weighed(key, kinds) for key, kinds in found.items()}
    texts = {entry_id: folded_words(text) for entry_id, text in _texts(catalogue)}
    seen = {form for text in texts.values() for form in text}
    likeness = _likeness(texts, entries)
    return CompiledCatalogue(
        model_version="lexical-1+" + _fingerprint(catalogue),
        partner_ids=tuple(catalogue.partners),
        pointers=pointers,
        keys_by_anchor=_anchors(pointers),
        known_word=_known_word(pointers, prefixes, likeness),
        phrases_by_start=_phrases_by_start(pointers),
        speller=Speller(
            vocabulary=forms - STOPWORDS,
            known=seen | foreign | STOPWORDS | catalogue.common_words,
        ),
        shorthand={
            short: tuple(folded_words(plain)) for short, plain in catalogue.shorthand.items()
        },
        acronyms=frozenset(form for form in forms if 3 <= len(form) <= 6 and form.isascii()),
        siblings=_siblings(entries),
        harms=frozenset(d.id for d in catalogue.demarches.values() if d.is_harm),
        consequences=frozenset(d.id for d in catalogue.demarches.values() if d.is_consequence),
        instead_of={b.id: b.instead_of for b in catalogue.bodies.values() if b.instead_of},
        likeness=likeness,
        entries=entries,
        model=model,
    )


def _names(catalogue: Catalogue, entries: dict[str, Entry]) -> Iterator[tuple[Entry, Kind, str]]:
    for demarche in catalogue.demarches.values():
        entry = entries[demarche.id]
        kind: Kind = "brand" if entry.is_other and entry.partner != "accompagnement" else "name"
        yield from ((entry, kind, name) for name in demarche.names)
        yield from ((entry, "hint", name) for name in demarche.hints)
        yield from ((entry, "urgent", name) for name in demarche.urgent_signs)
    for body in catalogue.bodies.values():
        yield from ((entries[body.id], "name", name) for name in body.names)
        yield from ((entries[body.id], "hint", name) for name in body.hints)
    for partner in catalogue.partners.values():
        itself = entries[f"{partner.id}.{OTHER}"]
        yield from ((itself, "brand", name) for name in partner.names)
        yield from ((itself, "job", name) for name in partner.jobs)
        yield from ((itself, "topic", name) for name in partner.topics)
    for danger in catalogue.dangers:
        number = Entry(danger.number, DANGER)
        yield from ((number, "danger", name) for name in danger.names)


def _foreign_names(
    catalogue: Catalogue, entries: dict[str, Entry]
) -> Iterator[tuple[Entry, Kind, str]]:
    for theme in catalogue.foreign_themes:
        what, _, means = theme.means.rpartition(":")
        entry = Entry(means, DANGER) if what == "danger" else entries[means]
        kind: Kind = "brand" if entry.is_other and entry.partner != "accompagnement" else "name"
        if what == "danger":
            kind = "danger"
        for terms in theme.terms.values():
            yield from ((entry, kind, term) for term in terms)


def _key(name: str, words: Sequence[str], prefixes: dict[str, str]) -> Key:
    """The stems of a name; a word with a final `*` is kept as a prefix and noted."""
    parts = content_stems(words)
    if "*" in name:
        parts = tuple(part for chunk in name.split() for part in _parts(chunk, prefixes))
    if len(words) > 1 and len(parts) == 1 and not parts[0].endswith("*"):
        # "en arrêt" is not "arrêter": with one full word, the empty words around it decide.
        return (EXACT + " ".join(words),)
    return parts or tuple(words)


def _parts(chunk: str, prefixes: dict[str, str]) -> Key:
    words = folded_words(chunk)
    if not chunk.endswith("*") or not words:
        return content_stems(words)
    starred = words[-1] + "*"
    prefixes[words[-1]] = starred
    return (*content_stems(words[:-1]), starred)


def _weighed(key: Key, kinds: dict[tuple[Entry, Kind], None]) -> tuple[Pointer, ...]:
    """A name that several partners share says less about each."""
    partners = {entry.partner for entry, kind in kinds if kind in ("name", "brand")}
    sure = _WEIGHT_BY_LENGTH[min(len(key), 4)] * _SHARE.get(len(partners), 0.4)
    return tuple(
        Pointer(entry, kind, _HINT_WEIGHT if kind == "hint" else sure) for entry, kind in kinds
    )


def _anchors(keys: Iterable[Key]) -> dict[str, tuple[Key, ...]]:
    keys = list(keys)
    frequency = Counter(part for key in keys for part in set(key))
    anchors: dict[str, list[Key]] = defaultdict(list)
    for key in keys:
        anchors[min(key, key=lambda part: frequency[part])].append(key)
    return {part: tuple(held) for part, held in anchors.items()}


def _phrases_by_start(keys: Iterable[Key]) -> dict[Key, list[list[str]]]:
    phrases: dict[Key, list[list[str]]] = defaultdict(list)
    for key in keys:
        if key[0].startswith(EXACT):
            words = key[0].removeprefix(EXACT).split()
            if len(words) <= _EXACT_MOST:
                phrases[(words[0], words[1])].append(words)
    return dict(phrases)


def _siblings(entries: dict[str, Entry]) -> dict[str, str]:
    """EDF and Engie both sell both energies: the same démarche of the other one."""
    pairs = {"edf": "engie", "engie": "edf"}
    return {
        entry.id: other
        if (other := f"{pairs[entry.partner]}.{name}") in entries
        else f"{pairs[entry.partner]}.{OTHER}"
        for entry in entries.values()
        if entry.partner in pairs and (name := entry.id.split(".", 1)[1])
    }


def _texts(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    for d in catalogue.demarches.values():
        yield d.id, " . ".join((d.title, d.plain, *d.names, *d.hints, *d.examples, *d.examples))
    for b in catalogue.bodies.values():
        yield b.id, " . ".join((b.handles, *b.names, *b.hints, *b.examples, *b.examples))


def _likeness(texts: Mapping[str, Sequence[str]], entries: Mapping[str, Entry]) -> Likeness:
    counts = {key: Counter(content_stems(text)) for key, text in texts.items()}
    spread = Counter(part for count in counts.values() for part in count)
    rows = {part: row for row, part in enumerate(spread)}
    weights = np.zeros((len(rows), len(counts)), dtype=np.float32)
    for column, count in enumerate(counts.values()):
        said = [rows[part] for part in count]
        rarity = np.log(len(texts) / np.array([spread[part] for part in count]))
        each = (1 + np.log(list(count.values()))) * rarity
        weights[said, column] = each * rarity / (np.linalg.norm(each) or 1.0)
    partners = [entries[key].partner for key in counts]
    return Likeness(
        rows=rows,
        weights=weights,
        columns={key: column for column, key in enumerate(counts)},
        entries=tuple(counts),
        partners=np.unique(partners, return_inverse=True)[1],
    )


def _known_word(
    keys: Iterable[Key], prefixes: dict[str, str], likeness: Likeness
) -> Callable[[str], KnownWord]:
    stems = frozenset(part for key in keys for part in key)
    lengths = sorted({len(prefix) for prefix in prefixes if len(prefix) >= _PREFIX_LEAST})

    @lru_cache(maxsize=16_384)
    def known(form: str) -> KnownWord:
        stemmed = stem(form)
        starts = (form[:length] for length in lengths if length <= len(form))
        said = [stemmed] if stemmed in stems else []
        return KnownWord(
            stem=stemmed,
            is_empty=is_empty(form),
            parts=(*said, *(prefixes[start] for start in starts if start in prefixes)),
            row=likeness.rows.get(stemmed),
            code=code_of(stemmed),
        )

    return known


def _fingerprint(catalogue: Catalogue) -> str:
    """Eight digits that change with the catalogue's words."""
    digest = hashlib.sha256()
    for part in (catalogue.demarches, catalogue.bodies):
        for entry_id in sorted(part):
            digest.update(part[entry_id].model_dump_json().encode())
    for danger in catalogue.dangers:
        digest.update(danger.model_dump_json().encode())
    for theme in catalogue.foreign_themes:
        digest.update(theme.model_dump_json().encode())
    return digest.hexdigest()[:8]
