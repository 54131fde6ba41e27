import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.classification.result import Classification, Need
from services.router.places.place import FOLDER, NOWHERE, department_name, place_of
from services.router.places.unit import ccas_name, unit_at
from services.router.routing_rules import Consent, HumanChoices, plan_referrals

MAIRIE_FILE = (
    Path(__file__).parents[4] / "services" / "partner_adapters" / "partners" / "mairie.toml"
)


@pytest.mark.parametrize(
    ("postcode", "insee", "department"),
    [
        ("75019", ["75119"], "75"),
        ("75116", ["75116"], "75"),
        ("69003", ["69383"], "69"),
        ("13001", ["13201"], "13"),
        ("20000", ["2A004"], "2A"),
        ("97400", ["97411"], "974"),
        ("75755", [], "75"),  # a CEDEX
        ("20999", [], None),  # Corsica, of which no commune is known
        ("99999", [], None),
        ("00000", [], None),
        ("7501", [], None),
        ("٧٥٠١٩", [], None),
    ],
)
def test_a_postcode_says_its_communes_and_its_departement(
    postcode: str, insee: list[str], department: str | None
) -> None:
    place = place_of(postcode=postcode)
    assert ([one.insee for one in place.communes], place.department) == (insee, department)


def test_a_postcode_of_several_communes_means_none_of_them_alone() -> None:
    place = place_of(postcode="01400")
    assert len(place.communes) == 10
    assert (place.commune, place.department) == (None, "01")


def test_a_postcode_in_two_departements_says_neither() -> None:
    place = place_of(postcode="01410")
    assert {one.department for one in place.communes} == {"01", "39"}
    assert place.department is None
    assert unit_at("caf", place) is None


def test_an_insee_code_is_surer_than_the_postcode() -> None:
    assert place_of(insee="93048", postcode="75019").communes[0].name == "Montreuil"
    assert place_of(insee="unknown", postcode="75019").communes[0].insee == "75119"
    assert place_of(insee="75056").communes[0].name == "Paris"
    assert place_of() == NOWHERE


@given(st.text(max_size=8), st.text(max_size=8))
def test_any_text_is_a_place_or_nowhere(postcode: str, insee: str) -> None:
    place = place_of(postcode=postcode, insee=insee)
    assert place.commune is None or place.commune in place.communes


@pytest.mark.parametrize(
    ("partner", "code", "unit", "name"),
    [
        ("mairie", "75119", "75119", "Mairie du 19e arrondissement de Paris"),
        ("mairie", "69381", "69381", "Mairie du 1er arrondissement de Lyon"),
        ("mairie", "93001", "93001", "Mairie d'Aubervilliers"),
        ("mairie", "76351", "76351", "Mairie du Havre"),
        ("mairie", "93045", "93045", "Mairie des Lilas"),
        ("caf", "93048", "93", "CAF : Seine-Saint-Denis (93)"),
        ("caf", "2A004", "2A", "CAF : Corse-du-Sud (2A)"),
        ("cpam", "97411", "974", "CGSS : La Réunion (974)"),
        ("cpam", "97608", "976", "CSSM : Mayotte (976)"),
        ("caf", "97701", "971", "CAF : Guadeloupe (971)"),
    ],
)
def test_a_unit_has_the_code_of_its_place_and_a_name(
    partner: str, code: str, unit: str, name: str
) -> None:
    found = unit_at(partner, place_of(insee=code))
    assert found is not None
    assert (found.id, found.name) == (unit, name)


@pytest.mark.parametrize("code", ["98818", "97502"])
def test_places_with_funds_of_their_own_have_no_caf_or_cpam(code: str) -> None:
    assert unit_at("caf", place_of(insee=code)) is None
    assert unit_at("cpam", place_of(insee=code)) is None


def test_a_partner_without_units_has_none() -> None:
    assert unit_at("casvp", place_of(postcode="75019")) is None
    assert unit_at("edf", place_of(postcode="75019")) is None


def test_our_units_are_those_the_partner_directory_knows() -> None:
    """Read as data: the services never import one another."""
    listed = tomllib.loads(MAIRIE_FILE.read_text(encoding="utf-8"))["units"]
    for unit in listed:
        for postcode in unit["postcodes"]:
            found = unit_at("mairie", place_of(postcode=postcode))
            assert found is not None
            assert (found.id, found.name) == (unit["unit_id"], unit["name"])


def test_the_ccas_is_named_after_its_commune() -> None:
    assert ccas_name(place_of(insee="93048")) == "CCAS de Montreuil"
    assert ccas_name(place_of(postcode="69003")) == "CCAS de Lyon"
    assert ccas_name(place_of(postcode="01400")) is None
    fsl = Need("casvp.fsl", "casvp", 0.9, ((0, 3),), "names")
    plan = plan_referrals(
        Classification((fsl,), (), False, None, 0.9, False, "test"),
        consent=Consent("concerned"),
        choices=HumanChoices(),
        postcode="93100",
        known_partners=frozenset(("casvp",)),
    )
    assert [(body.id, body.name) for body in plan.bodies] == [("ccas", "CCAS de Montreuil")]


def test_the_packaged_table_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.tsv*")) < 400_000
    assert department_name("93") == "Seine-Saint-Denis"
