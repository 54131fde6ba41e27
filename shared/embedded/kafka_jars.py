"""The jars of Apache Kafka: fetched once, checked against the lock, kept in a cache folder.

Where from is jgo's business: Maven Central, or the repositories of its settings file
(`~/.config/jgo.conf`, section `[repositories]`; JGO_CONFIG_FILE names another). What arrives must
have the SHA-256 sum of `kafka.lock.toml`, wherever it came from.
"""

import hashlib
import os
import ssl
import tempfile
import threading
import time
import tomllib
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from urllib.error import URLError

from shared.embedded.errors import EmbeddedServerError

AT_ONCE = 4
TRIES_PER_JAR = 3
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 64 * 1024
NETWORK_ERRORS = (URLError, HTTPException, ConnectionError, TimeoutError, ssl.SSLError)

Progress = Callable[[int, int], None]
"""Called with the bytes fetched so far and the bytes to fetch in all; from several threads."""


@dataclass(frozen=True)
class Jar:
    """One locked jar. `coordinate` is group:artifact:version; `size` is in bytes."""

    coordinate: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    @property
    def path(self) -> str:
        """Where every Maven repository keeps it."""
        group, artifact, version = self.coordinate.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.file_name}"


def locked_jars() -> list[Jar]:
    text = resources.files("shared.embedded").joinpath("kafka.lock.toml").read_text()
    return [Jar(**entry) for entry in tomllib.loads(text)["jar"]]


def cache_folder() -> Path:
    """AIGUILLAGE_CACHE, else `aiguillage` in XDG_CACHE_HOME, else in ~/.cache."""
    if chosen := os.environ.get("AIGUILLAGE_CACHE"):
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "aiguillage"


def kafka_jars(*, cache: Path | None = None, on_progress: Progress | None = None) -> list[Path]:
    """The checked jars, in the lock's order; fetches those that are missing or corrupted.

    Several processes may do this at the same time: each jar is fetched beside its place and
    renamed into it once checked. An interrupted fetch goes on with the jars still missing.

    Raises EmbeddedServerError when a jar cannot be had.
    """
    folder = (cache or cache_folder()) / "kafka"
    jars = locked_jars()
    missing = [jar for jar in jars if not _is_intact(folder / jar.file_name, jar)]
    if missing:
        _fetch_all(missing, folder, on_progress)
    return [folder / jar.file_name for jar in jars]


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        if path.stat().st_size != jar.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except OSError:  # missing or unreadable: fetching it anew says why, if it cannot be had
        return False


class _Tally:
    """How many bytes have arrived, over all the threads that fetch."""

    def __init__(self, *, total: int, tell: Progress | None) -> None:
        self._total = total
        self._tell = tell
        self._arrived: dict[str, int] = {}
        self._lock = threading.Lock()

    def set(self, name: str, arrived: int) -> None:
        with self._lock:
            self._arrived[name] = arrived
            if self._tell is not None:
                self._tell(sum(self._arrived.values()), self._total)


def _fetch_all(jars: list[Jar], folder: Path, on_progress: Progress | None) -> None:
    tally = _Tally(total=sum(jar.size for jar in jars), tell=on_progress)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=".fetching-", dir=folder) as staging,
            ThreadPoolExecutor(AT_ONCE) as pool,
        ):
            fetches = [pool.submit(_fetch, jar, folder, Path(staging), tally) for jar in jars]
            try:
                for fetch in fetches:
                    fetch.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    except OSError as error:
        raise EmbeddedServerError(
            f"The jars of Kafka cannot be kept in {folder}: {error.strerror or error}.",
            "Free 100 MB there or make it writable, or set AIGUILLAGE_CACHE to another folder.",
        ) from error


def _fetch(jar: Jar, folder: Path, staging: Path, tally: _Tally) -> None:
    repositories = _repositories()
    problem = ""
    for attempt in range(TRIES_PER_JAR):
        time.sleep(attempt)
        for repository in repositories:
            arrival = staging / f"{jar.file_name}.{attempt}"
            try:
                _download(f"{repository}/{jar.path}", arrival, partial(tally.set, jar.coordinate))
            except NETWORK_ERRORS as error:
                problem = str(error) or type(error).__name__
                continue
            if _is_intact(arrival, jar):
                arrival.replace(folder / jar.file_name)
                return
            problem = "what arrived does not have the SHA-256 sum of kafka.lock.toml"
    raise EmbeddedServerError(
        f"Kafka's jar {jar.coordinate} could not be downloaded: {problem}.",
        "Check the network. Behind a proxy set HTTPS_PROXY, and SSL_CERT_FILE if it has a\n"
        "certificate of its own; a mirror of Maven Central goes under [repositories] in\n"
        "~/.config/jgo.conf. What has arrived is kept: starting again goes on from there.",
    )


def _repositories() -> list[str]:
    try:
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
    except ImportError as error:
        raise EmbeddedServerError(
            "Kafka cannot be fetched: jgo is not installed.",
            "Install the extra: pip install 'aiguillage[embedded]'.",
        ) from error
    return list(GlobalSettings.load().repositories.values()) or [MAVEN_CENTRAL_URL]


def _download(url: str, arrival: Path, tell: Callable[[int], None]) -> None:
    """Raises one of NETWORK_ERRORS; a file cut short is left to the check of its sum."""
    arrived = 0
    with (
        urllib.request.urlopen(  # noqa: S310 - an address of jgo's settings
            url, timeout=TIMEOUT_SECONDS, context=_trusted_certificates()
        ) as response,
        arrival.open("wb") as file,
    ):
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            arrived += len(chunk)
            tell(arrived)


@cache
def _trusted_certificates() -> ssl.SSLContext:
    """The system's and certifi's together.

    A company's proxy is known to the system only; some Pythons know no system store at all. This
    is why jgo's own download, which trusts certifi alone, is not used.
    """
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
