"""The elements of an operation as the form that every agency's people check and keep."""

from typing import Any

from services.partner_simulators.soap_envelope import OURS, text_of

_VISITOR = {
    "prenom": "given_name",
    "nom": "family_name",
    "dateNaissance": "birth_date",
    "codePostal": "postcode",
    "telephone": "phone",
    "courriel": "email",
}


def referral_form(element: Any, *, partner_id: str) -> dict[str, Any]:
    """`deposerDemande`, valid by its schema, as a referral."""
    visitor = element.find(f"{OURS}usager")
    return {
        "referral_id": text_of(element, "orientation"),
        "case_reference": text_of(element, "reference"),
        "unit": text_of(element, "unite"),
        "urgent": text_of(element, "urgent") in {"true", "1"},
        "channel": text_of(element, "canal"),
        "language": text_of(element, "langue"),
        "taken_at": text_of(element, "recueillieLe"),
        "issued_at": text_of(element, "emiseLe"),
        "demarches": [
            {"id": text_of(each, "identifiant"), "title": text_of(each, "intitule")}
            for each in element.iterchildren(f"{OURS}demarche")
        ],
        "text": text_of(element, "texte"),
        "visitor": _visitor_form(visitor, partner_id=partner_id),
    }


def answer_form(element: Any) -> dict[str, Any]:
    """`repondreDemande` as a visitor's answer."""
    return {
        "answer_id": text_of(element, "reponse"),
        "text": text_of(element, "texte"),
        "answered_at": text_of(element, "reponduLe"),
    }


def withdrawal_form(element: Any) -> dict[str, Any]:
    """`retirerDemande` as a withdrawal."""
    return {"withdrawn_at": text_of(element, "retireLe")}


def _visitor_form(visitor: Any, *, partner_id: str) -> dict[str, Any]:
    said = {field: text_of(visitor, name) for name, field in _VISITOR.items()}
    form: dict[str, Any] = {field: value for field, value in said.items() if value is not None}
    if (own := text_of(visitor, "numero")) is not None:
        form["identifiers"] = {partner_id: own}
    return form
