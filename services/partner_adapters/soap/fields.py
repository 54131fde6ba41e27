"""A delivery as the elements of `dossiers.wsdl`. PURE."""

import re
from collections.abc import Mapping
from typing import Any

from services.partner_adapters.partner_adapter import Delivery, What

OPERATIONS: Mapping[What, str] = {
    "referral": "deposerDemande",
    "answer": "repondreDemande",
    "withdrawal": "retirerDemande",
}
_VISITOR = {
    "given_name": "prenom",
    "family_name": "nom",
    "birth_date": "dateNaissance",
    "postcode": "codePostal",
    "phone": "telephone",
    "email": "courriel",
}
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def fields_of(delivery: Delivery) -> dict[str, Any]:
    """The elements of its operation; those without a value are left out."""
    body = delivery.body
    fields: dict[str, Any] = {"orientation": str(delivery.referral_id)}
    if delivery.what == "answer":
        fields |= {
            "reponse": body["answer_id"],
            "texte": body["text"],
            "reponduLe": body["answered_at"],
        }
    elif delivery.what == "withdrawal":
        fields |= {"retireLe": body["withdrawn_at"]}
    else:
        fields |= _referral(body)
    permitted: dict[str, Any] = _writable(fields)
    return permitted


def _referral(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reference": body["case_reference"],
        "unite": body["unit"],
        "urgent": body["urgent"],
        "canal": body["channel"],
        "langue": body["language"],
        "recueillieLe": body["taken_at"],
        "emiseLe": body["issued_at"],
        "demarche": [
            {"identifiant": each["id"], "intitule": each["title"]} for each in body["demarches"]
        ],
        "texte": body["text"],
        "usager": _visitor(body["visitor"]),
    }


def _visitor(visitor: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: visitor[field] for field, name in _VISITOR.items() if field in visitor}
    [own] = visitor.get("identifiers", {}).values() or [None]  # theirs alone: see `handover.py`
    return {**named, "numero": own}


def _writable(value: Any) -> Any:
    """Without nulls, and with a sign in the place of what XML 1.0 cannot hold."""
    if isinstance(value, str):
        return _NOT_IN_XML.sub("\ufffd", value)
    if isinstance(value, list):
        return [_writable(each) for each in value]
    if isinstance(value, dict):
        return {name: _writable(each) for name, each in value.items() if each is not None}
    return value
