"""CloudEvents 1.0 in Kafka binary mode: attributes in headers, JSON in the value. Pure.

Source: CloudEvents 1.0 Kafka protocol binding, section 3.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import ValidationError

from shared.contracts.events import EVENTS, Event

CONTENT_TYPE = "application/json"


class MalformedEvent(Exception):
    """A message that is not one of our events; the text says why and quotes no content."""


@dataclass(frozen=True)
class CloudEvent:
    """One event with its envelope."""

    id: UUID
    source: str
    """The service that says it: `intake`, `router` or `partner_adapters`."""
    time: datetime
    data: Event
    trace: Mapping[str, str] = field(default_factory=dict)
    """W3C trace context: `traceparent`, and `tracestate` when there is one."""


def to_headers(event: CloudEvent) -> dict[str, str]:
    """The Kafka headers of an event."""
    return {
        "ce_specversion": "1.0",
        "ce_id": str(event.id),
        "ce_type": event.data.TYPE,
        "ce_source": f"/aiguillage/{event.source}",
        "ce_time": event.time.isoformat(),
        "ce_subject": event.data.subject,
        "content-type": CONTENT_TYPE,
        **event.trace,
    }


def from_message(headers: Mapping[str, str], value: bytes) -> CloudEvent:
    """Read one message; raises `MalformedEvent` naming the header or field at fault."""
    if headers.get("ce_specversion") != "1.0":
        raise MalformedEvent("header ce_specversion is missing or is not 1.0")
    event_type = headers.get("ce_type", "")
    model = EVENTS.get(event_type)
    if model is None:
        raise MalformedEvent(f"unknown event type or version {event_type[:80]!r}")
    try:
        event_id = UUID(headers.get("ce_id", ""))
        time = datetime.fromisoformat(headers.get("ce_time", ""))
    except ValueError as error:
        raise MalformedEvent("header ce_id is no UUID or ce_time is no date") from error
    if time.tzinfo is None:
        raise MalformedEvent("header ce_time has no time zone")
    try:
        data = model.model_validate_json(value)
    except ValidationError as error:
        raise MalformedEvent(f"{event_type} does not parse: {name_faults(error)}") from error
    if headers.get("ce_subject") != data.subject:
        raise MalformedEvent("header ce_subject is not the subject of the data")
    trace = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    source = headers.get("ce_source", "").removeprefix("/aiguillage/")
    return CloudEvent(id=event_id, source=source, time=time, data=data, trace=trace)


def name_faults(error: ValidationError) -> str:
    """The fields at fault and the kind of each fault, without their content."""
    return ", ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['type']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )
