"""One system and one Chromium for all these tests; `Visitor` opens pages in it."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.axe import Axe, AxeMissing, axe_script
from tests.browser.visitor import PATIENCE_MS, Visitor
from tests.end_to_end.conftest import agencies, counter, http, system
from tests.end_to_end.running_system import System

__all__ = ["agencies", "counter", "http", "system"]

CHROMIUM = Path("/usr/bin/chromium")
INSTALL = Path(__file__).parents[1] / "tools" / "install_chromium.sh"
INSTALL_SECONDS = 240
# Without these it looks for its maker's hosts at every start.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
)


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Debian's chromium, installed if need be and possible; else the tests are skipped."""
    if CHROMIUM.exists():
        return CHROMIUM
    if shutil.which("apt-get") is None:
        pytest.skip(f"{CHROMIUM} is missing, and apt-get with it")
    if os.geteuid() != 0:
        pytest.skip(f"{CHROMIUM} is missing: as root, run {INSTALL}")
    try:
        subprocess.run([INSTALL], check=True, capture_output=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        pytest.skip(f"{CHROMIUM} cannot be installed: {lines[-1]}")
    except subprocess.TimeoutExpired:
        pytest.skip(f"{CHROMIUM} was not installed within {INSTALL_SECONDS} s")
    return CHROMIUM


@pytest.fixture(scope="session")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def visitor(browser: Browser, system: System) -> AsyncIterator[Visitor]:
    """Opens pages as people do; at the end, no page may have complained."""
    visitor = Visitor(browser, system)
    try:
        yield visitor
    finally:
        await visitor.leave()
    assert visitor.complaints == []


@pytest.fixture(scope="session")
def axe() -> Axe:
    try:
        return Axe(axe_script())
    except AxeMissing as missing:
        pytest.skip(str(missing))
