"""`aiguillage demo`: the whole path, live, on data that is thrown away."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.live import Live

from services.commands.addresses import free_ports
from services.commands.demo_requests import DemoRequest, posts_of, read_demo_requests
from services.commands.demo_run import (
    Cases,
    let_in,
    post_all,
    read_all,
    read_ledgers,
    watch_until_settled,
)
from services.commands.demo_summary import Receipt, Summary, summarise
from services.commands.demo_table import (
    cases_table,
    progress_line,
    services_table,
    summary_table,
)
from services.commands.demonstration import read_demonstration
from services.commands.door_client import http_session
from services.commands.download_bar import download_bar
from services.commands.fleet import Fleet, running_fleet
from services.commands.interruption import run_until_signalled
from services.commands.outcome import CommandFailed, ExitCode, WrongUsage
from services.commands.printing import console, print_json, tell
from services.commands.resident_memory import resident_memory
from services.commands.state_folder import StateFolder
from shared.embedded.errors import EmbeddedServerError
from shared.plumbing.clock import SystemClock

PLAIN_LINE_EVERY_SECONDS = 2.0


@dataclass(frozen=True)
class _Result:
    summary: Summary
    ready_seconds: Mapping[str, float]
    memory: Mapping[str, int | None]

    def as_json(self) -> dict[str, Any]:
        return {
            **self.summary.as_json(),
            "services": {
                name: {"ready_seconds": round(seconds, 3), "resident_bytes": self.memory[name]}
                for name, seconds in self.ready_seconds.items()
            },
        }


def demo(*, pace: float, keep: Path | None, as_json: bool) -> int:
    """Run it; 0 only if every request arrived once everywhere. Raises `CommandFailed`."""
    try:
        with _folder(keep) as folder:
            traffic = _demo(folder, pace=pace, as_json=as_json)
            return run_until_signalled(traffic, when_told=ExitCode.FAILED)
    except EmbeddedServerError as error:
        raise CommandFailed(error.message, hint=error.hint) from error


async def _demo(folder: StateFolder, *, pace: float, as_json: bool) -> int:
    started = time.monotonic()
    with download_bar() as on_progress:
        async with running_fleet(
            folder,
            ports=free_ports(),
            pace=pace,
            outcome="mixed",
            durable=False,
            tell=tell,
            on_progress=on_progress,
        ) as fleet:
            tell(f"all services are ready after {time.monotonic() - started:.0f} s")
            result = await _followed(fleet, _traffic(fleet, quiet=as_json))
            if not as_json:
                out = console()
                out.print(summary_table(result.summary))
                out.print(services_table(result.ready_seconds, result.memory))
            tell("stopping everything")
    if as_json:
        print_json(result.as_json())
    else:
        console().print(_verdict(result.summary), markup=False)
    return ExitCode.OK if result.summary.ok else ExitCode.FAILED


async def _followed(fleet: Fleet, traffic: Any) -> _Result:
    """The traffic's result; raises when a process keeps dying meanwhile."""
    following = asyncio.create_task(fleet.follow())
    running: asyncio.Task[_Result] = asyncio.create_task(traffic)
    try:
        await asyncio.wait({following, running}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            await following
        return await running
    finally:
        for task in (following, running):
            task.cancel()
        await asyncio.gather(following, running, return_exceptions=True)


async def _traffic(fleet: Fleet, *, quiet: bool) -> _Result:
    requests = read_demo_requests()
    posts = posts_of(read_demonstration())
    async with http_session() as http:
        people = await let_in(
            http, intake_url=fleet.running.intake, secrets=fleet.secrets, posts=posts
        )
        texts: dict[str, str] = {}

        def heard(request: DemoRequest, receipt: Receipt) -> None:
            texts[receipt.case_id] = request.text

        with _watching(texts, wanted=len(requests), quiet=quiet) as watch:
            sending = asyncio.create_task(
                post_all(requests, people=people, posts=posts, clock=SystemClock(), heard=heard)
            )
            try:
                await watch_until_settled(people, wanted=len(requests), watch=watch)
                receipts = await sending
            finally:
                sending.cancel()
        summary = summarise(
            requests=len(requests),
            receipts=receipts,
            cases=await read_all(people),
            ledgers=await read_ledgers(http, simulators_url=fleet.running.simulators),
        )
    memory = {name: resident_memory(pid) for name, pid in fleet.nursery.pids().items()}
    return _Result(summary, fleet.ready_seconds, memory)


@contextmanager
def _watching(
    texts: Mapping[str, str], *, wanted: int, quiet: bool
) -> Iterator[Callable[[Cases], None]]:
    """Redraw a table on a terminal, elsewhere say a line now and then; at the end all cases."""
    out = console()
    last: list[Mapping[str, Any]] = []
    if out.is_terminal and not quiet:
        with Live(console=out, transient=True, auto_refresh=False) as live:

            def redraw(cases: Cases) -> None:
                last[:] = cases.values()
                live.update(cases_table(last, texts=texts, height=out.height), refresh=True)

            yield redraw
    else:
        plainly = _plain_watch(wanted)

        def say(cases: Cases) -> None:
            last[:] = cases.values()
            plainly(cases)

        yield say
    if not quiet:
        out.print(cases_table(last, texts=texts, height=None))


def _plain_watch(wanted: int) -> Callable[[Cases], None]:
    said_at = 0.0

    def watch(cases: Cases) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= PLAIN_LINE_EVERY_SECONDS:
            said_at = time.monotonic()
            tell(progress_line(list(cases.values()), wanted=wanted))

    return watch


@contextmanager
def _folder(keep: Path | None) -> Iterator[StateFolder]:
    if keep is not None:
        kept = StateFolder(keep.absolute())
        if kept.secrets_file.exists():
            raise WrongUsage(
                f"{kept.path} was used already: what is counted would not be this run's alone.",
                hint="Name a new folder.",
            )
        yield kept
        tell(f"data, secrets and logs are kept in {kept.path}")
        return
    folder = Path(tempfile.mkdtemp(prefix="aiguillage-demo-"))
    try:
        yield StateFolder(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _verdict(summary: Summary) -> str:
    if summary.ok:
        return "Every request reached every agency concerned, once; nothing was lost."
    return "Something was lost, doubled or left unsettled: see the figures above."
