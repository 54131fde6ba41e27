"""What goes wrong with an embedded server, told so that a person can act."""


class EmbeddedServerError(Exception):
    """An embedded server could not be had; `hint` says what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message
