"""Write docs/api anew: AsyncAPI, OpenAPI, and the JSON Schema of partner files: `make documents`.

The same function serves the test that fails when the committed documents drift.
"""

import importlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

from services.commands.demonstration_secrets import DemonstrationSecrets
from services.partner_adapters.partner_environment import SECRET
from services.partner_adapters.partner_file_schema import partner_file_schema
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from shared.contracts.asyncapi import describe_topics
from shared.contracts.topics import all_topics

FOLDER = Path(__file__).parents[2] / "docs" / "api"
SERVICES = ("intake", "router", "partner_adapters")


def documents() -> dict[str, str]:
    """Every generated document, by file name."""
    described = {
        "asyncapi.json": _asyncapi(),
        "partner-file.schema.json": partner_file_schema(ADAPTERS),
        **{f"openapi-{service.replace('_', '-')}.json": _openapi(service) for service in SERVICES},
    }
    return {
        name: json.dumps(document, ensure_ascii=False, indent=1) + "\n"
        for name, document in described.items()
    }


def _asyncapi() -> dict[str, Any]:
    partners = load_partner_files(kinds=ADAPTERS)
    topics = all_topics(
        partner_ids=sorted(partners),
        queue_partner_ids=sorted(p for p, file in partners.items() if file.kind == "kafka_queue"),
    )
    return describe_topics(topics, version=version("aiguillage"))


def _openapi(service: str) -> dict[str, Any]:
    main = importlib.import_module(f"services.{service}.main")
    settings = importlib.import_module(f"services.{service}.settings")
    with patch.dict(os.environ, _environment()):
        app = main.build_app(settings.Settings.from_environment())
    document: dict[str, Any] = app.openapi()
    return document


def _environment() -> dict[str, str]:
    """The least a service needs to be built; nothing is connected to, and nothing is secret."""
    secrets = DemonstrationSecrets.generate()
    return {
        "AIGUILLAGE_DATABASE_URL": "postgresql:///none",
        "AIGUILLAGE_KAFKA": "127.0.0.1:1",
        "AIGUILLAGE_KEY_RING": secrets.key_ring,
        "AIGUILLAGE_SESSION_PRIVATE_KEY": secrets.session_private_key,
        "AIGUILLAGE_SESSION_PUBLIC_KEY": secrets.session_public_key,
        **{f"{SECRET}{name}": value for name, value in secrets.partner_secrets.items()},
    }


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
