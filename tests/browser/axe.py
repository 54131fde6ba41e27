"""axe-core, which finds what keeps people from using a page: fetched once by npm, then kept."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Page

from shared.embedded.kafka_jars import cache_folder

VERSION = "4.14.1"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""Of axe.min.js, the one file of the package that is used."""
FETCH_SECONDS = 60
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa")


class AxeMissing(Exception):
    """It cannot be had on this machine; the text says why."""


class WrongSum(AssertionError):
    """What npm brought is not what was reviewed."""


@dataclass(frozen=True)
class Axe:
    script: str

    async def violations(self, page: Page) -> list[str]:
        """What breaks WCAG A or AA in the page as it is now: the rule and where."""
        return await self._run(page, {"type": "tag", "values": TAGS})

    async def contrast_violations(self, page: Page) -> list[str]:
        """Of all rules, those that other colours can break."""
        return await self._run(page, {"type": "rule", "values": ["color-contrast"]})

    async def _run(self, page: Page, only: dict[str, Any]) -> list[str]:
        if not await page.evaluate("'axe' in window"):
            await page.evaluate(self.script)
        found = await page.evaluate("runOnly => axe.run(document, {runOnly})", only)
        return [
            f"{violation['id']} ({violation['help']}): {node['target']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]


def axe_script() -> str:
    """The script, from the cache folder or from npm; raises `AxeMissing`, `WrongSum`."""
    kept = cache_folder() / "axe-core" / VERSION / "axe.min.js"
    if kept.exists() and _sum(kept.read_bytes()) == SHA256:
        return kept.read_text("utf-8")
    content = _fetch()
    if _sum(content) != SHA256:
        raise WrongSum(f"axe-core {VERSION}: {_sum(content)}")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(content)
    return content.decode("utf-8")


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fetch() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise AxeMissing("npm is missing: axe-core cannot be fetched")
    with tempfile.TemporaryDirectory(prefix="axe-") as folder:
        try:
            subprocess.run(
                [npm, "pack", "--silent", f"axe-core@{VERSION}"],
                cwd=folder,
                check=True,
                capture_output=True,
                timeout=FETCH_SECONDS,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise AxeMissing(f"npm cannot fetch axe-core {VERSION}: {error}") from error
        [package] = Path(folder).glob("*.tgz")
        with tarfile.open(package) as archive:
            file = archive.extractfile("package/axe.min.js")
            assert file is not None
            return file.read()
