"""Write the AsyncAPI and OpenAPI documents under docs/api; `make documents`.

The same functions serve the test that fails when the committed documents drift.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from shared.contracts.asyncapi import describe_topics
from shared.contracts.topics import all_topics

FOLDER = Path(__file__).parents[2] / "docs" / "api"
PARTNERS = Path(__file__).parents[2] / "services" / "partner_adapters" / "partners"


def documents() -> dict[str, str]:
    """Every generated document, by file name."""
    described: dict[str, Any] = {"asyncapi.json": _asyncapi()}
    return {
        name: json.dumps(document, ensure_ascii=False, indent=2) + "\n"
        for name, document in described.items()
    }


def _asyncapi() -> dict[str, Any]:
    from services.partner_adapters.partner_file import load_partners

    partners = load_partners(PARTNERS)
    topics = all_topics(
        partner_ids=[partner.id for partner in partners],
        queue_partner_ids=[p.id for p in partners if p.kind == "kafka_queue"],
    )
    return describe_topics(topics, version=version("aiguillage"))


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
