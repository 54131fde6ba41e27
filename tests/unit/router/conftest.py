import pytest

from services.router.catalogue.entries import Catalogue
from services.router.catalogue.load import load_catalogue
from services.router.classification.compiled_catalogue import CompiledCatalogue, compile_catalogue
from services.router.classification.trained_model import load_model


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def compiled(catalogue: Catalogue) -> CompiledCatalogue:
    return compile_catalogue(catalogue, model=load_model())
