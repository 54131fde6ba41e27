"""The jars of Apache Kafka: fetched once, checked against the lock, kept in a cache folder.

Where from is jgo's business: Maven Central, or the repositories of its settings file
(`~/.config/jgo.conf`, section `[repositories]`; JGO_CONFIG_FILE names another). What arrives must
have the SHA-256 sum of `kafka.lock.toml`, wherever it came from.
"""

import hashlib
import os
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from shared.embedded.errors import EmbeddedServerError

AT_ONCE = 4
TRIES_PER_JAR = 3
TIMEOUT_SECONDS = 30

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
    problem = ""
    for attempt in range(TRIES_PER_JAR):
        time.sleep(attempt)
        try:
            arrived = _download(jar, staging / f"{jar.file_name}.{attempt}", tally)
        except (OSError, RuntimeError) as error:
            # What requests raises is an OSError without a number; with one, it is our disk.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            problem = str(error)
            continue
        if _is_intact(arrived, jar):
            arrived.replace(folder / jar.file_name)
            tally.set(jar.coordinate, jar.size)
            return
        problem = "what arrived does not have the SHA-256 sum of kafka.lock.toml"
    raise EmbeddedServerError(
        f"Kafka's jar {jar.coordinate} could not be downloaded: {problem}.",
        "Check the network. Behind a proxy set HTTPS_PROXY, and REQUESTS_CA_BUNDLE if it has a\n"
        "certificate of its own; a mirror of Maven Central goes under [repositories] in\n"
        "~/.config/jgo.conf. What has arrived is kept: starting again goes on from there.",
    )


def _download(jar: Jar, staging: Path, tally: _Tally) -> Path:
    """Raises OSError or RuntimeError when no repository gives it."""
    try:
        from jgo.config import GlobalSettings
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise EmbeddedServerError(
            "Kafka cannot be fetched: jgo is not installed.",
            "Install the extra: pip install 'aiguillage[embedded]'.",
        ) from error

    @contextmanager
    def counted(_file_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        arrived = 0

        def add(count: int) -> None:
            nonlocal arrived
            arrived += count
            tally.set(jar.coordinate, arrived)

        yield add

    maven = MavenContext(
        resolver=PythonResolver(progress_callback=counted),
        repo_cache=staging,
        remote_repos=GlobalSettings.load().repositories or None,
        timeout=TIMEOUT_SECONDS,
    )
    group, artifact, version = jar.coordinate.split(":")
    return Path(maven.project(group, artifact).at_version(version).artifact().resolve())
