"""What may be logged of an exception: its type, its stack, and its text only when that is ours.

Texts of exceptions quote what they choked on: pydantic its input, PostgreSQL the key that is
twice there, `int()` the phone number. So a text is shown only for the kinds known not to.
"""

import traceback
from collections.abc import Iterator
from types import TracebackType

import asyncpg
from pydantic import ValidationError

_FRAMES_SHOWN = 30
_LINKS_SHOWN = 5
_OUR_MODULES = ("shared.", "services.")
_NAME_CODE_OR_ADDRESSES = (
    OSError,
    ImportError,
    NameError,
    AttributeError,
    TypeError,
    RuntimeError,
)


def describe_exception(error: BaseException) -> dict[str, object]:
    """`{"type", "says", "stack": ["file:line function", …], "because": {…}}`, innermost last."""
    return _describe(error, links_left=_LINKS_SHOWN)


def _describe(error: BaseException, *, links_left: int) -> dict[str, object]:
    described: dict[str, object] = {"type": type(error).__qualname__}
    if says := text_of(error):
        described["says"] = says
    described["stack"] = list(_stack(error.__traceback__))
    if links_left and isinstance(error, BaseExceptionGroup):
        described["group"] = [
            _describe(inner, links_left=links_left - 1) for inner in error.exceptions[:_LINKS_SHOWN]
        ]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if links_left and cause is not None:
        described["because"] = _describe(cause, links_left=links_left - 1)
    return described


def text_of(error: BaseException) -> str | None:
    """The text of an exception without any data of a person, or None."""
    if isinstance(error, ValidationError):
        return _fields_of(error)
    if isinstance(error, asyncpg.PostgresError):
        # Class 22 quotes the value; what follows DETAIL quotes the row, and is not in args[0].
        state = error.sqlstate or ""
        return state if state.startswith("22") else f"{state} {error.args[0] if error.args else ''}"
    ours = f"{type(error).__module__}.".startswith(_OUR_MODULES)
    if isinstance(error, UnicodeError | BaseExceptionGroup):
        return None
    return str(error) if ours or isinstance(error, _NAME_CODE_OR_ADDRESSES) else None


def _fields_of(error: ValidationError) -> str:
    return f"{error.title}: " + ", ".join(
        f"{'.'.join(str(part) for part in item['loc'])} {item['type']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
        if item["type"] != "extra_forbidden"  # its place is a word the sender chose
    )


def _stack(trace: TracebackType | None) -> Iterator[str]:
    frames = list(traceback.walk_tb(trace))[-_FRAMES_SHOWN:]
    for frame, line in frames:
        yield f"{frame.f_code.co_filename}:{line} {frame.f_code.co_name}"
