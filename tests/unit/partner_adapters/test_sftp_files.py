"""What is in the files that go either way by SFTP."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.partner_adapters.handover import answer_body, referral_body, withdrawal_body
from services.partner_adapters.partner_adapter import Delivery
from services.partner_adapters.sftp.batch_file import COLUMNS, ids_in, make_batch, name_of, sum_in
from services.partner_adapters.sftp.csv_form import (
    defused,
    lines_of,
    read_record,
    restored,
    write_csv,
)
from services.partner_adapters.sftp.returned_file import MOST_RECORDS, read_page
from services.partner_simulators.sftp_files import agrees, read_batch, returned_file
from shared.contracts.personal import RequestContent, Visitor, WrittenContent

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
REFERRAL = UUID("5f0d3c1e-7c55-5b8e-9a53-1f6f0e2f7a10")
FORMULAS = ["=1+1", "+33 6 00", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'", "'=1", "''", "l'eau"]
texts = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_begins_like_a_formula_and_each_can_be_read_as_it_was_meant(cell: str) -> None:
    written = defused(cell)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert restored(written) == cell


@given(texts)
def test_whoever_takes_one_apostrophe_away_has_what_was_meant(cell: str) -> None:
    written = defused(cell)
    assert written.removeprefix("'") == cell
    assert restored(written) == cell


@pytest.mark.parametrize("cell", ["-12 €", "+1", "'twas", "=A1"])
def test_an_agency_that_defuses_nothing_is_read_as_it_writes(cell: str) -> None:
    assert restored(cell) == cell


@given(st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1))
def test_any_text_comes_back_from_a_file_as_it_went_in(rows: list[list[str]]) -> None:
    content = write_csv(("a", "b"), [{"a": a, "b": b} for a, b in rows])
    lines, line, found = lines_of(content), 0, []
    while line < len(lines):
        cells, line = read_record(lines, line)
        found.append(cells)
    assert found == [["a", "b"], *rows]


def delivery(what: str = "referral", **body: object) -> Delivery:
    return Delivery(
        delivery_id=uuid4(),
        case_id=uuid4(),
        referral_id=REFERRAL,
        what=what,
        body=body,
        batch_id=uuid4(),
    )


def everything(**visitor: object) -> Delivery:
    """A referral with all that can be handed over, as `handover.py` makes it."""
    about = {
        "referral_id": REFERRAL,
        "reference": "K7M4-QX9T",
        "unit_id": "75",
        "urgent": True,
        "channel": "kiosk",
        "language": "fr",
        "taken_at": NOW,
        "issued_at": NOW,
        "demarches": [{"id": "x.a", "title": "Un ; deux"}, {"id": "x.b", "title": 'Un "autre"'}],
    }
    known = Visitor(
        given_name="Awa",
        family_name="Exemple",
        birth_date="1950-01-02",
        postcode="75019",
        phone="+33 6 00 00 00 00",
        email="awa@exemple.invalid",
        identifiers={"laposte": "6A123"},
    )
    body = referral_body(
        about,
        RequestContent(text="=HYPERLINK()\nDeux lignes ; et « des guillemets »", visitor=known),
        partner_id="laposte",
        permitted_fields=visitor.get("fields", Visitor.model_fields),
    )
    return replace(delivery(), body=body)


def test_a_referral_loses_nothing_on_its_way_through_a_file() -> None:
    handed = everything()
    batch = make_batch(uuid4(), [handed])
    [line] = read_batch(batch.content, partner_id="laposte")
    assert (line.what, line.id, line.referral_id) == ("referral", str(REFERRAL), str(REFERRAL))
    assert line.form == handed.body


def test_answers_and_withdrawals_are_lines_of_their_own() -> None:
    answer_id = uuid4()
    bodies = {
        "answer": answer_body(
            answer_id=answer_id, content=WrittenContent(text="les voici"), answered_at=NOW
        ),
        "withdrawal": withdrawal_body(withdrawn_at=NOW),
    }
    handed = [
        replace(delivery(what), body=body, delivery_id=answer_id) for what, body in bodies.items()
    ]
    lines = read_batch(make_batch(uuid4(), handed).content, partner_id="laposte")
    assert [(line.what, line.id, line.form) for line in lines] == [
        (what, str(answer_id), body) for what, body in bodies.items()
    ]


def test_what_may_not_leave_is_an_empty_cell() -> None:
    batch = make_batch(uuid4(), [everything(fields=["given_name"])])
    [row] = csv.DictReader(io.StringIO(batch.content.decode(), newline=""), delimiter=";")
    kept = {name for name in COLUMNS[13:] if row[name]}
    assert (tuple(row), kept) == (COLUMNS, {"given_name"})


def test_the_name_of_a_batch_says_nothing_of_anybody_and_is_always_the_same() -> None:
    batch_id = uuid4()
    first, again = (make_batch(batch_id, [everything()]) for _ in range(2))
    assert first == again
    assert first.name == name_of(batch_id) == f"aiguillage-{batch_id}.csv"
    assert first.manifest_name == f"{first.name}.sha256"


def test_the_manifest_is_of_this_very_content() -> None:
    batch = make_batch(uuid4(), [everything()])
    assert agrees(batch.manifest, batch.content)
    assert not agrees(batch.manifest, batch.content[:-1])
    assert batch.manifest == f"{sum_in(batch.manifest)}  {batch.name}\n".encode()


def test_the_ids_of_a_batch_are_found_again() -> None:
    handed = [everything(), delivery("answer", text="a\nb")]
    content = make_batch(uuid4(), handed).content
    assert ids_in(content) == {str(REFERRAL), str(handed[1].delivery_id)}


# --- what comes back

HEADER = "referral_id;status;at;reason;message;reference\r\n"
GOOD = f"{REFERRAL};EN_ENQUETE;2026-11-24T08:15:00Z;;;\r\n"


def test_a_line_is_a_status_in_the_agency_s_words() -> None:
    said = {
        "referral_id": str(REFERRAL),
        "status": "PRECISION",
        "at": "2026-11-24T08:15:00Z",
        "message": "=Où ?\nQuand ?",
        "reference": "LP-1",
    }
    [status] = read_page("a.csv", returned_file([said])).statuses
    assert (status.referral_id, status.word, status.reason_word) == (REFERRAL, "PRECISION", None)
    assert status.at == datetime(2026, 11, 24, 8, 15, tzinfo=UTC)
    assert (status.partner_reference, status.message) == ("LP-1", "=Où ?\nQuand ?")


def test_columns_may_come_in_any_order_and_others_are_ignored() -> None:
    text = f"agent;at;status;referral_id\n4;2026-11-24T08:15:00Z;CLOTUREE;{REFERRAL}\n"
    [status] = read_page("a.csv", text.encode("utf-8-sig")).statuses
    assert status.word == "CLOTUREE"


def test_the_same_line_is_the_same_status_whatever_stands_around_it() -> None:
    alone = read_page("a.csv", (HEADER + GOOD).encode()).statuses
    among = read_page("b.csv", (HEADER + GOOD.replace("EN_ENQUETE", "CLOTUREE") + GOOD).encode())
    assert alone[0].status_id == among.statuses[1].status_id
    assert among.statuses[0].status_id != among.statuses[1].status_id


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\xff\xfe{]garbage\r\n",
        b"not a uuid;EN_ENQUETE;2026-11-24T08:15:00Z;;;\r\n",
        f"{REFERRAL};EN_ENQUETE;hier;;;\r\n".encode(),
        f"{REFERRAL};;2026-11-24T08:15:00Z;;;\r\n".encode(),
        f"{REFERRAL};EN_ENQUETE\r\n".encode(),
        b'"an open quotation mark;x\r\n',
        b'a "torn" quotation;"x"y;\r\n',
        GOOD.strip().encode() + b";one cell more\r\n",
        f"{REFERRAL};EN_ENQUETE;2026-11-24T08:15:00Z;;a\x00b;\r\n".encode(),
        f"{REFERRAL};EN_ENQUETE;2026-11-24T08:15:00Z;;{'x' * 20_001};\r\n".encode(),
    ],
)
def test_a_line_that_makes_no_sense_is_kept_for_a_person_and_spoils_no_other(
    garbage: bytes,
) -> None:
    content = HEADER.encode() + GOOD.encode() + garbage + GOOD.encode() + b"\r\n" + GOOD.encode()
    page = read_page("a.csv", content)
    assert len(page.statuses) == 3
    [entry] = page.unreadable
    kept = json.loads(entry)
    assert (kept["file"], kept["line"]) == ("a.csv", 3)
    assert kept["text"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"<html></html>", GOOD.encode()])
def test_a_file_without_its_header_is_kept_for_a_person(content: bytes) -> None:
    page = read_page("a.csv", content)
    assert (len(page.statuses), len(page.unreadable), page.next_line) == (0, 1, None)


def test_a_page_ends_and_the_next_goes_on_after_it() -> None:
    lines = [GOOD.replace("08:15", f"{n // 60:02}:{n % 60:02}") for n in range(MOST_RECORDS + 1)]
    content = (HEADER + "".join(lines)).encode()
    first = read_page("a.csv", content)
    assert len(first.statuses) == MOST_RECORDS
    assert first.next_line is not None
    second = read_page("a.csv", content, start=first.next_line)
    assert (len(second.statuses), second.next_line) == (1, None)


def test_a_file_of_open_quotation_marks_is_not_read_over_and_over() -> None:
    content = (HEADER + '"open;\r\n' * 20_000).encode()
    page = read_page("a.csv", content)
    assert (len(page.unreadable), page.next_line) == (MOST_RECORDS, MOST_RECORDS + 1)
