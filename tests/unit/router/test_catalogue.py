import shutil
from pathlib import Path

import pytest

from services.router.catalogue.entries import PARTNER_IDS, Catalogue
from services.router.catalogue.load import FOLDER, CatalogueError, load_catalogue

LANGUAGES = {
    "en", "ar", "ar-Latn", "es", "pt", "tr", "zh", "ro", "uk", "ru", "it", "pl", "bn", "fa",
}  # fmt: skip


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    folder = tmp_path / "catalogue"
    shutil.copytree(FOLDER, folder)
    return folder


def test_every_partner_has_its_own_other_demarche_and_several_more(catalogue: Catalogue) -> None:
    for partner in PARTNER_IDS:
        own = [d for d in catalogue.demarches.values() if d.partner == partner]
        assert f"{partner}.autre" in catalogue.demarches
        assert len(own) >= 5


def test_the_catalogue_is_as_broad_as_promised(catalogue: Catalogue) -> None:
    assert len(catalogue.demarches) >= 165
    assert len(catalogue.bodies) >= 42
    themes = [theme for theme in catalogue.foreign_themes if "danger:" not in theme.means]
    assert len({theme.means for theme in themes}) >= 80
    for language in LANGUAGES - {"ar-Latn"}:
        spoken = {theme.means for theme in themes if language in theme.terms}
        assert len(spoken) >= 80, language
    assert {code for theme in themes for code in theme.terms} == LANGUAGES


def test_every_danger_is_known_in_every_language(catalogue: Catalogue) -> None:
    numbers = {danger.number for danger in catalogue.dangers}
    assert numbers == {"15", "17", "18", "112", "3919", "3114", "gaz"}
    known = {theme.means: theme.terms.keys() for theme in catalogue.foreign_themes}
    for number in numbers:
        assert known[f"danger:{number}"] >= LANGUAGES, number


def test_a_danger_in_another_language_that_is_none_of_ours_refuses_to_start(copied: Path) -> None:
    path = copied / "foreign_dangers.toml"
    stranger = '\n[[theme]]\nmeans = "danger:999"\n[theme.terms]\nen = ["x"]\n'
    path.write_text(path.read_text("utf-8") + stranger, "utf-8")
    line = path.read_text("utf-8").count("\n") - 3
    with pytest.raises(CatalogueError, match=rf"foreign_dangers\.toml:{line}: .*danger:999"):
        load_catalogue(copied)


def test_a_duplicate_id_refuses_to_start_and_says_where(copied: Path) -> None:
    path = copied / "edf.toml"
    text = path.read_text(encoding="utf-8")
    extra = '\n[[demarche]]\nid = "edf.facture"\ntitle = "x"\nplain = "x"\nnames = ["x"]\n'
    path.write_text(text + extra, encoding="utf-8")
    line = text.count("\n") + 2
    with pytest.raises(CatalogueError, match=rf"^edf\.toml:{line}: duplicate id 'edf\.facture'"):
        load_catalogue(copied)


def test_a_demarche_of_another_partner_refuses_to_start(copied: Path) -> None:
    path = copied / "edf.toml"
    text = path.read_text(encoding="utf-8").replace('"edf.facture"', '"ebf.facture"', 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"^edf\.toml:\d+: 'ebf\.facture' .*unknown partner"):
        load_catalogue(copied)


def test_an_unknown_partner_file_refuses_to_start(copied: Path) -> None:
    content = '[partner]\nid = "metro"\nname = "Métro"\n'
    (copied / "metro.toml").write_text(content, encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"^metro\.toml:1: unknown partner 'metro'"):
        load_catalogue(copied)


def test_empty_names_refuse_to_start_with_the_line(copied: Path) -> None:
    path = copied / "caf.toml"
    text = path.read_text(encoding="utf-8")
    extra = '\n[[demarche]]\nid = "caf.x"\ntitle = "x"\nplain = "x"\nnames = []\n'
    path.write_text(text + extra, encoding="utf-8")
    line = text.count("\n") + 2
    with pytest.raises(CatalogueError, match=rf"^caf\.toml:{line}: names:"):
        load_catalogue(copied)


def test_a_foreign_term_for_nothing_refuses_to_start(copied: Path) -> None:
    path = copied / "foreign_terms.toml"
    text = path.read_text(encoding="utf-8").replace('"caf.rsa"', '"caf.gone"', 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        CatalogueError, match=r"^foreign_terms\.toml:\d+: means unknown 'caf\.gone'"
    ):
        load_catalogue(copied)


def test_broken_toml_refuses_to_start_with_the_file(copied: Path) -> None:
    (copied / "danger.toml").write_text("[[danger]\n", encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"^danger\.toml:"):
        load_catalogue(copied)


def _appended(path: Path, extra: str) -> int:
    """The line that the appended table starts on."""
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\n" + extra, encoding="utf-8")
    return text.count("\n") + 2


@pytest.mark.parametrize("meant", ["caf.gone", "body:gone", "edf.extra", "gone"])
def test_a_dead_also_check_refuses_to_start_with_the_line(copied: Path, meant: str) -> None:
    line = _appended(
        copied / "edf.toml",
        '[[demarche]]\nid = "edf.extra"\ntitle = "x"\nplain = "x"\nnames = ["zzz"]\n'
        f'also_check = [{{ demarche = "{meant}", because = "x" }}]\n',
    )
    with pytest.raises(CatalogueError, match=rf"^edf\.toml:{line}: dead also_check '{meant}'"):
        load_catalogue(copied)


def test_an_also_check_without_its_reason_refuses_to_start(copied: Path) -> None:
    line = _appended(
        copied / "edf.toml",
        '[[demarche]]\nid = "edf.extra"\ntitle = "x"\nplain = "x"\nnames = ["zzz"]\n'
        'also_check = [{ demarche = "caf.rsa", because = " " }]\n',
    )
    with pytest.raises(CatalogueError, match=rf"^edf\.toml:{line}: also_check\.0\.because:"):
        load_catalogue(copied)


def test_a_partner_described_twice_refuses_to_start(copied: Path) -> None:
    (copied / "second.toml").write_text('[partner]\nid = "caf"\nname = "x"\n', encoding="utf-8")
    with pytest.raises(CatalogueError, match=r"^second\.toml:1: duplicate id 'caf'"):
        load_catalogue(copied)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ('[[sender]]\nid = "gone"\nwords = ["x"]\n', "unknown sender 'gone'"),
        ('[[sender]]\nid = "caf"\nwords = ["x"]\n', "duplicate id 'caf'"),
        (
            '[[sender]]\nid = "body:action_logement"\nwords = ["x"]\n'
            'topics = [{ demarche = "caf.gone", words = ["x"] }]\n',
            "unknown démarche 'caf.gone'",
        ),
    ],
)
def test_letters_of_nobody_or_for_nothing_refuse_to_start(
    copied: Path, extra: str, message: str
) -> None:
    line = _appended(copied / "letters.toml", extra)
    with pytest.raises(CatalogueError, match=rf"^letters\.toml:{line}: {message}"):
        load_catalogue(copied)


def test_every_demarche_says_what_a_person_must_know(catalogue: Catalogue) -> None:
    for demarche in catalogue.demarches.values():
        own_desk = demarche.partner == "accompagnement"
        other = demarche.id.endswith(".autre")
        assert demarche.plain.endswith("."), demarche.id
        assert demarche.examples or other, demarche.id
        assert demarche.facts or own_desk or other or demarche.id == "casvp.bains_douches"


def test_most_needs_have_another_right_to_check_with_a_reason_in_one_sentence(
    catalogue: Catalogue,
) -> None:
    also = [one for d in catalogue.demarches.values() for one in d.also_check]
    with_some = [d for d in catalogue.demarches.values() if d.also_check]
    assert len(with_some) >= 100
    assert all(one.because.endswith(".") and one.because[0].isupper() for one in also)


def test_every_body_outside_says_how_to_reach_it(catalogue: Catalogue) -> None:
    assert all(body.handles and body.how_to_reach for body in catalogue.bodies.values())


def test_the_birth_certificate_is_not_the_home_s_mairie_s(catalogue: Catalogue) -> None:
    assert catalogue.demarches["mairie.acte_etat_civil"].place == "event"
    assert catalogue.partners["casvp"].place == "paris"


def test_every_danger_number_has_a_service_and_an_advice_that_says_it(catalogue: Catalogue) -> None:
    for danger in catalogue.dangers:
        assert danger.dial in danger.advice
        assert danger.service
