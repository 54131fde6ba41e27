"""This service's HTTP door: what agencies call back, beside the portal and operations."""

from typing import Any

from fastapi import FastAPI, Request
from prometheus_client import Counter
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.responses import Response

from services.partner_adapters.callback_signature import (
    BadSignature,
    read_keys,
    verify_signature,
)
from services.partner_adapters.deliveries_api import add_delivery_routes
from services.partner_adapters.door_parts import DoorParts, Parts
from services.partner_adapters.partner_file import ByCallback
from services.partner_adapters.partners_api import add_partner_routes
from services.partner_adapters.portal_api import add_portal_routes
from services.partner_adapters.status_message import (
    MOST_STATUSES,
    StatusBatch,
    StatusMessage,
)
from services.partner_adapters.status_store import Said
from shared.plumbing.http_door import FieldError, Problem, public
from shared.plumbing.observability import log
from shared.plumbing.validation_messages import field_errors

_REFUSED = Counter(
    "aiguillage_callbacks_refused_total", "Callbacks not believed", ["partner", "because"]
)


def add_routes(app: FastAPI) -> None:
    """Add this service's own routes to its door."""
    add_partner_routes(app)
    add_delivery_routes(app)
    add_portal_routes(app)

    @app.post(
        "/partners/{partner_id}/status",
        status_code=204,
        dependencies=[public()],
        summary="What an agency says of referrals, signed as Standard Webhooks",
        openapi_extra={"requestBody": {"required": True, "content": _documented_body()}},
    )
    async def receive_status(partner_id: str, request: Request, parts: Parts) -> Response:
        body = await request.body()
        _verify(partner_id, body, request, parts)
        said = [Said(partner_id=partner_id, status=message.as_status()) for message in _read(body)]
        recorded = await parts.callbacks.submit(said)
        foreign = [
            FieldError(field=f"statuses.{index}.referral_id", message="Ce dossier est inconnu.")
            for index, each in enumerate(recorded)
            if each == "foreign"
        ]
        if foreign:
            _REFUSED.labels(partner_id, "foreign_referral").inc(len(foreign))
            # The others are recorded: saying them again would do no harm, nor is it needed.
            raise Problem(404, errors=foreign)
        return Response(status_code=204)


def _documented_body() -> dict[str, Any]:
    """The body is read by hand, after its signature: FastAPI cannot know its schema."""
    one = StatusMessage.model_json_schema()
    many = {
        "type": "object",
        "required": ["statuses"],
        "properties": {
            "statuses": {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_STATUSES}
        },
    }
    return {"application/json": {"schema": {"oneOf": [one, many]}}}


def _verify(partner_id: str, body: bytes, request: Request, parts: DoorParts) -> None:
    partner = parts.partners.get(partner_id)
    if partner is None or not isinstance(partner.file.status_return, ByCallback):
        raise Problem(404)
    keys = read_keys(partner.secret(partner.file.status_return.secret))
    try:
        verify_signature(body, request.headers, keys=keys, now=parts.clock.now())
    except BadSignature as error:
        log.warning("callback_refused", partner_id=partner_id, reason=str(error))
        _REFUSED.labels(partner_id, str(error)).inc()
        raise Problem(401, code=f"callback-{str(error).replace('_', '-')}") from None


def _read(body: bytes) -> list[StatusMessage]:
    """One status, or up to 100 of them; raises `Problem` naming every wrong field."""
    try:
        content = from_json(body)
    except ValueError:
        raise Problem(400, code="not-json") from None
    try:
        if isinstance(content, dict) and "statuses" in content:
            return StatusBatch.model_validate(content).statuses
        return [StatusMessage.model_validate(content)]
    except ValidationError as error:
        raise Problem(422, errors=field_errors(error.errors())) from None
