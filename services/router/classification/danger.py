"""PURE: is anyone in danger now, and the number to call."""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from services.router.classification.matching import Match
from services.router.classification.result import Classification, Need

_PARTNER = (
    r"(?:mari|conjoint|compagnon|copain|concubin|ex|ami|femme|conjointe|compagne|il|elle"
    r"|pere de mes enfants|pere de ma fille|pere de mon fils)"
)
_OWN_DESK = "accompagnement"
_CLEARLY_ASKED = 0.5
_LONGEST_SPOKEN = 40
_NEAR = r"(?: \S+){0,3}? "
# Where the words of a danger may stand apart; the names of the catalogue stand together. A text
# without one of the signs says nothing of the kind: few texts need the long search.
SAID_APART = tuple(
    (number, tuple(signs.split()), re.compile(pattern))
    for number, signs, pattern in (
        (
            "3114",
            "mourir finir tuer disparaitre suicid pendre sauter jeter vie vivre continuer "
            "veines mieux cachets comprimes somniferes adieu",
            r"\b(?:veux|voudrais|envie|pense|mieux|prefere|parle|veut|pret|prete)(?: \S+){0,3}? "
            r"(?:mourir|en finir|me tuer|se tuer|disparaitre|suicid\w*|me pendre|se pendre"
            r"|de sauter"
            r"|me jeter|se jeter)\b"
            r"|\b(?:marre|fatiguee?|lasse|plus (?:envie|la force|le courage"
            r"|le gout)) de (?:la vie|vivre)\b"
            r"|\bsert (?:plus )?a rien de (?:vivre|continuer)\b|\bouvrir les veines\b"
            r"|\bserai[st]? (?:\S+ )?mieux (?:mort|morte|sans moi)\b|\bmieux sans moi\b"
            r"|\b(?:tous|boite|trop) (?:\S+ ){0,2}?(?:cachets|comprimes|somniferes)\b(?! (?:par"
            r"|de la))"
            r"|\b(?:lettres?|messages?|mot) d adieu\b",
        ),
        (
            "3919",
            "frappe bat tape cogne gifle etrangle viole sequestre poursuit enferme "
            "brutalise main bleus coups peur cache echapper fuir rentrer tuer retrouver",
            rf"\b{_PARTNER}{_NEAR}(?:me |m a |m |nous )(?:\S+ )?(?:frappe\w*|bat|battue?|tape\w*"
            rf"|cogne\w*"
            r"|gifle\w*|etrangle\w*|viole\w*|sequestre\w*|poursuit avec|brutalise\w*|violente\w*"
            r"|enferme\w*)\b|\b(?:il|elle) (?:\S+ )?(?:cogne|frappe|tape) (?:sur )?(?:moi|encore"
            r"|fort)\b"
            rf"|\b{_PARTNER} (?:\S+ ){{0,4}}?(?:leve|levee?) la main\b|\bcouverte de bleus\b"
            rf"|\b(?:coups de|peur de|me cache de|echapper a|fuir) (?:mon|ma) {_PARTNER}\b"
            r"|\bveut pas rentrer a la maison il\b|\b(?:il|mari) (?:va |veut |a dit qu il (?:va "
            r"|allait ))"
            r"(?:me|nous) (?:tuer|frapper|retrouver)\b",
        ),
        (
            "gaz",
            "gaz gas pourri",
            r"\b(?:sent|sentait|pue|puait|empeste|odeur\w*|fuite|fuit|siffle|pschitt|ouvert)"
            r"(?: \S+){0,3}? (?:gaz|gas)\b(?! (?:est|de france))"
            r"|\b(?:gaz|gas)\b(?: \S+){0,2}? (?:qui )?(?:fuit|siffle|pue|s echappe|sent fort)\b"
            r"|\b(?:oeuf|oeufs) pourris?\b",
        ),
        (
            "15",
            "respir bouge repond reagit parle reveille ouvre connaissance eaux sang "
            "saigne javel produit lessive pile poison medicaments gonfl bleu poitrine "
            "bras coeur bouche paralyse malaise avc crise convuls electrocute etouffe",
            r"\b(?:ne|n|plus|pas|peine a|mal a|difficile de) (?:\S+ ){0,2}?(?:respire|respirer)\b"
            r"|\brespire (?:plus|mal|bizarre\w*|difficile\w*|presque)\b"
            r"|\b(?:tombee?|ecroulee?|effondree?|allongee?|par terre)\b(?: \S+){0,6}? (?:bouge"
            r"|repond|reagit"
            r"|parle) (?:plus|pas)\b|\b(?:reagit|reveille|ouvre) (?:plus|pas) (?:du tout|quand"
            r"|les yeux)\b"
            r"|\bperdu? (?:connaissance|les eaux|beaucoup de sang)\b|\b(?:crache|vomit|pisse"
            r"|perd) (?:du|le) sang"
            r"|\bsaigne (?:beaucoup|fort|de la|du|sans|partout|enormement)\b"
            r"|\b(?:bu|avale|mange|ingere) (?:\S+ ){0,3}?(?:javel|produit|lessive|pile|poison"
            r"|medicaments)\b"
            r"|\b(?:gorge|langue|visage|levres) (?:\S+ )?(?:gonfl\w+|bleu\w*)\b"
            r"|\b(?:mal|douleur|serre|etau)(?: \S+){0,3}? (?:poitrine|bras gauche|coeur)\b"
            r"|\bbouche (?:\S+ )?(?:de travers|tordue)\b|\b(?:bras|cote) (?:\S+ )?paralyse\w*"
            r"|\b(?:fait|en) (?:un|une) (?:malaise|avc|crise (?:cardiaque|d epilepsie))\b"
            r"|\bconvuls\w+|\b(?:s est|m suis) electrocute\w*|\bs etouffe\b",
        ),
        (
            "18",
            "fumee flammes brule crame feu ascenseur",
            r"\bfumee (?:noire|partout|dans|qui|sort)\b|\b(?:de la|des) (?:flammes|fumee)\b"
            r"|\b(?:ca|immeuble|appartement|cuisine|voiture|cave|poubelle|maison|prise|friteuse)"
            r" (?:qui )?(?:\S+ )?(?:brule|crame|en feu|prend feu|a pris feu)\b|\b(?:y a"
            r"|il y a) le feu\b"
            r"|\bodeur de brule\b|\b(?:bloque\w*|coince\w*) dans l ascenseur\b",
        ),
        (
            "17",
            "porte couteau flingue pistolet marteau suit suiv poursui menace",
            r"\b(?:forc\w+|defonc\w+|cass\w+|frapp\w+) (?:\S+ ){0,2}?(?:ma|notre|la) porte\b"
            r"(?: \S+){0,6}? (?:moment|maintenant|la|peur|seule?)\b"
            r"|\b(?:avec|sorti|a) un (?:couteau|flingue|pistolet|marteau)\b"
            r"|\b(?:me suit|m a suivie|me suivent|me poursui\w+) (?:depuis|dans|jusqu)\b"
            r"|\b(?:menace|menacent) (?:de )?(?:me|nous|le|la) (?:tuer|bruler|planter|egorger)\b",
        ),
    )
)
_EMPTY = frozenset(
    (
        *("un", "une", "l", "la", "le", "de", "d", "du", "m", "a", "ne"),
        *("son", "sa", "ses", "mon", "ma", "mes", "leur"),
    )
)
_LONG_AGO = re.compile(
    r"\b(?:il y a|l an dernier|l annee derniere|mois dernier|semaine derniere|en 20\d\d|en 19\d\d"
    r"|quand j etais|autrefois|en (?:janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre"
    r"|octobre|novembre|decembre))\b"
)
_NOT_NOW = re.compile(
    r"\b(?:pas|personne|jamais|suite|apres|cause|depuis|n est|avait|etait|etais|contre|assurance)$"
)


def with_a_human(found: Classification, number: str) -> Classification:
    """In danger a person of the house comes first; only what is clearly asked stays beside."""
    asked = tuple(
        need
        for need in found.needs
        if need.partner != _OWN_DESK and need.probability >= _CLEARLY_ASKED
    )
    person = Need(f"{_OWN_DESK}.autre", _OWN_DESK, 1.0, (), "danger")
    return found._replace(needs=(*asked, person), urgent=True, danger=number, vague=False)


def danger_number(matches: list[Match], forms: list[str]) -> str | None:
    """The number to call: that of the longest danger name said of now."""
    said = [
        match
        for match in matches
        if _is_tight_danger(match) and not _is_past_or_denied(match.first, match.last + 1, forms)
    ]
    if said:
        return max(said, key=lambda match: (len(match.at), match.weight)).entry.id
    return _said_apart(forms)


def is_said(matches: Iterable[Match]) -> bool:
    """Whether a danger's name stands in the text, be it denied or long past."""
    return any(map(_is_tight_danger, matches))


def _is_tight_danger(match: Match) -> bool:
    return match.kind == "danger" and match.tight


def _said_apart(forms: list[str]) -> str | None:
    signalled = set(chain.from_iterable(map(_signalled_by, forms)))
    if not signalled:
        return None
    spoken = " ".join(form[:_LONGEST_SPOKEN] for form in forms)
    for number, _, pattern in SAID_APART:
        if number in signalled and (found := pattern.search(spoken)):
            first = spoken.count(" ", 0, found.start())
            if not _is_past_or_denied(first, spoken.count(" ", 0, found.end()) + 1, forms):
                return number
    return None


@lru_cache(maxsize=16_384)
def _signalled_by(form: str) -> frozenset[str]:
    """The numbers of the dangers that a word is a sign of."""
    return frozenset(
        number for number, signs, _ in SAID_APART if any(sign in form for sign in signs)
    )


def _is_past_or_denied(first: int, after_last: int, forms: list[str]) -> bool:
    before = [form for form in forms[max(0, first - 4) : first] if form not in _EMPTY]
    after = " ".join(forms[after_last : after_last + 5])
    return bool(
        _NOT_NOW.search(" ".join(before[-2:])) or _LONG_AGO.search(after) or after.startswith("pas")
    )
