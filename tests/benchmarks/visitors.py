"""What made-up visitors ask for: two in three have one need, one in three has two."""

from typing import Any

ACCOUNT = "client-pimms"
SITE = "pimms-paris-19"

_ONE_NEED = (
    "Je voudrais faire une demande d'APL pour mon nouveau logement",
    "Ma carte Vitale ne marche plus à la pharmacie",
    "EDF m'a envoyé une facture d'électricité beaucoup trop élevée",
    "Mon colis La Poste n'est jamais arrivé",
    "Je voudrais me faire rembourser mon billet de train SNCF annulé",
    "Je demande une aide de la ville de Paris pour payer mon loyer, au CASVP",
    "Ma facture de gaz Engie a doublé, je veux contester",
    "Je voudrais refaire ma carte d'identité et mon passeport à la mairie",
)
_TWO_NEEDS = (
    "Je n'ai pas reçu mon APL ce mois-ci et je dois renouveler ma carte Vitale",
    "J'ai perdu ma carte Vitale et mon colis La Poste n'est jamais arrivé",
    "Ma facture EDF est trop chère et je conteste un trop-perçu de la CAF sur mon RSA",
    "Mon train SNCF a été annulé et ma facture de gaz Engie a doublé",
)


def request_of(number: int) -> dict[str, Any]:
    """The body of the visitor of this number, always the same."""
    turn = number // 3
    texts = _TWO_NEEDS if number % 3 == 2 else _ONE_NEED
    return {
        "text": texts[(turn + number) % len(texts)],
        "channel": "api",
        "site_id": SITE,
        "language": "fr",
        "visitor": {
            "given_name": "Camille",
            "family_name": f"Essai {number}",
            "postcode": "75019",
            "phone": "06 12 34 56 78",
        },
        "consent": {"text_version": "2026-01", "given_by": "visitor", "scope": "concerned"},
    }
