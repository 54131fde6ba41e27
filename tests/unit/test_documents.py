"""The documents are true of the code: links, variables, commands, examples."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from services.command_line import app
from services.intake.settings import Settings as IntakeSettings
from services.partner_adapters.callback_signature import read_keys, verify_signature
from services.partner_adapters.partner_environment import ADDRESS, SECRET
from services.partner_adapters.partner_file import PartnerFile
from services.partner_adapters.partner_http import LONGEST_ANSWER
from services.partner_adapters.portal_api import PortalPage, PortalStatus
from services.partner_adapters.read_partner_files import load_partner_files
from services.partner_adapters.registry import ADAPTERS
from services.partner_adapters.settings import Settings as PartnerAdaptersSettings
from services.partner_adapters.status_message import StatusBatch, StatusMessage
from services.partner_simulators.referral_form import (
    ALL_VISITOR_FIELDS,
    wrong_in_answer,
    wrong_in_referral,
    wrong_in_withdrawal,
)
from services.partner_simulators.settings import Settings as SimulatorSettings
from services.router.settings import Settings as RouterSettings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
    if not path.is_relative_to(ROOT / "docs" / "api")
)
TEXTS = {path: path.read_text("utf-8") for path in DOCUMENTS}
OPERATORS = TEXTS[ROOT / "docs" / "operators.md"]
PARTNERS_PAGES = sorted((ROOT / "docs" / "partners").glob("*.md"))

by_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.M)
    kept = (re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in kept}


def test_every_metric_is_documented() -> None:
    sources = [p for room in ("services", "shared") for p in (ROOT / room).rglob("*.py")]
    pattern = r'(?:Counter|Gauge|Histogram)\(\s*"(aiguillage_\w+)"'
    metrics = {name for p in sources for name in re.findall(pattern, p.read_text("utf-8"))}
    assert len(metrics) > 10
    assert {name for name in metrics if name not in OPERATORS} == set()


@by_document
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(TEXTS[path])):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        page = (path.parent / target).resolve() if target else path
        assert page.exists(), link
        if anchor:
            assert anchor in anchors(page.read_text("utf-8")), link


# --- variables


def settings_variables() -> set[str]:
    classes = (IntakeSettings, RouterSettings, PartnerAdaptersSettings, SimulatorSettings)
    return {f"AIGUILLAGE_{name.upper()}" for each in classes for name in each.model_fields}


def partner_variables() -> set[str]:
    partners: dict[str, PartnerFile] = load_partner_files(kinds=ADAPTERS)
    return {
        *(f"{ADDRESS}{partner_id.upper()}" for partner_id in partners),
        *(f"{SECRET}{name}" for partner in partners.values() for name in partner.secrets()),
    }


def literal_variables() -> set[str]:
    """Variables that the code or the tests name in full, outside this file."""
    code = (
        path
        for room in ("services", "shared", "tests")
        for path in (ROOT / room).rglob("*.py")
        if path != Path(__file__)
    )
    return {
        name
        for path in code
        for name in re.findall(r"AIGUILLAGE_[A-Z_]*[A-Z]", path.read_text("utf-8"))
    }


COMPOSE_ONLY = {"AIGUILLAGE_IMAGE"}


@by_document
def test_every_variable_named_exists(path: Path) -> None:
    known = settings_variables() | partner_variables() | literal_variables() | COMPOSE_ONLY
    named = set(re.findall(r"AIGUILLAGE_[A-Z_]*[A-Z](?![A-Z_<…])", TEXTS[path]))
    assert named - known == set()


def test_every_setting_is_told_to_operators() -> None:
    wanted = settings_variables() | {
        name for name in partner_variables() if not name.startswith(ADDRESS)
    }
    assert {name for name in wanted if f"`{name}`" not in OPERATORS} == set()


def test_defaults_are_as_the_operators_page_says() -> None:
    table = dict(re.findall(r"^\| `(AIGUILLAGE_\w+)` \| `?([^|`]+?)`? \|", OPERATORS, re.M))
    said_in_words = {"none", "all", "the partner file's"}
    checked = 0
    for settings in (IntakeSettings, RouterSettings, PartnerAdaptersSettings, SimulatorSettings):
        for name, field in settings.model_fields.items():
            said = table.get(f"AIGUILLAGE_{name.upper()}")
            if said is None or said in said_in_words:
                continue
            no_default = field.is_required() or field.default in (None, {})
            assert said == ("—" if no_default else str(field.default)), name
            checked += 1
    assert checked > 15


# --- commands


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))


def command_named(words: list[str]) -> bool:
    """Whether these words begin with a command of the table, down to its last subcommand."""
    command: Any = typer.main.get_command(app)
    for word in words:
        commands = getattr(command, "commands", None)
        if commands is None or word.startswith("-"):
            return True
        if word not in commands:
            return False
        command = commands[word]
    return True


def code_of(text: str) -> Iterator[str]:
    """Every line of a code block, every code span."""
    for block in re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL):
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@by_document
def test_every_make_target_named_exists(path: Path) -> None:
    named = {m for code in code_of(TEXTS[path]) for m in re.findall(r"\bmake ([a-z][a-z-]*)", code)}
    assert named - make_targets() == set()


@by_document
def test_every_command_named_exists(path: Path) -> None:
    for code in code_of(TEXTS[path]):
        for words in re.findall(r"(?:^|[\s/])aiguillage ((?:[a-z-]+ ?)+)", code.split("#")[0]):
            assert command_named(words.split()), code


@pytest.mark.parametrize("words", ["doktor", "partners bend", "dead-letters bury"])
def test_a_command_that_does_not_exist_is_noticed(words: str) -> None:
    assert not command_named(words.split())


# --- the examples that agencies copy


def json_examples(path: Path) -> Iterator[Any]:
    for block in re.findall(r"```json\n(.*?)```", TEXTS[path], re.DOTALL):
        yield json.loads(block)


def is_well_formed(example: Any) -> bool:
    """Whether an example is what it looks like; anything that looks like nothing of ours is."""
    fields = set(example)
    if "demarches" in fields:
        return wrong_in_referral(example, partner_id="caf", visitor_fields=ALL_VISITOR_FIELDS) == []
    if "answer_id" in fields:
        return wrong_in_answer(example) == []
    if "withdrawn_at" in fields:
        return wrong_in_withdrawal(example) == []
    if {"id", "referral_id", "status"} <= fields:
        return bool(StatusMessage.model_validate(example))
    if "statuses" in fields:
        return bool(StatusBatch.model_validate(example))
    if "referrals" in fields:
        return bool(PortalPage.model_validate(example, strict=False))
    if "status" in fields and fields <= {"status", "reason", "message"}:
        return bool(PortalStatus.model_validate(example))
    return fields <= {"reference", "status", "at"} or bool(fields & {"token_type", "token", "type"})


@pytest.mark.parametrize("path", PARTNERS_PAGES, ids=lambda path: path.name)
def test_examples_for_agencies_are_well_formed(path: Path) -> None:
    examples = list(json_examples(path))
    assert examples or re.search(r"```(xml|csv)", TEXTS[path])
    assert [example for example in examples if not is_well_formed(example)] == []


@pytest.mark.parametrize("page", ["rest.md", "webhook.md"])
def test_the_signature_shown_to_agencies_is_right(page: str) -> None:
    text = TEXTS[ROOT / "docs" / "partners" / page]
    shown = dict(re.findall(r"^(secret|body|webhook-\w+) +(\S.*)$", text, re.M))
    sent = datetime.fromtimestamp(int(shown["webhook-timestamp"]), UTC)
    verify_signature(shown["body"].encode(), shown, keys=read_keys(shown["secret"]), now=sent)


def test_words_shown_to_agencies_are_those_of_their_files() -> None:
    text = TEXTS[ROOT / "docs" / "partners" / "README.md"]
    order = ("acknowledged", "in_progress", "needs_information", "resolved", "refused")
    for partner_id, partner in load_partner_files(kinds=ADAPTERS).items():
        if partner.kind == "portal":
            continue
        ours = {status.value: word for word, status in partner.statuses.items()}
        row = " | ".join((partner_id, *(ours[status] for status in order)))
        assert f"| {row} |" in text, partner_id


def test_limits_shown_to_agencies_are_those_of_the_code() -> None:
    text = TEXTS[ROOT / "docs" / "partners" / "rest.md"]
    assert f"{LONGEST_ANSWER // 1024} kio" in text
    assert "10 secondes" in text
    files = load_partner_files(kinds=ADAPTERS).values()
    assert {f.limits.request_timeout_seconds for f in files if f.kind == "rest"} == {10}


# --- deploy


def test_the_image_is_built_with_tools_locked_for_development_too() -> None:
    def pins(path: Path) -> dict[str, str]:
        return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", path.read_text("utf-8"), re.M))

    tools, everything = pins(ROOT / "deploy" / "build.lock"), pins(ROOT / "requirements-dev.lock")
    assert tools.items() <= everything.items()
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]
    assert set(build["requires"]) <= set(tools)


def test_compose_says_where_the_other_doors_are_to_whom_they_matter() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))["services"]
    for name, settings in (
        ("intake", IntakeSettings),
        ("router", RouterSettings),
        ("partner_adapters", PartnerAdaptersSettings),
    ):
        doors = {"intake_url", "router_url", "partner_adapters_url"} & settings.model_fields.keys()
        told = services[name]["environment"].keys()
        assert told == {f"AIGUILLAGE_{door.upper()}" for door in doors}


def test_compose_publishes_the_doors_on_loopback_and_nothing_else() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    ports = {name: service.get("ports", []) for name, service in compose["services"].items()}
    assert {name for name, published in ports.items() if published} == {
        "intake",
        "router",
        "partner_adapters",
    }
    assert all(port.startswith("127.0.0.1:") for each in ports.values() for port in each)


def test_prometheus_scrapes_every_service() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    published = {name for name, service in compose["services"].items() if service.get("ports")}
    text = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text("utf-8")
    jobs = yaml.safe_load(text)["scrape_configs"]
    targets = [
        target for job in jobs for each in job["static_configs"] for target in each["targets"]
    ]
    assert {target.removesuffix(":8000") for target in targets} == published
