import pytest

from services.router.catalogue.entries import Catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue
from services.router.classification.letter import compile_letters
from services.router.http_answers import PreviewAnswer, preview_answer
from services.router.missing_facts import missing_facts
from services.router.partners import Partners
from services.router.preview_letter import preview_letter
from services.router.preview_request import Known, preview_request

NOTHING = Known()
INDU = """Caisse d'allocations familiales de Paris
Paris, le 12 mars 2026
Objet : notification d'un trop-perçu
Nous vous demandons de nous rembourser la somme de 1 248,36 € avant le 2 avril 2026."""


@pytest.fixture(scope="module")
def partners(compiled: CompiledCatalogue) -> Partners:
    everybody = frozenset(compiled.partner_ids)
    return Partners(listed=everybody, served=everybody)


@pytest.fixture
def preview(catalogue: Catalogue, compiled: CompiledCatalogue, partners: Partners):  # type: ignore[no-untyped-def]
    names = {partner.id: partner.name for partner in catalogue.partners.values()}

    def run(text: str, known: Known = NOTHING, *, kind: str = "request") -> PreviewAnswer:
        if kind == "letter":
            found = preview_letter(
                text,
                known=known,
                catalogue=catalogue,
                compiled=compiled,
                letters=compile_letters(catalogue.letters),
                partners=partners,
            )
        else:
            found = preview_request(
                text, known=known, catalogue=catalogue, compiled=compiled, partners=partners
            )
        return preview_answer(found, partner_names=names)

    return run


def test_the_preview_names_the_units_that_would_act(preview) -> None:  # type: ignore[no-untyped-def]
    answer = preview("demande d'APL, et ma carte d'identité est périmée", Known(postcode="75019"))
    assert {(r.partner, r.unit, r.unit_name) for r in answer.referrals} == {
        ("caf", "75", "CAF : Paris (75)"),
        ("mairie", "75119", "Mairie du 19e arrondissement de Paris"),
    }


def test_an_act_of_birth_is_of_where_it_happened(preview) -> None:  # type: ignore[no-untyped-def]
    answer = preview("il me faut un acte de naissance, et demander l'apl")
    assert {need.demarche: need.place for need in answer.needs} == {
        "mairie.acte_etat_civil": "event",
        "caf.apl_demande": "home",
    }


def test_what_is_missing_is_what_the_request_does_not_give(preview) -> None:  # type: ignore[no-untyped-def]
    text = "je veux demander l'apl, mon loyer est de 520 euros"
    everything = {one.partner: one.facts for one in preview(text).missing}
    less = preview(text, Known(given=frozenset(("identifiers.caf",)))).missing
    assert "numéro d'allocataire ou date de naissance" in everything["caf"]
    assert "montant du loyer" not in everything["caf"]
    assert "numéro d'allocataire ou date de naissance" not in less[0].facts
    assert "RIB" in less[0].facts


def test_a_fact_said_either_way_is_given(catalogue: Catalogue) -> None:
    rsa = catalogue.demarches["caf.rsa"]
    by_birth = missing_facts([rsa], text="", given=frozenset(("birth_date",)))
    by_number = missing_facts([rsa], text="allocataire 0123456", given=frozenset())
    assert by_birth == by_number
    assert len(by_birth) == len(rsa.facts) - 1


def test_other_rights_come_with_their_reason_and_only_where_they_exist(preview) -> None:  # type: ignore[no-untyped-def]
    def rights(known: Known) -> dict[str, str]:
        found = preview("je veux demander l'apl", known).other_rights
        assert {one.seen_from for one in found} == {"caf.apl_demande"}
        return {one.demarche: one.because for one in found}

    paris, elsewhere = rights(Known(postcode="75019")), rights(Known(postcode="93100"))
    assert "Ville" in paris["casvp.paris_logement"]
    assert "casvp.paris_logement" not in elsewhere
    assert "body:action_logement" in elsewhere


def test_a_right_that_is_asked_for_already_is_not_another_one(preview) -> None:  # type: ignore[no-untyped-def]
    alone = {one.demarche for one in preview("je veux demander le rsa").other_rights}
    both = {one.demarche for one in preview("je veux demander le rsa et la c2s").other_rights}
    assert "cpam.c2s" in alone
    assert "cpam.c2s" not in both


def test_in_danger_the_preview_says_whom_to_call_and_how(preview) -> None:  # type: ignore[no-untyped-def]
    call = preview("ça sent le gaz dans la cuisine").call
    assert call is not None
    assert (call.number, call.dial, call.service) == (
        "gaz", "0 800 47 33 33", "Urgence sécurité gaz",
    )  # fmt: skip
    assert call.dial in call.advice
    assert preview("ma carte vitale est perdue").call is None


def test_a_letter_is_read_and_what_answers_it_is_planned(preview) -> None:  # type: ignore[no-untyped-def]
    answer = preview(INDU, Known(postcode="75019"), kind="letter")
    letter = answer.letter
    assert letter is not None
    assert (letter.sender.id, letter.wants.what, letter.demarche.id) == ("caf", "pay", "caf.indu")
    assert letter.model_dump(mode="json")["amount"]["euros"] == "1248.36"
    assert letter.model_dump(mode="json")["deadline"]["day"] == "2026-04-02"
    assert [(r.partner, r.unit) for r in answer.referrals] == [("caf", "75")]
    assert answer.needs[0].because == letter.demarche.because


def test_a_letter_of_a_body_outside_names_it(preview) -> None:  # type: ignore[no-untyped-def]
    answer = preview(
        "Direction générale des finances publiques\nAvis d'impôt 2026\nSomme à payer : 300 €",
        kind="letter",
    )
    assert (answer.decision, answer.letter.sender.id) == ("out_of_scope", "body:dgfip")
    assert answer.letter.sender.name == answer.bodies[0].name
    assert answer.letter.demarche is None


def test_a_letter_of_nobody_known_is_for_a_person(preview) -> None:  # type: ignore[no-untyped-def]
    for text in ("Merci de baisser la musique.", "x", "Assurance Maladie, cliquez sur le lien"):
        answer = preview(text, kind="letter")
        assert (answer.decision, answer.letter.sender) == ("triage", None)
        assert [need.demarche for need in answer.needs] == ["accompagnement.comprendre_courrier"]
        assert answer.referrals == ()


def test_a_letter_of_the_casvp_to_somebody_outside_paris_still_answers(preview) -> None:  # type: ignore[no-untyped-def]
    text = "Centre d'action sociale de la Ville de Paris\nParis Logement : demande refusée"
    answer = preview(text, Known(postcode="93100"), kind="letter")
    assert answer.letter.demarche.title
    assert [body.name for body in answer.bodies] == ["CCAS de Montreuil"]
