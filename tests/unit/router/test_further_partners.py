"""A partner that came after the training is known by the words of its catalogue file."""

import pytest

from services.partner_adapters.scaffold_partner import catalogue_file_text
from services.router.catalogue.entries import PARTNER_IDS
from services.router.catalogue.load import FOLDER, CatalogueError, load_catalogue
from services.router.classification.classify import classify
from services.router.classification.compiled_catalogue import compile_catalogue
from services.router.main import load_model


@pytest.fixture
def folder(tmp_path):
    text = catalogue_file_text("domofrance", name="Domofrance")
    (tmp_path / "domofrance.toml").write_text(text, "utf-8")
    return tmp_path


def partners_of(text, folder):
    catalogue = compile_catalogue(load_catalogue(more=folder), model=load_model())
    return {need.partner for need in classify(text, catalogue=catalogue).needs}


def test_its_file_is_all_the_router_needs(folder):
    assert set(load_catalogue(more=folder).partners) == {*PARTNER_IDS, "domofrance"}


def test_who_names_it_reaches_it(folder):
    assert partners_of("J’ai une question pour Domofrance", folder) == {"domofrance"}


def test_beside_it_the_others_are_found_as_ever(folder):
    text = "Ma facture EDF est beaucoup trop élevée et Domofrance ne répond pas"
    assert partners_of(text, folder) == {"edf", "domofrance"}
    assert partners_of("Ma facture EDF est beaucoup trop élevée", folder) == {"edf"}


def test_a_file_in_the_package_is_still_of_a_partner_of_the_house(folder):
    with pytest.raises(CatalogueError, match="unknown partner"):
        load_catalogue(folder)
    assert (FOLDER / "caf.toml").exists()


def test_a_second_file_of_a_partner_is_refused(folder):
    (folder / "caf.toml").write_text(catalogue_file_text("caf", name="CAF"), "utf-8")
    with pytest.raises(CatalogueError, match="duplicate id 'caf'"):
        load_catalogue(more=folder)
