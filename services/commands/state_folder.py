"""Where `aiguillage up` keeps what it makes: secrets, data of the servers, logs, addresses."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from services.commands.outcome import CommandFailed


@dataclass(frozen=True)
class Running:
    """What one `aiguillage up` has started, as other commands find it. URLs without a path."""

    pid: int
    started_at: str
    database_url: str
    kafka: str
    kafka_agencies: str
    intake: str
    router: str
    partner_adapters: str
    simulators: str


@dataclass(frozen=True)
class StateFolder:
    """One folder, private to its owner."""

    path: Path

    @property
    def postgresql(self) -> Path:
        return self.path / "postgresql"

    @property
    def kafka(self) -> Path:
        return self.path / "kafka"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def secrets_file(self) -> Path:
        return self.path / "secrets.json"

    @property
    def running_file(self) -> Path:
        return self.path / "running.json"

    def make(self) -> None:
        """Make the folder if it is new; raises `CommandFailed`."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise CommandFailed(
                f"The state folder {self.path} cannot be used: {error.strerror}.",
                hint="Set AIGUILLAGE_HOME to a folder that you may write.",
            ) from error

    def write_running(self, running: Running) -> None:
        write_private(self.running_file, asdict(running))

    def forget_running(self) -> None:
        self.running_file.unlink(missing_ok=True)

    def find_running(self) -> Running | None:
        """What runs now; None when nothing does, or what did has crashed."""
        found = read_private(self.running_file)
        if found is None:
            return None
        try:
            running = Running(**found)
        except TypeError:  # written by another version
            return None
        return running if _is_alive(running.pid) else None


def default_state_folder() -> StateFolder:
    """AIGUILLAGE_HOME, else `aiguillage` in XDG_DATA_HOME, else in ~/.local/share."""
    if chosen := os.environ.get("AIGUILLAGE_HOME"):
        return StateFolder(Path(chosen).expanduser().absolute())
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return StateFolder(Path(data) / "aiguillage")


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that only its owner may read, all of it or nothing."""
    handle, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp gives 0600
            json.dump(content, file, indent=2)
        Path(unfinished).replace(path)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise


def read_private(path: Path) -> dict[str, Any] | None:
    """Read what `write_private` wrote; None when there is none. Raises `CommandFailed`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CommandFailed(
            f"{path} cannot be read: {type(error).__name__}.",
            hint="Put it back from a copy, or remove the state folder to start afresh.",
        ) from error
    return content if isinstance(content, dict) else None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
