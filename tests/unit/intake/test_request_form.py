"""A request's form: what it lets in, and which field it names when it does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.intake.directory import Directory
from services.intake.request_form import RequestForm
from services.intake.request_rules import list_forbidden_fields, list_wrong_fields
from shared.plumbing.access import Principal

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "text": "Je n'ai plus d'APL depuis mars",
    "channel": "kiosk",
    "site_id": "pimms-19",
    "consent": {"text_version": "2026-01", "given_by": "visitor", "scope": "concerned"},
}
DIRECTORY = Directory(
    stations_by_site={"pimms-19": frozenset({"borne-1"}), "mairie-3": frozenset()},
    partner_names={"caf": "CAF", "edf": "EDF"},
)


def read(**changes: Any) -> RequestForm:
    return RequestForm.model_validate(GOOD | changes)


def wrong_fields(**changes: Any) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        read(**changes)
    return {".".join(str(step) for step in error["loc"]) for error in caught.value.errors()}


def refused_fields(form: RequestForm, directory: Directory = DIRECTORY) -> set[str]:
    return {error.field for error in list_wrong_fields(form, directory=directory, now=NOW)}


def test_the_least_a_request_may_say() -> None:
    form = read()
    assert (form.tell_by, form.visitor.identifiers, form.agencies.added) == ("none", {}, ())
    assert refused_fields(form) == set()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"text": ""}, "text"),
        ({"text": " \n\t"}, "text"),
        ({"text": "a" * 5001}, "text"),
        ({"text": 12}, "text"),
        ({"text": None}, "text"),
        ({"language": "français"}, "language"),
        ({"channel": "fax"}, "channel"),
        ({"site_id": ""}, "site_id"),
        ({"taken_at": 1_700_000_000}, "taken_at"),
        ({"taken_at": "1700000000"}, "taken_at"),
        ({"taken_at": "2026-11-23T10:00:00"}, "taken_at"),
        ({"visitor": {"birth_date": 12}}, "visitor.birth_date"),
        ({"visitor": {"birth_date": "1899-12-31"}}, "visitor.birth_date"),
        ({"visitor": {"postcode": "7501"}}, "visitor.postcode"),
        ({"visitor": {"postcode": "٧٥٠١٩"}}, "visitor.postcode"),
        ({"visitor": {"phone": "rappelez-moi"}}, "visitor.phone"),
        ({"visitor": {"email": "a@b"}}, "visitor.email"),
        ({"visitor": {"given_name": "A" * 101}}, "visitor.given_name"),
        ({"visitor": {"identifiers": {"caf": ""}}}, "visitor.identifiers.caf"),
        ({"visitor": {"surname": "Martin"}}, "visitor.surname"),
        ({"visitor": []}, "visitor"),
        ({"consent": None}, "consent"),
        ({"consent": {"text_version": "1", "given_by": "visitor"}}, "consent.scope"),
        ({"agencies": {"added": "caf"}}, "agencies.added"),
        ({"tell_by": "pigeon"}, "tell_by"),
        ({"secret": 1}, "secret"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], field: str) -> None:
    assert wrong_fields(**changes) == {field}


def test_every_wrong_field_is_named_at_once() -> None:
    assert wrong_fields(text="", tell_by="x", visitor={"phone": "?"}) == {
        "text",
        "tell_by",
        "visitor.phone",
    }


@pytest.mark.parametrize("phone", ["06 12 34 56 78", "+33612345678", "01.23.45.67.89", "3646"])
def test_a_phone_number_may_be_written_as_people_do(phone: str) -> None:
    assert read(visitor={"phone": phone}).visitor.phone == phone


def test_a_bus_may_send_yesterday_s_request_but_not_last_month_s_nor_tomorrow_s() -> None:
    def taken(when: datetime) -> set[str]:
        return refused_fields(read(taken_at=when.isoformat()))

    assert taken(NOW - timedelta(days=1)) == set()
    assert taken(NOW + timedelta(minutes=4)) == set()
    assert taken(NOW + timedelta(minutes=6)) == {"taken_at"}
    assert taken(NOW - timedelta(days=31)) == {"taken_at"}


def test_nobody_is_born_or_consents_tomorrow() -> None:
    tomorrow = NOW + timedelta(days=1)
    consent = GOOD["consent"] | {"given_at": tomorrow.isoformat()}
    form = read(visitor={"birth_date": tomorrow.date().isoformat()}, consent=consent)
    assert refused_fields(form) == {"visitor.birth_date", "consent.given_at"}


def test_an_unknown_place_or_partner_is_named() -> None:
    assert refused_fields(read(site_id="nulle-part")) == {"site_id"}
    assert refused_fields(read(station_id="borne-9")) == {"station_id"}
    assert refused_fields(read(agencies={"added": ["caf", "cia"]})) == {"agencies.added"}
    assert refused_fields(read(visitor={"identifiers": {"cia": "007"}})) == {"visitor.identifiers"}


def test_while_no_partner_was_heard_of_any_well_formed_one_is_accepted() -> None:
    silent = Directory(stations_by_site=DIRECTORY.stations_by_site, partner_names={})
    assert refused_fields(read(agencies={"added": ["inconnu"]}), silent) == set()


@pytest.mark.parametrize(
    ("principal", "changes", "fields"),
    [
        (Principal("borne-1", ("kiosk",), "pimms-19"), {}, set()),
        (Principal("borne-1", ("kiosk",), "pimms-19"), {"station_id": "borne-1"}, set()),
        (Principal("borne-1", ("kiosk",), "pimms-19"), {"station_id": "borne-2"}, {"station_id"}),
        (Principal("borne-1", ("kiosk",), "pimms-19"), {"channel": "agent"}, {"channel"}),
        (Principal("borne-3", ("kiosk",), "mairie-3"), {}, {"site_id"}),
        (Principal("amina", ("agent",), "pimms-19"), {"channel": "agent"}, set()),
        (Principal("amina", ("agent",), "pimms-19"), {"channel": "bus"}, set()),
        (Principal("client", ("api",), "pimms-19"), {"channel": "bus"}, {"channel"}),
        (Principal("nobody", ("operations",), None), {}, {"site_id", "channel"}),
    ],
)
def test_nobody_speaks_for_another_place_channel_or_station(
    principal: Principal, changes: dict[str, Any], fields: set[str]
) -> None:
    forbidden = list_forbidden_fields(read(**changes), principal=principal)
    assert {error.field for error in forbidden} == fields
