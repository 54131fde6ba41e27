"""`sftp` against a real SSH server: what each behaviour of a partner means."""

import os
import socket
from dataclasses import replace
from uuid import uuid4

import asyncssh
import pytest

from services.partner_adapters.adapters.sftp import LONGEST_RETURNED, SftpAdapter
from services.partner_adapters.partner_adapter import (
    Delivery,
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerUnavailable,
)
from services.partner_adapters.partner_network import Reach
from services.partner_adapters.sftp.batch_file import name_of
from services.partner_adapters.sftp.connection import PartnerSftp
from services.partner_adapters.sftp.folders import Folders
from shared.plumbing.clock import SystemClock
from tests.integration.partner_adapters.sftp_agency import (
    OUR_KEY,
    THEIR_PUBLIC_KEY,
    Agency,
    adapter_to,
    referral,
    running_agency,
)
from tests.integration.partner_adapters.stub_partner import stub_partner

HEADER = b"referral_id;status;at;reason;message;reference\r\n"
AT = "2026-11-24T08:15:00Z"


@pytest.fixture
async def agency():
    async with running_agency() as agency:
        yield agency


def looked_up(delivery: Delivery) -> Delivery:
    """The same, as it is asked about."""
    return replace(delivery, batch_id=None, earlier_batch_id=delivery.batch_id)


def line(referral_id, word="EN_ENQUETE", *, at=AT, reason="", message="", reference=""):
    return f"{referral_id};{word};{at};{reason};{message};{reference}\r\n".encode()


# --- handing over


async def test_a_batch_is_one_file_with_its_manifest_under_its_own_name(agency: Agency):
    handed = [referral(agency.batch_id) for _ in range(3)]
    receipts = await agency.adapter.deliver(handed)
    assert len(receipts) == 3
    assert agency.names("depot") == agency.batch_names()
    agency.work()
    assert agency.names("depot") == []
    assert agency.names("depot/traites") == agency.batch_names()
    bodies = {
        entry["referral_id"]: entry["body"] for entry in agency.simulator.office.ledger.entries()
    }
    assert bodies == {str(each.referral_id): each.body for each in handed}


async def test_answers_and_withdrawals_go_the_same_way(agency: Agency):
    first = referral(agency.batch_id)
    await agency.adapter.deliver([first])
    agency.work()
    bodies = {
        "answer": {"text": "les voici", "answered_at": AT},
        "withdrawal": {"withdrawn_at": AT},
    }
    for what, body in bodies.items():
        batch_id, delivery_id = uuid4(), uuid4()
        about = {"answer_id": str(delivery_id)} if what == "answer" else {}
        delivery = replace(
            first, delivery_id=delivery_id, what=what, body={**about, **body}, batch_id=batch_id
        )
        await agency.adapter.deliver([delivery])
        agency.work()
    entries = [
        entry for entry in agency.simulator.office.ledger.entries() if entry["what"] != "referral"
    ]
    assert [entry["what"] for entry in entries] == ["answer", "withdrawal"]
    assert entries[0]["body"]["text"] == "les voici"


async def test_the_agency_takes_nothing_without_its_manifest(agency: Agency):
    await agency.adapter.deliver([referral(agency.batch_id)])
    _, manifest = agency.batch_names()
    kept = agency.folder(f"depot/{manifest}").read_bytes()
    agency.folder(f"depot/{manifest}").unlink()
    agency.work()
    agency.folder(f"depot/{manifest}").write_bytes(b"0" * 64)
    agency.work()
    assert agency.simulator.office.files == 0
    agency.folder(f"depot/{manifest}").write_bytes(kept)
    agency.work()
    assert agency.simulator.office.files == 1


FAULTS = {
    "down": (PartnerUnavailable, "connection_refused"),
    "slow": (PartnerUnavailable, "connect_timed_out"),
    "unauthorized": (PartnerNeedsAttention, "unauthorized"),
    "wrong_host_key": (PartnerNeedsAttention, "host_key_not_ours"),
    "permission_denied": (PartnerNeedsAttention, "permission_denied"),
    "disk_full": (PartnerUnavailable, "sftp_4"),
    "cut_before_accept": (OutcomeUnknown, "line_cut"),
    "cut_after_accept": (OutcomeUnknown, "line_cut"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_says_what_to_do_next_and_the_look_up_settles_the_rest(
    agency: Agency, fault: str
):
    failure, reason = FAULTS[fault]
    handed = referral(agency.batch_id)
    await agency.meets(fault, seconds=5)
    adapter = adapter_to(agency.address, timeout=0.6 if fault == "slow" else 5)
    with pytest.raises(failure) as raised:
        await adapter.deliver([handed])
    assert raised.value.reason == reason
    await agency.meets(None)
    found = await agency.adapter.look_up(looked_up(handed))
    assert (found is not None) == (fault == "cut_after_accept")
    assert agency.names("depot") == (agency.batch_names() if found else [])


@pytest.mark.parametrize("fault", ["permission_denied", "disk_full", "cut_before_accept"])
async def test_what_was_not_taken_is_handed_over_again_and_filed_once(agency: Agency, fault: str):
    handed = referral(agency.batch_id)
    await agency.meets(fault)
    with pytest.raises((PartnerUnavailable, PartnerNeedsAttention, OutcomeUnknown)):
        await agency.adapter.deliver([handed])
    agency.work()
    await agency.meets(None)
    assert await agency.adapter.look_up(looked_up(handed)) is None
    await agency.adapter.deliver([replace(handed, batch_id=uuid4())])
    agency.work()
    [entry] = agency.simulator.office.ledger.entries()
    assert entry["times"] == 1


async def test_a_batch_that_the_agency_has_taken_already_is_found(agency: Agency):
    handed = referral(agency.batch_id)
    await agency.meets("cut_after_accept")
    with pytest.raises(OutcomeUnknown):
        await agency.adapter.deliver([handed])
    await agency.meets(None)
    agency.work()
    assert await agency.adapter.look_up(looked_up(handed)) is not None
    other = replace(looked_up(handed), referral_id=uuid4())
    assert await agency.adapter.look_up(other) is None


async def test_a_batch_that_is_being_moved_is_there(agency: Agency):
    """The manifest has gone to the done folder, the file has not yet."""
    handed = referral(agency.batch_id)
    await agency.adapter.deliver([handed])
    _, manifest = agency.batch_names()
    agency.folder(f"depot/{manifest}").rename(agency.folder(f"depot/traites/{manifest}"))
    assert await agency.adapter.look_up(looked_up(handed)) is not None


async def test_without_a_done_folder_nothing_is_said_to_be_missing(agency: Agency):
    agency.folder("depot/traites").rmdir()
    with pytest.raises(PartnerNeedsAttention, match="folder_missing"):
        await agency.adapter.look_up(looked_up(referral(agency.batch_id)))


async def test_without_an_inbox_a_person_must_act(agency: Agency):
    agency.folder("depot").rename(agency.folder("ailleurs"))
    with pytest.raises(PartnerNeedsAttention, match="folder_missing"):
        await agency.adapter.deliver([referral(agency.batch_id)])


async def test_what_was_left_under_a_temporary_name_is_removed_ours_only(agency: Agency):
    never_named, without_manifest, moving = (name_of(uuid4()) for _ in range(3))
    for name in (f"{never_named}.part", f"{never_named}.sha256.part", without_manifest):
        agency.folder(f"depot/{name}").write_bytes(b"half")
    for name in ("note.part", "note.csv", moving, f"traites/{moving}.sha256"):
        agency.folder(f"depot/{name}").write_bytes(b"theirs")
    await agency.adapter.deliver([referral(agency.batch_id)])
    theirs = ["note.part", "note.csv", moving]
    assert agency.names("depot") == sorted([*agency.batch_names(), *theirs])


async def test_files_that_cannot_be_taken_back_leave_the_outcome_open(agency: Agency, monkeypatch):
    """The manifest may not be renamed, and nothing may be removed any more."""
    from services.partner_simulators import sftp_door

    rename = sftp_door._Folder.posix_rename

    def refuse_manifests(self, old, new):
        if new.endswith(b".sha256"):
            raise asyncssh.SFTPPermissionDenied("no")
        rename(self, old, new)

    def refuse(self, path):
        raise asyncssh.SFTPPermissionDenied("no")

    monkeypatch.setattr(sftp_door._Folder, "posix_rename", refuse_manifests)
    handed = referral(agency.batch_id)
    with pytest.raises(PartnerNeedsAttention, match="permission_denied"):
        await agency.adapter.deliver([handed])
    assert agency.names("depot") == []
    with monkeypatch.context() as worse:
        worse.setattr(sftp_door._Folder, "remove", refuse)
        with pytest.raises(OutcomeUnknown, match="not_taken_back"):
            await agency.adapter.deliver([handed])
    assert await agency.adapter.look_up(looked_up(handed)) is None
    assert agency.names("depot") == []


@pytest.mark.parametrize("address", ["sftp://10.0.0.1", "sftp://127.0.0.1:22"])
async def test_an_address_where_no_partner_may_be_is_never_called(address: str):
    sftp = PartnerSftp(
        address=address,
        username="aiguillage",
        private_key=OUR_KEY,
        host_keys=THEIR_PUBLIC_KEY,
        timeout=2,
        reach=Reach(),
    )
    adapter = SftpAdapter(sftp=sftp, folders=Folders(), clock=SystemClock())
    with pytest.raises(PartnerNeedsAttention, match="address_not_permitted"):
        await adapter.deliver([referral(uuid4())])


async def test_what_is_no_ssh_server_took_nothing():
    async with stub_partner() as stub:
        adapter = adapter_to(stub.address.replace("http", "sftp"), timeout=3)
        with pytest.raises(PartnerUnavailable):
            await adapter.deliver([referral(uuid4())])


async def test_a_server_that_says_nothing_is_given_up_in_time():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        adapter = adapter_to(f"sftp://127.0.0.1:{silent.getsockname()[1]}", timeout=0.3)
        with pytest.raises(PartnerUnavailable, match="connect_timed_out"):
            await adapter.deliver([referral(uuid4())])


async def test_while_the_agency_changes_its_host_key_both_are_trusted(agency: Agency):
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    adapter = adapter_to(agency.address, host_keys=f"{other}\n{THEIR_PUBLIC_KEY}\n")
    assert await adapter.deliver([referral(agency.batch_id)])
    with pytest.raises(PartnerNeedsAttention, match="host_key_not_ours"):
        await adapter_to(agency.address, host_keys=other).deliver([referral(agency.batch_id)])


@pytest.mark.parametrize("wrong", [{"private_key": "no key"}, {"host_keys": "no key"}])
def test_what_is_no_key_shows_when_the_service_starts(wrong):
    with pytest.raises(ValueError, match="not a key"):
        adapter_to("sftp://127.0.0.1", **wrong)


# --- acknowledgements and statuses


async def all_pages(adapter: SftpAdapter, cursor: str | None = None):
    """As the service asks: at once while there is more."""
    pages = []
    while True:
        page = await adapter.collect(cursor)
        if page.cursor is None:
            return pages
        cursor = page.cursor
        pages.append(page)


async def test_the_acknowledgement_says_the_agency_s_reference(agency: Agency):
    handed = referral(agency.batch_id)
    await agency.adapter.deliver([handed])
    agency.work()
    [page] = await all_pages(agency.adapter)
    [status] = page.statuses
    assert (status.referral_id, status.word) == (handed.referral_id, "PRISE_EN_COMPTE")
    [entry] = agency.simulator.office.ledger.entries()
    assert (status.partner_reference, status.message) == (entry["reference"], None)


async def test_a_line_that_was_refused_is_the_refusal_of_its_referral(agency: Agency):
    await agency.meets("refuse")
    handed = [referral(agency.batch_id), referral(agency.batch_id)]
    await agency.adapter.deliver(handed)
    agency.work()
    [page] = await all_pages(agency.adapter)
    assert [(each.word, each.reason_word) for each in page.statuses] == [
        ("IRRECEVABLE", "incomplet"),
        ("IRRECEVABLE", "incomplet"),
    ]
    assert {each.referral_id for each in page.statuses} == {each.referral_id for each in handed}


async def test_a_file_is_archived_only_once_it_is_recorded(agency: Agency):
    agency.returns("statuts-1.csv", HEADER + line(uuid4()))
    page = await agency.adapter.collect(None)
    assert len(page.statuses) == 1
    assert agency.names("retour/lus") == []
    # A crash before the commit: the cursor is the old one, the same comes again.
    again = await agency.adapter.collect(None)
    assert [each.status_id for each in again.statuses] == [each.status_id for each in page.statuses]
    last = await agency.adapter.collect(page.cursor)
    assert (list(last.statuses), last.cursor) == ([], None)
    assert agency.names("retour") == []
    assert agency.names("retour/lus") == ["statuts-1.csv", "statuts-1.csv.sha256"]


async def test_an_archiving_cut_in_the_middle_is_finished(agency: Agency):
    agency.returns("statuts-1.csv", HEADER + line(uuid4()))
    page = await agency.adapter.collect(None)
    agency.folder("retour/statuts-1.csv").rename(agency.folder("retour/lus/statuts-1.csv"))
    last = await agency.adapter.collect(page.cursor)
    assert last.cursor is None
    assert agency.names("retour") == []


async def test_without_an_archive_a_person_must_act_and_nothing_is_read_for_ever(agency: Agency):
    agency.returns("statuts-1.csv", HEADER + line(uuid4()))
    page = await agency.adapter.collect(None)
    agency.folder("retour/lus").rmdir()
    with pytest.raises(PartnerNeedsAttention, match="folder_missing"):
        await agency.adapter.collect(page.cursor)


@pytest.mark.parametrize("half", ["no manifest", "part name", "another sum", "half a manifest"])
async def test_a_half_file_is_left_for_later_and_holds_up_no_other(agency: Agency, half: str):
    content = HEADER + line(uuid4())
    name = "a.csv.part" if half == "part name" else "a.csv"
    agency.returns(name, content)
    manifest = agency.folder(f"retour/{name}.sha256")
    if half == "no manifest":
        manifest.unlink()
    elif half == "another sum":
        agency.folder("retour/a.csv").write_bytes(content[:-20])
    elif half == "half a manifest":
        manifest.write_bytes(manifest.read_bytes()[:30])
    agency.returns("b.csv", HEADER + line(uuid4()) + line(uuid4()))
    [page] = await all_pages(agency.adapter)
    assert len(page.statuses) == 2
    assert name in agency.names("retour")
    agency.returns("a.csv", content)
    [page] = await all_pages(agency.adapter)
    assert len(page.statuses) == 1


async def test_the_same_file_again_under_whatever_name_says_nothing_new(agency: Agency):
    content = HEADER + line(uuid4()) + line(uuid4(), message="Où ?")
    seen = []
    for name in ("a.csv", "a.csv", "b.csv"):
        agency.returns(name, content)
        [page] = await all_pages(agency.adapter)
        seen.append([each.status_id for each in page.statuses])
    assert seen[0] == seen[1] == seen[2]
    assert len(set(seen[0])) == 2


async def test_another_file_of_the_same_name_is_read_even_before_the_first_was_archived(
    agency: Agency,
):
    agency.returns("a.csv", HEADER + line(uuid4()))
    first = await agency.adapter.collect(None)
    agency.returns("a.csv", HEADER + line(uuid4(), "CLOTUREE"))
    second = await agency.adapter.collect(first.cursor)
    assert [each.word for each in second.statuses] == ["CLOTUREE"]


async def test_a_long_file_is_read_page_by_page_and_each_line_once(agency: Agency):
    referrals = [uuid4() for _ in range(1201)]
    agency.returns("a.csv", HEADER + b"".join(line(each) for each in referrals))
    pages = await all_pages(agency.adapter)
    assert [len(page.statuses) for page in pages] == [500, 500, 201]
    assert [each.referral_id for page in pages for each in page.statuses] == referrals


async def test_a_file_that_is_too_long_is_put_aside_for_a_person(agency: Agency):
    agency.returns("a.csv", HEADER + b"x" * (LONGEST_RETURNED + 11_000_000))
    agency.returns("b.csv", HEADER + line(uuid4()))
    pages = await all_pages(agency.adapter)
    assert [(len(page.statuses), len(page.unreadable)) for page in pages] == [(0, 1), (1, 0)]
    assert "too_long" in pages[0].unreadable[0]
    assert "a.csv" in agency.names("retour/lus")


async def test_names_that_lead_elsewhere_are_not_read(agency: Agency):
    for name in (".caché.csv", "a b.csv", "note.txt"):
        agency.returns(name, HEADER + line(uuid4()))
    agency.folder("retour").joinpath(os.fsdecode(b"re\xe7u.csv")).touch()
    agency.returns("b.csv", HEADER + line(uuid4()))
    assert len(await all_pages(agency.adapter)) == 1


async def test_a_cursor_of_another_kind_begins_at_the_beginning(agency: Agency):
    agency.returns("a.csv", HEADER + line(uuid4()))
    page = await agency.adapter.collect("3f2a.81")
    assert len(page.statuses) == 1


async def test_an_agency_that_is_down_is_asked_later(agency: Agency):
    await agency.meets("down")
    with pytest.raises(PartnerUnavailable):
        await agency.adapter.collect(None)
