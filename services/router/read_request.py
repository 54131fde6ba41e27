"""Open a request's seal and read it: the router's CPU work, without I/O, fit for a thread."""

from dataclasses import dataclass

from services.router.classification.classify import classify
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.result import Classification
from shared.contracts.events import RequestSubmittedV1
from shared.contracts.personal import RequestContent
from shared.plumbing.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Reading:
    """What deciding needs of a request; nothing of the visitor but the place."""

    classification: Classification
    postcode: str | None


def read_request(
    request: RequestSubmittedV1, *, sealer: Sealer, compiled: CompiledCatalogue
) -> Reading:
    """Classify the visitor's words; raises `CannotOpen` when no key of the ring opens them."""
    content = sealer.open(request.sealed, RequestContent, bound_to=request.case_id)
    postcode = content.visitor.postcode
    return Reading(
        classification=classify(
            content.text,
            catalogue=compiled,
            language=request.language,
            postcode=postcode,
            channel=request.channel,
        ),
        postcode=postcode,
    )
