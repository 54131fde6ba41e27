"""The mail that hands a delivery over: French for people, the same body as JSON for programs. PURE.

The subject holds the case's reference alone: whoever sees a list of mails learns nothing.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.partner_adapters.mail.reply_text import REPLY_ABOVE
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.partner_file import PartnerFile
from shared.contracts.referral_status import ReferralStatus

_POLICY = SMTP.clone(max_line_length=500)
"""Shorter lines would have the library break a Message-ID in two, which nobody could match."""
_PARIS = ZoneInfo("Europe/Paris")
_FILES = {"referral": "orientation.json", "answer": "reponse.json", "withdrawal": "retrait.json"}
_SUBJECTS = {
    "referral": "Aiguillage {reference} : nouvelle demande",
    "answer": "Aiguillage : réponse à votre question",
    "withdrawal": "Aiguillage : demande retirée",
}
_VISITOR = {
    "given_name": "Prénom",
    "family_name": "Nom",
    "birth_date": "Date de naissance",
    "postcode": "Code postal",
    "phone": "Téléphone",
    "email": "Courriel",
    "identifiers": "Votre référence",
}
_MEANINGS = {
    ReferralStatus.ACKNOWLEDGED: "vous avez reçu la demande",
    ReferralStatus.IN_PROGRESS: "vous la traitez",
    ReferralStatus.NEEDS_INFORMATION: "vous avez une question, écrite sur les lignes suivantes",
    ReferralStatus.RESOLVED: "c’est réglé",
    ReferralStatus.REFUSED: "vous la refusez ; ajoutez le motif sur la même ligne",
}


def write_mail(
    delivery: Delivery,
    *,
    partner: PartnerFile,
    sender: str,
    reply_to: str,
    recipient: str,
    now: datetime,
) -> EmailMessage:
    """The mail of one delivery; its Message-ID is the same each time it is written."""
    body = {"referral_id": str(delivery.referral_id), **delivery.body}
    mail = EmailMessage(policy=_POLICY)
    own_part = f"{reply_to.partition('+')[2]}>"
    urgent = "URGENT - " if body.get("urgent") else ""
    mail["Subject"] = urgent + _SUBJECTS[delivery.what].format(reference=body.get("case_reference"))
    mail["From"] = f"Aiguillage <{sender}>"
    mail["Reply-To"] = reply_to
    mail["To"] = recipient
    mail["Date"] = format_datetime(now)
    first_id = f"<{delivery.referral_id}.{own_part}"
    if delivery.what == "referral":
        mail["Message-ID"] = first_id
    else:
        mail["Message-ID"] = f"<{delivery.delivery_id}.{own_part}"
        mail["In-Reply-To"] = mail["References"] = first_id
    # Asks the agency's machines for silence (RFC 3834); people still answer.
    mail["Auto-Submitted"] = "auto-generated"
    text = "\n".join((REPLY_ABOVE, "", *_text(delivery, body, partner=partner), ""))
    mail.set_content(text, cte="quoted-printable")
    mail.add_attachment(
        json.dumps(body, ensure_ascii=False).encode(),
        maintype="application",
        subtype="json",
        filename=_FILES[delivery.what],
    )
    return mail


def _text(delivery: Delivery, body: Mapping[str, Any], *, partner: PartnerFile) -> Iterator[str]:
    yield "Bonjour,"
    yield ""
    if delivery.what == "referral":
        yield from _referral(body)
        yield ""
        yield from _how_to_answer(partner)
    elif delivery.what == "answer":
        yield "Voici la réponse à la question que vous avez posée :"
        yield ""
        yield str(body.get("text", ""))
        yield ""
        yield "Vous pouvez répondre à ce message comme au premier."
    else:
        yield "La demande ci-dessous est retirée : la personne y renonce, ou elle est traitée"
        yield "ailleurs. Vous n’avez plus rien à faire."
    yield ""
    yield f"Référence de l’orientation : {delivery.referral_id}"
    yield "La pièce jointe contient les mêmes informations, pour un logiciel."


def _referral(body: Mapping[str, Any]) -> Iterator[str]:
    yield "Une personne accompagnée dans une maison de services a besoin de vous."
    yield ""
    yield f"Dossier : {body.get('case_reference', '')}"
    if body.get("urgent"):
        yield "Urgent : oui"
    for demarche in body.get("demarches", ()):
        yield f"Démarche : {demarche['title']}"
    if taken_at := body.get("taken_at"):
        local = datetime.fromisoformat(taken_at).astimezone(_PARIS)
        yield f"Demande du {local:%d/%m/%Y à %H:%M}"
    yield ""
    yield "CE QUE LA PERSONNE DEMANDE"
    yield str(body.get("text", ""))
    yield ""
    yield "LA PERSONNE"
    for name, value in body.get("visitor", {}).items():
        shown = ", ".join(value.values()) if isinstance(value, dict) else value
        yield f"{_VISITOR.get(name, name)} : {shown}"


def _how_to_answer(partner: PartnerFile) -> Iterator[str]:
    yield "POUR RÉPONDRE"
    yield "Répondez à ce message sans changer de destinataire. Écrivez sur la première ligne"
    yield "un seul de ces mots, et dessous ce que la personne doit lire :"
    yield ""
    for word, status in partner.statuses.items():
        yield f"    {word:<24} {_MEANINGS[status]}"
    yield ""
    yield f"Motifs de refus : {', '.join(partner.refusal_reasons)}."
    yield "Tout autre mot est lu par une personne."
