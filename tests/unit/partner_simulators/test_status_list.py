"""Statuses read from a cursor."""

import json

import pytest

from services.partner_simulators.status_list import StatusList


def filled(count: int, *, kept: int = 1000) -> StatusList:
    statuses = StatusList(kept=kept)
    for number in range(count):
        statuses.add({"id": number})
    return statuses


def test_pages_follow_one_another_without_gap_or_repetition() -> None:
    statuses = filled(7)
    read: list[int] = []
    cursor = None
    for _ in range(4):
        page, cursor = statuses.read(after=cursor, limit=3)
        read += [json.loads(status)["id"] for status in page]
    assert read == list(range(7))


def test_the_last_cursor_finds_what_comes_later() -> None:
    statuses = filled(2)
    _, cursor = statuses.read(after=None, limit=10)
    statuses.add({"id": 2})
    page, _ = statuses.read(after=cursor, limit=10)
    assert [json.loads(status) for status in page] == [{"id": 2}]


def test_a_cursor_of_an_earlier_life_starts_again() -> None:
    _, old = filled(50).read(after=None, limit=50)
    page, _ = filled(2).read(after=old, limit=10)
    assert len(page) == 2


def test_only_the_newest_are_kept() -> None:
    page, _ = filled(10, kept=4).read(after=None, limit=10)
    assert [json.loads(status)["id"] for status in page] == [6, 7, 8, 9]


def test_what_was_never_a_cursor_is_an_error() -> None:
    with pytest.raises(ValueError):
        filled(1).read(after="hello", limit=10)
