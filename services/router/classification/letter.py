"""PURE: the pasted text of a letter or a bill → who writes, what is wanted, by when, how much.

Unknown stays unknown (None): a wrong sender or a wrong day does more harm than none.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from services.router.catalogue.entries import LetterSender, LetterWords, Wish
from services.router.classification.letter_figures import (
    Amount,
    DatedAt,
    Deadline,
    amount_in,
    deadline_in,
    letter_date_in,
)
from services.router.classification.normalisation import Word, folded_words, words_of
from services.router.classification.result import Span

_HEAD = 350  # characters: letterhead
_TAIL = 300  # characters: signature
_IN_HEAD, _IN_TAIL, _ELSEWHERE = 3.0, 2.0, 1.0
_BY_LENGTH = (0.0, 1.0, 1.3, 1.6)
_LEAST_SENDER = 2.0
_LEAST_LEAD = 0.5
_CERTAIN, _SURE, _MAYBE = 6.0, 2.0, 1.0
_LEAST_WISH = 2.0
_IN_SUBJECT = 2.0
_STAR = 4  # letters: the least before a *
_MOST_TRAPS = 5

_SUBJECT = re.compile(r"^[ \t]*(?:objet|sujet|concerne)[ \t]*:[^\n]*", re.IGNORECASE | re.MULTILINE)
_ADDRESS = re.compile(r"[\w.@+/:-]{4,200}")
_HOST = re.compile(r"(?:[a-z0-9-]+\.)+[a-z]{2,10}", re.IGNORECASE)
_FREE_MAIL = frozenset(
    ("gmail.com", "outlook.com", "outlook.fr", "hotmail.com", "hotmail.fr", "yahoo.com",
     "yahoo.fr", "proton.me", "protonmail.com")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sender:
    """A partner's id, or `body:<id>`."""

    id: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    what: Wish
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Answering:
    """The démarche that answers the letter."""

    demarche: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class LetterReading:
    """`suspicious`: what no real agency writes; the sender is then unknown."""

    sender: Sender | None
    wants: Wanted | None
    deadline: Deadline | None
    amount: Amount | None
    demarche: Answering | None
    written: DatedAt | None
    suspicious: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Phrase:
    """Some words that speak for something; a word with a final `*` stands for any ending."""

    words: tuple[str, ...]
    owner: str  # "sender:caf", "topic:caf:caf.indu", "wish:pay", "trap"
    weight: float


@dataclass(frozen=True, slots=True)
class _Hit:
    phrase: _Phrase
    first: int  # indices into the words
    last: int
    span: Span


@dataclass(frozen=True, slots=True)
class CompiledLetters:
    """The words of letters by their first word; built once, read-only."""

    by_first: dict[str, tuple[_Phrase, ...]]
    by_start: dict[str, tuple[_Phrase, ...]]  # of those whose first word has a *
    senders: dict[str, LetterSender]
    domains: frozenset[str]
    brands: frozenset[str] = field(default=frozenset())  # "ameli": traps imitate them


def compile_letters(letters: LetterWords) -> CompiledLetters:
    """Everything `read_letter` needs, built once."""
    by_first: dict[str, list[_Phrase]] = defaultdict(list)
    by_start: dict[str, list[_Phrase]] = defaultdict(list)
    for phrase in _phrases(letters):
        first = phrase.words[0]
        if first.endswith("*"):
            by_start[first[:_STAR]].append(phrase)
        else:
            by_first[first].append(phrase)
    domains = frozenset(domain for sender in letters.senders for domain in sender.domains)
    return CompiledLetters(
        by_first={word: tuple(held) for word, held in by_first.items()},
        by_start={word: tuple(held) for word, held in by_start.items()},
        senders={sender.id: sender for sender in letters.senders},
        domains=domains,
        brands=frozenset(domain.split(".")[-2] for domain in domains) - {"gouv", "paris"},
    )


def read_letter(text: str, *, letters: CompiledLetters) -> LetterReading:
    """What any text says as a letter; raises nothing on a str."""
    words = [word for word in words_of(text) if not word.is_pause]
    hits = list(_hits(words, letters))
    subject = [match.span() for match in _SUBJECT.finditer(text)]
    suspicious = _suspicious(text, hits, letters)
    sender = None if suspicious else _sender(text, hits)
    wants = _wants(hits, subject)
    written = letter_date_in(text)
    return LetterReading(
        sender=sender,
        wants=wants,
        deadline=deadline_in(
            text,
            written=written.day if written else None,
            to_appeal=wants is not None and wants.what == "refusal",
        ),
        amount=amount_in(text),
        demarche=_answering(sender, hits, subject),
        written=written,
        suspicious=suspicious,
    )


def _phrases(letters: LetterWords) -> Iterator[_Phrase]:
    for sender in letters.senders:
        yield from _owned(sender.words, f"sender:{sender.id}", 1.0)
        for topic in sender.topics:
            yield from _owned(topic.words, f"topic:{sender.id}:{topic.demarche}", 1.0)
    for wish in letters.wishes:
        yield from _owned(wish.certain, f"wish:{wish.what}", _CERTAIN)
        yield from _owned(wish.sure, f"wish:{wish.what}", _SURE)
        yield from _owned(wish.maybe, f"wish:{wish.what}", _MAYBE)
    for trap in letters.traps:
        yield from _owned(trap.words, "trap", 1.0)


def _owned(words: Iterable[str], owner: str, weight: float) -> Iterator[_Phrase]:
    for said in words:
        folded = folded_words(said)
        star = "*" if said.endswith("*") else ""
        yield _Phrase((*folded[:-1], folded[-1] + star), owner, weight)


def _hits(words: list[Word], letters: CompiledLetters) -> Iterator[_Hit]:
    for index, word in enumerate(words):
        starting = letters.by_first.get(word.form, ()) + letters.by_start.get(word.form[:_STAR], ())
        for phrase in starting:
            last = index + len(phrase.words) - 1
            if last < len(words) and all(
                _is(said, words[index + place].form) for place, said in enumerate(phrase.words)
            ):
                yield _Hit(phrase, index, last, (word.start, words[last].end))


def _is(said: str, form: str) -> bool:
    return form.startswith(said[:-1]) if said.endswith("*") else form == said


def _sender(text: str, hits: list[_Hit]) -> Sender | None:
    """Whose words stand in the letterhead and the signature; None when nobody's clearly do."""
    said = _without_inner([hit for hit in hits if hit.phrase.owner.startswith("sender:")])
    best: dict[tuple[str, ...], tuple[float, _Hit]] = {}
    for hit in said:
        key = (hit.phrase.owner, *hit.phrase.words)
        weight = _place_weight(hit.span, len(text)) * _BY_LENGTH[min(len(hit.phrase.words), 3)]
        if key not in best or weight > best[key][0]:
            best[key] = (weight, hit)
    scores: dict[str, float] = defaultdict(float)
    spans: dict[str, list[Span]] = defaultdict(list)
    for weight, hit in best.values():
        scores[hit.phrase.owner] += weight
        spans[hit.phrase.owner].append(hit.span)
    ranked = sorted(scores, key=lambda owner: (-scores[owner], owner))
    if not ranked or scores[ranked[0]] < _LEAST_SENDER:
        return None
    if len(ranked) > 1 and scores[ranked[0]] - scores[ranked[1]] < _LEAST_LEAD:
        return None
    return Sender(ranked[0].removeprefix("sender:"), tuple(sorted(spans[ranked[0]])))


def _place_weight(span: Span, length: int) -> float:
    if span[0] < _HEAD:
        return _IN_HEAD
    return _IN_TAIL if span[1] > length - _TAIL else _ELSEWHERE


def _without_inner(hits: list[_Hit]) -> list[_Hit]:
    """ "Ville de Paris" inside "Centre d'action sociale de la Ville de Paris" is not the mairie."""
    return [
        hit
        for hit in hits
        if not any(
            other.first <= hit.first
            and hit.last <= other.last
            and other.last - other.first > hit.last - hit.first
            for other in hits
        )
    ]


def _wants(hits: list[_Hit], subject: list[Span]) -> Wanted | None:
    scores: dict[str, float] = defaultdict(float)
    surest: dict[str, _Hit] = {}
    for hit in _once(hits, "wish:", subject):
        owner = hit.phrase.owner
        scores[owner] += hit.phrase.weight * _subject_weight(hit.span, subject)
        if owner not in surest or hit.phrase.weight > surest[owner].phrase.weight:
            surest[owner] = hit
    best = max(scores, key=lambda owner: scores[owner], default=None)
    if best is None or (scores[best] < _LEAST_WISH and best != "wish:information"):
        return None
    what: Wish = best.removeprefix("wish:")  # type: ignore[assignment]  # from the catalogue
    return Wanted(what, (surest[best].span,))


def _answering(sender: Sender | None, hits: list[_Hit], subject: list[Span]) -> Answering | None:
    """The démarche of the sender's that most words point to; the first listed, in a tie."""
    if sender is None or sender.id.startswith("body:"):
        return None
    prefix = f"topic:{sender.id}:"
    scores: dict[str, float] = defaultdict(float)
    spans: dict[str, list[Span]] = defaultdict(list)
    for hit in _once(hits, prefix, subject):
        scores[hit.phrase.owner] += _subject_weight(hit.span, subject)
        spans[hit.phrase.owner].append(hit.span)
    if not scores:
        return Answering(f"{sender.id}.autre", sender.spans)
    best = max(scores, key=lambda owner: scores[owner])
    return Answering(best.removeprefix(prefix), tuple(sorted(spans[best])))


def _once(hits: list[_Hit], prefix: str, subject: list[Span]) -> list[_Hit]:
    """Each phrase once, where it says most, in the order of the words file."""
    kept: dict[tuple[str, ...], _Hit] = {}
    for hit in hits:
        key = (hit.phrase.owner, *hit.phrase.words)
        if hit.phrase.owner.startswith(prefix) and (
            key not in kept
            or _subject_weight(hit.span, subject) > _subject_weight(kept[key].span, subject)
        ):
            kept[key] = hit
    return list(kept.values())


def _subject_weight(span: Span, subject: list[Span]) -> float:
    return _IN_SUBJECT if any(start <= span[0] < end for start, end in subject) else 1.0


def _suspicious(text: str, hits: list[_Hit], letters: CompiledLetters) -> tuple[Span, ...]:
    """Words of traps, and addresses that imitate an agency's or are nobody's."""
    found = [hit.span for hit in hits if hit.phrase.owner == "trap"]
    for match in _ADDRESS.finditer(text):
        host = _host_in(match[0])
        if host is None:
            continue
        official = any(host == one or host.endswith("." + one) for one in letters.domains)
        imitates = not letters.brands.isdisjoint(re.split(r"[.-]", host)) and not official
        if imitates or ("@" in match[0] and host in _FREE_MAIL):
            found.append(match.span())
    return tuple(sorted(found)[:_MOST_TRAPS])


def _host_in(address: str) -> str | None:
    """ "caf.fr" of "https://www.caf.fr/x" and of "contact@caf.fr"; None of other words."""
    rest = address.rpartition("//")[2].rpartition("@")[2]
    host = rest.partition("/")[0].partition(":")[0].strip(".-").lower().removeprefix("www.")
    return host if "." in host and _HOST.fullmatch(host) else None
