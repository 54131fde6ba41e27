"""Settings are complete for the partners asked for, or refused."""

import pytest
from pydantic import ValidationError

from services.partner_simulators.settings import Settings


@pytest.fixture(autouse=True)
def nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("AIGUILLAGE_S"):
            monkeypatch.delenv(name)


def test_every_missing_variable_is_named() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(simulator_partners=("caf", "casvp", "mairie"))
    said = str(refused.value)
    for name in (
        "AIGUILLAGE_SECRET_CAF_CLIENT_SECRET",
        "AIGUILLAGE_SIMULATOR_CALLBACK_URL",
        "AIGUILLAGE_SIMULATOR_CASVP_PRIVATE_KEY",
        "AIGUILLAGE_SIMULATOR_KAFKA_AGENCIES",
        "AIGUILLAGE_SIMULATOR_PORTAL_ACCOUNTS[mairie]",
    ):
        assert name in said


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGUILLAGE_SIMULATOR_PARTNERS", '["edf"]')
    monkeypatch.setenv("AIGUILLAGE_SECRET_EDF_API_KEY", "k")
    monkeypatch.setenv("AIGUILLAGE_SIMULATOR_BASE_PORT", "9100")
    settings = Settings()
    assert (settings.port_of(3), settings.secret("secret_edf_api_key")) == (9103, "k")


@pytest.mark.parametrize(
    "wrong", [{"simulator_partners": ("ratp",)}, {"simulator_outcome": "perhaps"}]
)
def test_an_unknown_partner_or_outcome_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**{"simulator_partners": (), **wrong})


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = Settings(simulator_partners=("edf",), secret_edf_api_key="very-secret")
    assert "very-secret" not in repr(settings)
