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

    def __init__(self, message: str, *, hint: str = "", code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class NotReachable(CommandFailed):
    """Something the command needs does not answer, or nothing says where it is."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, code=ExitCode.UNREACHABLE)


class WrongUsage(CommandFailed):
    """The command was asked for in a way that cannot be."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, code=ExitCode.USAGE)
