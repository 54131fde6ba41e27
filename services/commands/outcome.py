"""How a command ends: exit codes, and failures told so that a person can act."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell is told; `aiguillage --help` documents it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3


class CommandFailed(Exception):
    """The command ends here; `hint` says what to do about it."""

    code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotReachable(CommandFailed):
    """Something the command needs does not answer, or nothing says where it is."""

    code = ExitCode.UNREACHABLE


class WrongUsage(CommandFailed):
    """The command was asked for in a way that cannot be."""

    code = ExitCode.USAGE
