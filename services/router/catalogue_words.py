"""What people read of a catalogue entry: pure."""

from services.router.catalogue.entries import Body, Catalogue
from services.router.routing_rules import Plan
from shared.contracts.events import OutsideBody


def title_of(demarche_id: str, *, catalogue: Catalogue) -> str:
    """The title of a démarche; a partner without entries has only "another request"."""
    demarche = catalogue.demarches.get(demarche_id)
    return demarche.title if demarche is not None else "Autre demande"


def outside_bodies(plan: Plan, *, catalogue: Catalogue) -> tuple[OutsideBody, ...]:
    """The competent bodies outside the house, and how to reach them."""
    return tuple(outside_body(catalogue.bodies[named.id], name=named.name) for named in plan.bodies)


def outside_body(body: Body, *, name: str | None = None) -> OutsideBody:
    """A body of the catalogue as the visitor is told of it; `name`: the one of their place."""
    return OutsideBody(body_id=body.id, name=name or body.name, how_to_reach=body.how_to_reach)
