"""The progress of the one download: Kafka's jars, the first time."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich import progress
from rich.console import Console

from services.commands.printing import tell
from shared.embedded.kafka_jars import Progress

TENTHS = 10


@contextmanager
def download_bar() -> Iterator[Progress]:
    """Give what to call with (bytes done, bytes in all); nothing shows until it is called.

    A bar on a terminal, a line per tenth elsewhere.
    """
    console = Console(stderr=True)
    bar = progress.Progress(
        progress.TextColumn("Kafka, first download"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        console=console,
        transient=True,
    )
    task = None
    said = -1

    def on_progress(done: int, total: int) -> None:
        nonlocal task, said
        if not console.is_terminal:
            if (tenth := done * TENTHS // total) > said:
                said = tenth
                tell(f"Kafka, first download: {done // 1_000_000} MB")
            return
        if task is None:
            bar.start()
            task = bar.add_task("jars", total=total)
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.stop()

    try:
        yield on_progress
    finally:
        if bar.live.is_started:
            bar.stop()
