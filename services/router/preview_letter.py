"""What a letter that somebody was sent wants, and who can answer it: never stored or sent."""

from services.router.catalogue.entries import Catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.letter import CompiledLetters, LetterReading, read_letter
from services.router.classification.result import BodyFound, Classification, Need
from services.router.partners import Partners
from services.router.preview_request import Known, Preview, preview_of

_BODY = "body:"
_UNDERSTAND = "accompagnement.comprendre_courrier"
_REASON = "letter"
# Of the 39 letters of tests/unit/router/letters every sender that is named is right; nothing is
# sent without a person who confirms.
_CONFIDENCE = 0.9


def preview_letter(
    text: str,
    *,
    known: Known,
    catalogue: Catalogue,
    compiled: CompiledCatalogue,
    letters: CompiledLetters,
    partners: Partners,
) -> Preview:
    """Read the letter, and plan what answers it; an unknown sender is for the house's own desk."""
    letter = read_letter(text, letters=letters)
    reading = _as_needs(letter, catalogue=catalogue, model_version=compiled.model_version)
    return preview_of(
        reading, text=text, known=known, catalogue=catalogue, partners=partners, letter=letter
    )


def _as_needs(letter: LetterReading, *, catalogue: Catalogue, model_version: str) -> Classification:
    needs: tuple[Need, ...] = ()
    bodies: tuple[BodyFound, ...] = ()
    sender, answering = letter.sender, letter.demarche
    if sender is not None and sender.id.startswith(_BODY):
        body_id = sender.id.removeprefix(_BODY)
        bodies = (BodyFound(body_id, _CONFIDENCE, sender.spans, _REASON),)
    elif answering is not None:
        partner = catalogue.demarches[answering.demarche].partner
        needs = (Need(answering.demarche, partner, _CONFIDENCE, answering.spans, _REASON),)
    else:
        own = catalogue.demarches[_UNDERSTAND].partner
        needs = (Need(_UNDERSTAND, own, _CONFIDENCE, (), _REASON),)
    return Classification(
        needs=needs,
        bodies=bodies,
        urgent=any(catalogue.demarches[need.demarche].is_harm for need in needs),
        danger=None,
        confidence=_CONFIDENCE,
        vague=sender is None,
        model_version=model_version,
    )
