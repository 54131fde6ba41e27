"""`aiguillage intake`, `router`, `partner-adapters`: one service, until SIGTERM."""

import asyncio
import gc
import importlib
from typing import Any

from services.commands.outcome import CommandFailed, NotReachable, WrongUsage
from shared.plumbing.settings import SettingsMissing


def serve(service: str) -> None:
    """Run a service (its package under `services`) with the settings of the environment.

    Raises `WrongUsage` for settings that cannot be, `NotReachable` for a dependency that is not
    there, `CommandFailed` when the service ended by itself.
    """
    settings = _read_settings(service)
    main = _import_main(service)
    from shared.plumbing.service import ServiceFailed

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main.run(settings))
    except ServiceFailed as error:
        raise CommandFailed(f"{service}: {error}") from error
    except Exception as error:
        raise _explained(service, error) from error


def _import_main(service: str) -> Any:
    """All that importing makes is there to stay: the garbage collector never looks through it."""
    gc.disable()
    try:
        return importlib.import_module(f"services.{service}.main")
    finally:
        gc.freeze()
        gc.enable()


def _loop_factory() -> Any:
    # uvicorn chooses its loop only when it makes it; here it is served on ours.
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def simulate() -> None:
    """Run the partners' simulators with the settings of the environment."""
    from services.partner_simulators.main import main

    raise SystemExit(main())  # its exit codes are the same as ours


def _read_settings(service: str) -> Any:
    module: Any = importlib.import_module(f"services.{service}.settings")
    try:
        return module.Settings.from_environment()
    except SettingsMissing as error:
        raise WrongUsage(
            f"{service} cannot start:\n{error}",
            hint="`aiguillage up` sets all of it on one machine.",
        ) from None


def _explained(service: str, error: Exception) -> CommandFailed:
    """What a person can do about an error at start-up; names no value."""
    from shared.plumbing.database import DatabaseUnavailable
    from shared.plumbing.migrations import SchemaOutOfDate
    from shared.plumbing.sealing import BadKeyRing

    if isinstance(error, DatabaseUnavailable):
        return NotReachable(f"{service}: {error}", hint="See `aiguillage doctor`.")
    if isinstance(error, SchemaOutOfDate):
        return CommandFailed(f"{service}: {error}")
    if isinstance(error, BadKeyRing):
        return WrongUsage(f"{service}: AIGUILLAGE_KEY_RING: {error}")
    if isinstance(error, ValueError):  # catalogue, partner files, session keys
        return WrongUsage(f"{service}: {error}")
    return CommandFailed(f"{service} crashed: {type(error).__name__}; see the log above")
