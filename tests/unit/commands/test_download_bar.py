import pytest

from services.commands.download_bar import download_bar


def test_the_bar_shows_how_much_has_arrived(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")
    with download_bar() as tell:
        tell(5_000_000, 45_000_000)
    assert "5.0/45.0 MB" in capsys.readouterr().err


def test_without_a_terminal_each_tenth_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with download_bar() as tell:
        for arrived in range(0, 45_000_001, 500_000):
            tell(arrived, 45_000_000)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[-1].endswith("45 MB")


def test_without_a_download_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with download_bar():
        pass
    assert "download" not in capsys.readouterr().err
