"""The AsyncAPI 3.0 document of every topic and event, made from the contracts. Pure."""

from typing import Any

from shared.contracts.events import EVENTS
from shared.contracts.topics import Topic

_HEADERS = {
    "type": "object",
    "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject"],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid"},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string", "pattern": "^/aiguillage/"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string", "description": "The key of the message"},
        "content-type": {"const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context"},
    },
}


def describe_topics(topics: list[Topic], *, version: str) -> dict[str, Any]:
    """The whole document, ready to be written as JSON."""
    schemas: dict[str, Any] = {}
    messages = {event_type: _message(event_type, schemas) for event_type in EVENTS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Aiguillage: events between the services",
            "version": version,
            "description": (
                "CloudEvents 1.0 in Kafka binary mode. `sealed` is AES-256-GCM ciphertext. "
                "Topics whose channel lists no message carry an agency's own queue: their "
                "format is in docs/partners."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics},
        "operations": {
            name: operation for topic in topics for name, operation in _operations(topic).items()
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    kept: dict[str, Any] = {"cleanup.policy": ["compact"]}
    if topic.retention_ms is not None:
        kept = {"cleanup.policy": ["delete"], "retention.ms": topic.retention_ms}
    return {
        "address": topic.name,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic.carries},
        "bindings": {"kafka": {"partitions": topic.partitions, "topicConfiguration": kept}},
    }


def _operations(topic: Topic) -> dict[str, Any]:
    actions = [("send", "writes", who) for who in topic.written_by]
    actions += [("receive", "reads", who) for who in topic.read_by]
    return {
        f"{who} {verb} {topic.name}": {
            "action": action,
            "channel": {"$ref": f"#/channels/{topic.name}"},
        }
        for action, verb, who in actions
    }


def _message(event_type: str, schemas: dict[str, Any]) -> dict[str, Any]:
    model = EVENTS[event_type]
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema
    return {
        "name": event_type,
        "summary": (model.__doc__ or "").strip().split("\n")[0],
        "headers": _HEADERS,
        "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
    }
