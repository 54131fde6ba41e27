"""La Poste's simulated SFTP server, by a plain SFTP client that follows docs/partners/sftp.md."""

import asyncio
import csv
import hashlib
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncssh
import pytest

from services.partner_simulators.settings import Settings
from tests.integration.partner_simulators.running import Agencies, eventually, simulated

Form = Callable[..., dict[str, Any]]

COLUMNS = [
    *("what", "id", "referral_id", "at", "case_reference", "unit", "urgent", "channel"),
    *("language", "taken_at", "demarche_ids", "demarches", "text", "given_name", "family_name"),
    *("birth_date", "postcode", "phone", "email", "identifier"),
]
ANSWERED = ("referral_id", "status", "at", "reason", "message", "reference")
OURS = asyncssh.generate_private_key("ssh-ed25519")
THEIRS = asyncssh.generate_private_key("ssh-ed25519")


def written(key: asyncssh.SSHKey) -> str:
    return key.export_private_key().decode()


@pytest.fixture
async def agencies() -> AsyncIterator[Agencies]:
    settings = Settings(
        simulator_partners=("laposte",),
        simulator_base_port=0,
        simulator_pace=0.01,
        simulator_outcome="resolved",
        simulator_laposte_private_key=written(THEIRS),
        secret_laposte_private_key=written(OURS),
    )
    async with simulated(settings) as running:
        yield running


@asynccontextmanager
async def signed_in(
    agencies: Agencies, *, username: str = "aiguillage", key: asyncssh.SSHKey = OURS
) -> AsyncIterator[asyncssh.SFTPClient]:
    async with (
        asyncssh.connect(
            "127.0.0.1",
            int(agencies.address("laposte").rsplit(":", 1)[1]),
            username=username,
            client_keys=[key],
            known_hosts=([THEIRS.convert_to_public()], [], []),
            config=None,
        ) as connection,
        connection.start_sftp_client() as client,
    ):
        yield client


async def put(client: asyncssh.SFTPClient, path: str, content: bytes) -> None:
    async with client.open(path, "wb") as file:
        await file.write(content)


async def hand_in(agencies: Agencies, *rows: dict[str, str], spoilt: bool = False) -> str:
    """A batch of these rows, as anybody could write it; returns its name."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    content, name = text.getvalue().encode(), f"{uuid4()}.csv"
    digest = hashlib.sha256(content + b"x" if spoilt else content).hexdigest()
    async with signed_in(agencies) as client:
        await put(client, f"depot/{name}.part", content)
        await client.posix_rename(f"depot/{name}.part", f"depot/{name}")
        await put(client, f"depot/{name}.sha256", f"{digest}  {name}\n".encode())
    return name


def row(form: dict[str, Any], **changed: str) -> dict[str, str]:
    return {
        "what": "referral",
        "id": form["referral_id"],
        "referral_id": form["referral_id"],
        "at": form["issued_at"],
        "urgent": "0",
        "demarche_ids": "x.demande",
        "demarches": "Une demande",
        **{name: form[name] for name in ("case_reference", "channel", "language", "taken_at")},
        "text": form["text"],
        **form["visitor"],
        **changed,
    }


async def answers(agencies: Agencies) -> list[dict[str, str]]:
    """The lines of every whole file in `retour`, by their names' order."""
    found: list[dict[str, str]] = []
    async with signed_in(agencies) as client:
        names = [str(each) for each in await client.listdir("retour")]
        for name in sorted(each for each in names if each.endswith(".csv")):
            async with client.open(f"retour/{name}", "rb") as file:
                content = await file.read()
            async with client.open(f"retour/{name}.sha256", "rb") as file:
                manifest = await file.read()
            if manifest.decode().split() == [hashlib.sha256(content).hexdigest(), name]:
                lines = content.decode("utf-8", "replace").split("\r\n")[1:]
                cells = [line.split(";") for line in lines if line]
                found += [dict(zip(ANSWERED, each, strict=False), file=name) for each in cells]
    return found


async def answers_once(agencies: Agencies, enough: Callable[[list[dict[str, str]]], bool]) -> Any:
    async with asyncio.timeout(30):
        while not enough(found := await answers(agencies)):
            await asyncio.sleep(0.05)
    return found


def is_over(found: list[dict[str, str]]) -> bool:
    return any(line.get("status") == "CLOTUREE" for line in found)


def office(agencies: Agencies) -> Any:
    return agencies.simulators["laposte"].office


async def test_a_batch_is_taken_acknowledged_and_its_files_move_on(
    agencies: Agencies, referral: Form
) -> None:
    form = referral()
    name = await hand_in(agencies, row(form))
    found = await answers_once(agencies, is_over)
    assert [line["status"] for line in found] == ["PRISE_EN_COMPTE", "EN_ENQUETE", "CLOTUREE"]
    assert (found[0]["file"], found[0]["reference"]) == (
        f"accuse-{name}",
        office(agencies).find_file(form["referral_id"]).reference,
    )
    async with signed_in(agencies) as client:
        assert await client.exists(f"depot/traites/{name}")
        assert await client.exists(f"depot/traites/{name}.sha256")
        assert not await client.exists(f"depot/{name}")
    [entry] = (await agencies.ledger("laposte"))["entries"]
    assert entry["body"] == form


async def test_what_its_manifest_does_not_cover_is_left_alone(
    agencies: Agencies, referral: Form
) -> None:
    await hand_in(agencies, row(referral()), spoilt=True)
    await hand_in(agencies, row(referral()))
    await eventually(lambda: office(agencies).files)
    assert office(agencies).files == 1


async def test_a_wrong_line_is_refused_in_the_acknowledgement_and_the_others_are_taken(
    agencies: Agencies, referral: Form
) -> None:
    wrong, right = referral(), referral()
    await hand_in(agencies, row(wrong, birth_date="1950-01-02"), row(right))
    found = await answers_once(agencies, is_over)
    assert [line["status"] for line in found[:2]] == ["IRRECEVABLE", "PRISE_EN_COMPTE"]
    assert found[0]["reason"] == "incomplet"
    assert "birth_date" in found[0]["message"]
    assert office(agencies).files == 1


async def test_a_referral_in_two_batches_is_filed_twice(agencies: Agencies, referral: Form) -> None:
    form = referral()
    for _ in range(2):
        await hand_in(agencies, row(form))
    await eventually(lambda: office(agencies).ledger.duplicates)
    assert office(agencies).ledger.duplicates == 1


async def test_a_question_is_asked_and_its_answer_moves_the_file_on(
    agencies: Agencies, referral: Form
) -> None:
    await agencies.order("behaviour", "laposte", outcome="needs_information")
    form = referral()
    await hand_in(agencies, row(form))
    asked = await answers_once(agencies, lambda found: len(found) >= 3)
    assert (asked[2]["status"], asked[2]["message"][-1]) == ("PRECISION", "?")
    about = {"referral_id": form["referral_id"], "at": "2026-11-23T11:00:00Z"}
    for _ in range(2):
        await hand_in(agencies, {"what": "answer", "id": "a-1", "text": "Le 6A1", **about})
    await answers_once(agencies, is_over)
    entries = (await agencies.ledger("laposte"))["entries"]
    [answer] = [entry for entry in entries if entry["what"] == "answer"]
    assert (answer["times"], answer["body"]["text"]) == (1, "Le 6A1")


@pytest.mark.parametrize("wrong", [{"username": "root"}, {"key": THEIRS}])
async def test_nobody_else_is_let_in(agencies: Agencies, wrong: dict[str, Any]) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        async with signed_in(agencies, **wrong):
            pass


async def test_nobody_gets_out_of_the_folder(agencies: Agencies) -> None:
    async with signed_in(agencies) as client:
        assert not await client.exists("/etc/passwd")
        assert not await client.exists("../../../../etc/passwd")
        assert await client.realpath("..") == "/"


@pytest.mark.parametrize("fault", ["garbage", "repeated_files", "truncated"])
async def test_files_can_come_in_every_wrong_way_and_nothing_is_missing_in_the_end(
    agencies: Agencies, referral: Form, fault: str
) -> None:
    assert await agencies.order("faults", "laposte", fault=fault) == 200
    await hand_in(agencies, row(referral()))
    found = await answers_once(agencies, is_over)
    words = [line.get("status") for line in found]
    assert {"PRISE_EN_COMPTE", "EN_ENQUETE", "CLOTUREE"} <= {*words}
    if fault == "repeated_files":
        assert words.count("CLOTUREE") == 2
    if fault == "garbage":
        assert len(words) > 3


async def test_a_counted_fault_meets_so_many_and_no_more(
    agencies: Agencies, referral: Form
) -> None:
    await agencies.order("faults", "laposte", fault="disk_full", count=1)
    with pytest.raises(asyncssh.SFTPFailure):
        await hand_in(agencies, row(referral()))
    await hand_in(agencies, row(referral()))
    await eventually(lambda: office(agencies).files)


async def test_http_faults_are_not_for_a_file_server(agencies: Agencies) -> None:
    assert await agencies.order("faults", "laposte", fault="500") == 422
