"""The house's rules that import-linter cannot see (ARCHITECTURE.md, "The rules of the house")."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("intake", "router", "partner_adapters")
CODE = sorted(path for room in ("services", "shared") for path in (ROOT / room).rglob("*.py"))
OURS = [path for path in CODE if "partner_simulators" not in path.parts]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def files_matching(pattern: str, paths: list[Path]) -> set[str]:
    return {name_of(path) for path in paths if re.search(pattern, path.read_text("utf-8"))}


def test_the_top_level_is_the_owner_s() -> None:
    rooms = {"services", "shared", "deploy", "tests", "pyproject.toml"}
    beside = {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Makefile", "docs", ".ci"}
    assert all((ROOT / name).exists() for name in rooms | beside)
    assert all((ROOT / "services" / service).is_dir() for service in SERVICES)


def test_no_file_is_named_after_nothing() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "common", "manager", "processor", "misc"}
    assert [name_of(path) for path in CODE if set(path.stem.split("_")) & empty_words] == []


def test_no_file_is_over_400_lines() -> None:
    long = {name_of(p): n for p in CODE if (n := p.read_text("utf-8").count("\n")) > 400}
    assert long == {}


def test_only_consume_subscribes() -> None:
    """The conformance kit reads one agency's replies, in no group, and handles nothing."""
    assert files_matching(r"\.subscriber\(|AIOKafkaConsumer", OURS) == {
        "shared/plumbing/kafka.py",
        "services/partner_adapters/conformance/reply_reader.py",
    }


def test_only_the_relay_publishes_events() -> None:
    """The others produce what is not an event of ours: an agency's queue, a replayed letter."""
    assert files_matching(r"AIOKafkaProducer\(", OURS) <= {
        "shared/plumbing/outbox_relay.py",
        "services/partner_adapters/queue_producer.py",
        "services/commands/replay_dead_letters.py",
    }


def test_only_the_database_and_its_migrations_begin_and_commit() -> None:
    pattern = r"connection\.transaction\(\)|\bCOMMIT;|\"BEGIN\"|asyncpg\.create_pool"
    assert files_matching(pattern, OURS) <= {
        "shared/plumbing/database.py",
        "shared/plumbing/migrations.py",
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_s_sql_names_only_its_own_schema(service: str) -> None:
    others = "|".join(other for other in SERVICES if other != service)
    pattern = rf"(?i)\b(from|into|update|join|table)\s+({others})\.\w"
    paths = [path for path in (ROOT / "services" / service).rglob("*") if path.is_file()]
    texts = [path for path in paths if path.suffix in {".py", ".sql"}]
    imports = r"(?m)^\s*from\s+"
    found = {
        name_of(path)
        for path in texts
        if re.search(pattern, re.sub(imports, "import ", path.read_text("utf-8")))
    }
    assert found == set()


def test_time_comes_from_the_clock() -> None:
    by_hand = r"datetime\.now\(|datetime\.utcnow\(|date\.today\("
    assert files_matching(by_hand, [p for p in OURS if "commands" not in p.parts]) <= {
        "shared/plumbing/clock.py"
    }
    sql = [*OURS, *(ROOT / "services").rglob("*.sql"), *(ROOT / "shared").rglob("*.sql")]
    found = files_matching(r"(?i)(?<![.\w])(now\(\)|current_timestamp|statement_timestamp)", sql)
    assert {name for name in found if _has_sql_now(ROOT / name)} == set()


def _has_sql_now(path: Path) -> bool:
    if path.suffix == ".sql":
        return True
    return any(
        re.search(r"(?i)(?<![.\w])now\(\)", node.value)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"(?i)\b(select|insert|update|delete)\b", node.value)
    )


def test_a_use_case_s_file_holds_one_function_of_its_name() -> None:
    for path in _use_cases():
        public = [
            node.name
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef)
            and (node.name == path.stem or _snake(node.name) == path.stem)
        ]
        assert public, f"{name_of(path)} does not say `{path.stem}`"


def test_use_cases_hold_no_sql_and_no_kafka() -> None:
    for path in _use_cases():
        text = path.read_text("utf-8")
        assert not re.search(r"\b(SELECT|INSERT INTO|UPDATE \w+\.|DELETE FROM)\b", text), path
        assert not re.search(r"^(from|import) (aiokafka|faststream|asyncpg)", text, re.M), path


def test_log_events_are_static_and_carry_no_personal_field() -> None:
    personal = {"text", "name", "visitor", "phone", "email", "postcode", "message", "token", "body"}
    for path in CODE:
        for call in _log_calls(path):
            assert call.args, name_of(path)
            event = call.args[0]
            assert isinstance(event, ast.Constant), f"{name_of(path)}:{call.lineno} is not static"
            assert re.fullmatch(r"[a-z][a-z0-9_]+", str(event.value)), event.value
            assert not {keyword.arg for keyword in call.keywords} & personal, (
                f"{name_of(path)}:{call.lineno}"
            )


def _log_calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"debug", "info", "warning", "error", "critical", "exception"}
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id in {"log", "_log", "logger"}
        ):
            yield node


_VERBS = {
    "submit",
    "store",
    "announce",
    "track",
    "withdraw",
    "answer",
    "ask",
    "record",
    "sign",
    "renew",
    "provision",
    "follow",
    "route",
    "hold",
    "issue",
    "return",
    "pass",
    "schedule",
    "deliver",
    "collect",
    "describe",
    "list",
    "pause",
    "resume",
    "decide",
    "reroute",
    "preview",
}


def _use_cases() -> list[Path]:
    return [
        path
        for service in SERVICES
        for path in sorted((ROOT / "services" / service).glob("*.py"))
        if path.stem.split("_")[0] in _VERBS
    ]


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
