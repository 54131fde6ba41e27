"""The published JSON Schema of partner files takes what we take, and refuses what it can."""

import tomllib
from importlib import resources

import jsonschema_rs
import pytest

from services.partner_adapters.partner_file_schema import partner_file_schema
from services.partner_adapters.read_partner_files import PartnerFileError, parse_partner_file
from services.partner_adapters.registry import ADAPTERS
from services.partner_adapters.scaffold_partner import partner_file_text

PARTNERS = {
    file.name: file.read_text("utf-8")
    for file in (resources.files("services.partner_adapters") / "partners").iterdir()
}
SCHEMA = jsonschema_rs.validator_for(partner_file_schema(ADAPTERS))


@pytest.mark.parametrize("name", sorted(PARTNERS))
def test_every_partner_of_the_house_holds(name):
    assert [fault.message for fault in SCHEMA.iter_errors(tomllib.loads(PARTNERS[name]))] == []


@pytest.mark.parametrize("kind", sorted(ADAPTERS))
def test_every_kind_has_a_scaffold_that_holds_and_is_accepted_as_it_is(kind):
    text = partner_file_text("neuvieme", kind=kind, name='L’agence "du coin"')
    assert [fault.message for fault in SCHEMA.iter_errors(tomllib.loads(text))] == []
    partner = parse_partner_file(text, name="neuvieme.toml", kinds=ADAPTERS)
    assert (partner.kind, partner.name) == (kind, 'L’agence "du coin"')


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("caf.toml", 'kind = "rest"', 'kind = "telex"'),
        ("caf.toml", 'kind = "rest"', 'kind = "soap"'),
        ("caf.toml", 'after_unknown = "resend"', 'after_unknown = "hope"'),
        ("caf.toml", "concurrency = 16", "concurrency = 160"),
        ("caf.toml", "concurrency = 16", "batch = 16"),
        ("caf.toml", "concurrency = 16", "velocity = 16"),
        ("caf.toml", 'way = "callback"', 'way = "portal"'),
        ("caf.toml", '"acknowledged"', '"delivered"'),
        ("laposte.toml", 'inbox = "depot"', 'in_box = "depot"'),
        ("laposte.toml", "batch = 100", "batch = 1000"),
        ("sncf.toml", 'recipient = "orientations@sncf.invalid"', ""),
        ("engie.toml", 'after_unknown = "resend"', 'after_unknown = "look_up"'),
    ],
)
def test_what_the_schema_refuses_is_refused_by_check_too(name, old, new):
    text = PARTNERS[name].replace(old, new)
    assert text != PARTNERS[name]
    assert not SCHEMA.is_valid(tomllib.loads(text))
    with pytest.raises(PartnerFileError):
        parse_partner_file(text, name=name, kinds=ADAPTERS)
