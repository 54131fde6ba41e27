"""Settings: what is missing is named as the variable to set, and secrets stay hidden."""

import pytest

from shared.plumbing.settings import ServiceSettings, SettingsMissing

COMPLETE = {
    "AIGUILLAGE_DATABASE_URL": "postgresql://u:hunter2@localhost/a",
    "AIGUILLAGE_KAFKA": "localhost:9092",
    "AIGUILLAGE_KEY_RING": "k1:c2VjcmV0",
    "AIGUILLAGE_SESSION_PUBLIC_KEY": "{}",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_settings_come_from_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AIGUILLAGE_LOG_LEVEL", "debug")
    settings = ServiceSettings.from_environment()
    assert settings.kafka == "localhost:9092"
    assert settings.log_level == "debug"
    assert settings.database_url.get_secret_value().startswith("postgresql://")


def test_every_missing_variable_is_named(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("AIGUILLAGE_KEY_RING")
    environment.delenv("AIGUILLAGE_KAFKA")
    with pytest.raises(SettingsMissing) as missing:
        ServiceSettings.from_environment()
    assert str(missing.value).splitlines() == [
        "AIGUILLAGE_KAFKA must be set",
        "AIGUILLAGE_KEY_RING must be set",
    ]


def test_a_wrong_value_is_named_and_not_quoted(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AIGUILLAGE_LOG_LEVEL", "hunter2")
    with pytest.raises(SettingsMissing, match="AIGUILLAGE_LOG_LEVEL is wrong") as wrong:
        ServiceSettings.from_environment()
    assert "hunter2" not in str(wrong.value)


@pytest.mark.usefixtures("environment")
def test_secrets_are_masked_where_settings_are_shown() -> None:
    settings = ServiceSettings.from_environment()
    shown = f"{settings.masked()} {settings!r}"
    assert "hunter2" not in shown
    assert "c2VjcmV0" not in shown
    assert settings.masked()["kafka"] == "localhost:9092"
    assert settings.masked()["key_ring"] == "…"
