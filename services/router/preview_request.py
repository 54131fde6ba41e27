"""What would go to whom, before anything is asked: read and planned, never stored or sent."""

from dataclasses import dataclass

from services.router.catalogue.entries import Catalogue
from services.router.catalogue_words import outside_bodies, title_of
from services.router.classification.classify import classify
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.partners import Partners
from services.router.routing_rules import Consent, HumanChoices, Plan, plan_referrals
from shared.contracts.events import OutsideBody


@dataclass(frozen=True, slots=True)
class Preview:
    plan: Plan
    confidence: float
    model_version: str
    titles: dict[str, str]
    """By démarche id."""
    bodies: tuple[OutsideBody, ...]


def preview_request(
    text: str,
    *,
    language: str | None,
    postcode: str | None,
    catalogue: Catalogue,
    compiled: CompiledCatalogue,
    partners: Partners,
) -> Preview:
    """Plan as if the visitor agreed to all agencies concerned; a person then confirms."""
    reading = classify(text, catalogue=compiled, language=language, postcode=postcode)
    plan = plan_referrals(
        reading,
        consent=Consent("concerned"),
        choices=HumanChoices(),
        postcode=postcode,
        known_partners=partners.served,
    )
    demarche_ids = (
        *(need.demarche_id for need in plan.needs),
        *(suggestion.demarche_id for suggestion in plan.suggestions),
    )
    return Preview(
        plan=plan,
        confidence=reading.confidence,
        model_version=reading.model_version,
        titles={id_: title_of(id_, catalogue=catalogue) for id_ in demarche_ids},
        bodies=outside_bodies(plan, catalogue=catalogue),
    )
