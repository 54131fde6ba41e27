import io

from rich.console import Console

from shared.embedded.download_bar import download_bar


def test_the_bar_shows_how_much_has_arrived() -> None:
    screen = io.StringIO()
    with download_bar(Console(file=screen, force_terminal=True, width=120)) as tell:
        tell(5_000_000, 45_000_000)
    assert "5.0/45.0 MB" in screen.getvalue()


def test_without_a_download_there_is_no_bar() -> None:
    screen = io.StringIO()
    with download_bar(Console(file=screen, force_terminal=True, width=120)):
        pass
    assert "Downloading" not in screen.getvalue()
