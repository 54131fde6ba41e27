"""A progress bar for the first download of Kafka; it appears only if there is one."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from shared.embedded import kafka_jars


@contextmanager
def download_bar(console: Console) -> Iterator[kafka_jars.Progress]:
    """Gives what `start_kafka` takes as `on_progress`; the bar goes away at the end."""
    columns = (
        TextColumn("Downloading Apache Kafka (once)"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("download", total=None, visible=False)

        def tell(arrived: int, total: int) -> None:
            bar.update(task, completed=arrived, total=total, visible=True)

        yield tell
