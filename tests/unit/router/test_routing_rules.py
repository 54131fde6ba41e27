import pytest

from services.router.classification.result import BodyFound, Classification, Need
from services.router.routing_rules import (
    Consent,
    HumanChoices,
    Plan,
    agencies_of,
    plan_referrals,
    unit_of,
)

KNOWN = frozenset(
    ("caf", "cpam", "edf", "engie", "laposte", "sncf", "casvp", "mairie", "accompagnement")
)
APL = Need("caf.apl_demande", "caf", 0.9, ((0, 3),), "names")
VITALE = Need("cpam.carte_vitale", "cpam", 0.85, ((10, 22),), "names")
FSL = Need("casvp.fsl", "casvp", 0.9, ((0, 3),), "names")
TAXES = BodyFound("dgfip", 0.9, ((5, 11),), "names")
TWO = Classification((APL, VITALE), (), False, None, 0.85, False, "test")
NOBODY = HumanChoices()


def plan(
    classification: Classification,
    *,
    scope: str = "concerned",
    choices: HumanChoices = NOBODY,
    postcode: str | None = None,
    known: frozenset[str] = KNOWN,
    excluded: frozenset[str] = frozenset(),
) -> Plan:
    return plan_referrals(
        classification,
        consent=Consent(scope),  # type: ignore[arg-type]
        choices=choices,
        postcode=postcode,
        known_partners=known,
        excluded=excluded,
    )


def sent(made: Plan) -> list[str]:
    return [referral.partner_id for referral in made.referrals]


def test_two_needs_make_two_independent_referrals() -> None:
    made = plan(TWO)
    assert made.decision == "route"
    assert [(r.partner_id, r.need_indexes) for r in made.referrals] == [
        ("caf", (0,)),
        ("cpam", (1,)),
    ]
    assert [need.spans for need in made.needs] == [((0, 3),), ((10, 22),)]


def test_two_needs_of_one_partner_share_one_referral() -> None:
    both = TWO._replace(needs=(APL, APL._replace(demarche="caf.rsa"), VITALE))
    assert [r.need_indexes for r in plan(both).referrals] == [(0, 1), (2,)]


def test_nothing_is_sent_beyond_the_confirmed_agencies() -> None:
    made = plan(TWO, scope="confirmed", choices=HumanChoices(confirmed=("caf",)))
    assert sent(made) == ["caf"]
    assert [(s.partner_id, s.reason) for s in made.suggestions] == [("cpam", "beyond_consent")]


def test_a_confirmed_scope_with_nothing_confirmed_sends_nothing() -> None:
    made = plan(TWO, scope="confirmed")
    assert (made.decision, made.reason, made.referrals) == ("triage", "nothing_confirmed", ())
    assert agencies_of(made) == ["caf", "cpam"]


def test_an_added_agency_without_a_matching_need_gets_its_other_demarche() -> None:
    made = plan(TWO, choices=HumanChoices(added=("edf",)))
    assert sent(made) == ["edf", "caf", "cpam"]
    assert [n.demarche_id for n in made.needs if n.partner_id == "edf"] == ["edf.autre"]
    assert made.referrals[0].reason == "added_by_person"


def test_a_removed_agency_is_never_sent_nor_suggested() -> None:
    for scope in ("concerned", "confirmed"):
        choices = HumanChoices(confirmed=("caf", "cpam"), removed=("cpam",))
        made = plan(TWO, scope=scope, choices=choices)
        assert sent(made) == ["caf"]
        assert made.suggestions == ()


def test_a_person_who_confirmed_wins_over_a_machine_that_doubts() -> None:
    doubtful = TWO._replace(routing_cost=1.5)
    made = plan(doubtful, choices=HumanChoices(confirmed=("caf",)))
    assert (made.decision, sent(made)) == ("route", ["caf"])
    assert [(s.partner_id, s.reason) for s in made.suggestions] == [("cpam", "not_sure")]


def test_a_partner_that_refused_is_not_proposed_again_even_when_confirmed_before() -> None:
    made = plan(TWO, choices=HumanChoices(confirmed=("caf", "cpam")), excluded=frozenset(("caf",)))
    assert sent(made) == ["cpam"]


@pytest.mark.parametrize("number", ["15", "17", "18", "112", "3919", "3114", "gaz"])
def test_immediate_danger_goes_to_a_human_even_when_agencies_were_confirmed(number: str) -> None:
    made = plan(TWO._replace(danger=number, urgent=True), choices=HumanChoices(confirmed=("caf",)))
    assert (made.decision, made.reason, made.danger) == ("triage", f"danger:{number}", number)
    assert made.referrals == ()


def test_low_confidence_and_vague_texts_go_to_triage_with_the_best_guess() -> None:
    assert plan(TWO._replace(routing_cost=1.1)).reason == "low_confidence"
    nothing = Need("accompagnement.autre", "accompagnement", 0.3, (), "vague")
    vague = plan(TWO._replace(needs=(nothing,), vague=True))
    assert (vague.decision, vague.reason, agencies_of(vague)) == (
        "triage", "vague", ["accompagnement"],
    )  # fmt: skip


def test_out_of_scope_stands_alone_and_beside_a_partner_is_only_named() -> None:
    alone = plan(TWO._replace(needs=(), bodies=(TAXES,)))
    assert (alone.decision, agencies_of(alone)) == ("out_of_scope", ["hors_perimetre"])
    mixed = plan(TWO._replace(needs=(APL,), bodies=(TAXES,)))
    assert (mixed.decision, agencies_of(mixed)) == ("route", ["caf"])
    assert [body.id for body in mixed.bodies] == ["dgfip"]


def test_a_person_may_say_that_a_case_is_out_of_scope() -> None:
    choices = HumanChoices(confirmed=("hors_perimetre",))
    assert plan(TWO._replace(bodies=(TAXES,)), choices=choices).decision == "out_of_scope"
    assert plan(TWO, choices=choices).decision == "triage"


def test_what_the_casvp_gives_is_the_ccas_outside_paris() -> None:
    only_fsl = TWO._replace(needs=(FSL,))
    assert sent(plan(only_fsl, postcode="75019")) == ["casvp"]
    assert sent(plan(only_fsl, postcode=None)) == ["casvp"]
    elsewhere = plan(only_fsl, postcode="93100")
    assert elsewhere.decision == "out_of_scope"
    assert [(body.id, body.spans) for body in elsewhere.bodies] == [("ccas", ((0, 3),))]
    insisted = plan(only_fsl, postcode="93100", choices=HumanChoices(confirmed=("casvp",)))
    assert [need.demarche_id for need in insisted.needs] == ["casvp.fsl"]


def test_a_partner_that_nobody_serves_yet_sends_the_whole_case_to_a_human() -> None:
    made = plan(TWO, known=KNOWN - {"cpam"})
    assert (made.decision, made.reason) == ("triage", "partner_not_served:cpam")
    assert agencies_of(made) == ["caf", "cpam"]


@pytest.mark.parametrize(
    ("partner", "postcode", "unit"),
    [
        ("mairie", "75019", "75119"),
        ("mairie", "75001", "75101"),
        ("mairie", "75020", "75120"),
        ("mairie", "75116", "75116"),
        ("mairie", "75021", None),
        ("mairie", "69001", "69381"),
        ("mairie", "93100", "93048"),
        ("mairie", "01400", None),
        ("caf", "93100", "93"),
        ("cpam", "75019", "75"),
        ("caf", "20000", "2A"),
        ("cpam", "20200", "2B"),
        ("caf", "97400", "974"),
        ("caf", "97133", "971"),
        ("caf", "98800", None),
        ("edf", "75019", None),
        ("mairie", None, None),
        ("mairie", "nonsense", None),
        ("mairie", "٧٥٠١٩", None),
    ],
)
def test_the_postcode_says_the_unit_where_there_is_no_doubt(
    partner: str, postcode: str | None, unit: str | None
) -> None:
    assert unit_of(partner, postcode) == unit
