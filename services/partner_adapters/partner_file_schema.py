"""The JSON Schema of partner files, made from the models: one, with what each kind adds to it."""

from collections.abc import Mapping
from typing import Any

from services.partner_adapters.check_partner_file import Kind, ways_of
from services.partner_adapters.partner_file import PartnerFile

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def partner_file_schema(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """For editors and for whoever writes a file elsewhere; `partners check` checks more."""
    schema = PartnerFile.model_json_schema()
    schema |= {
        "$schema": _DIALECT,
        "title": "Aiguillage : fichier d’un partenaire",
        "allOf": [_of_kind(name, kind, schema["$defs"]) for name, kind in sorted(kinds.items())],
    }
    schema["properties"]["kind"] = {"enum": sorted(kinds)}
    schema["properties"]["settings"] = {"type": "object"}
    del schema["$defs"]["Table"]
    return schema


def _of_kind(name: str, kind: Kind, definitions: dict[str, Any]) -> dict[str, Any]:
    """`definitions` is filled with what the kind's own settings refer to."""
    settings = kind.settings.model_json_schema()
    definitions |= settings.pop("$defs", {})
    must: dict[str, Any] = {
        "properties": {
            "settings": settings,
            "credentials": {"properties": {"way": {"enum": ways_of(kind.credentials)}}},
            "status_return": {"properties": {"way": {"enum": ways_of(kind.returns)}}},
        }
    }
    if not kind.looks_up:
        must["properties"]["after_unknown"] = {"enum": ["resend", "uncertain"]}
    if not kind.takes_batches:
        must["properties"]["limits"] = {"properties": {"batch": {"const": 1}}}
    must["required"] = [
        *(["settings"] if settings.get("required") else []),
        *(["credentials"] if "none" not in ways_of(kind.credentials) else []),
    ]
    return {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": must}
