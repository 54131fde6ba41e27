import shutil
from pathlib import Path

import pytest

from services.router.catalogue.entries import PARTNER_IDS, Catalogue
from services.router.catalogue.load import FOLDER, CatalogueError, load_catalogue


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
    assert len(catalogue.demarches) >= 90
    assert len(catalogue.bodies) >= 30
    assert len(catalogue.foreign_themes) >= 40
    assert {danger.number for danger in catalogue.dangers} == {
        "15", "17", "18", "112", "3919", "3114", "gaz",
    }  # fmt: skip


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
