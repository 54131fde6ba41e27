"""The demonstration's requests are 60, varied, and what intake accepts."""

from collections import Counter
from datetime import UTC, datetime

from services.commands.demo_requests import body_of, posts_of, read_demo_requests
from services.commands.demonstration import read_demonstration
from services.intake.request_form import RequestForm
from services.intake.request_rules import list_wrong_times

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_there_are_sixty_by_every_channel() -> None:
    posts = posts_of(read_demonstration())
    requests = read_demo_requests()
    channels = Counter(request.channel or posts[request.by].channel for request in requests)
    assert len(requests) == 60
    assert set(channels) == {"kiosk", "agent", "bus"}
    assert min(channels.values()) >= 10


def test_some_are_posted_twice_some_in_other_languages_some_confirmed() -> None:
    requests = read_demo_requests()
    assert sum(request.twice for request in requests) >= 3
    assert len({request.language for request in requests if request.language}) >= 3
    assert sum(bool(request.confirmed) for request in requests) >= 3


def test_every_request_is_a_form_that_intake_accepts() -> None:
    posts = posts_of(read_demonstration())
    for request in read_demo_requests():
        form = RequestForm.model_validate(body_of(request, post=posts[request.by], now=NOW))
        assert list_wrong_times(form, now=NOW) == []


def test_consent_covers_the_confirmed_agencies_alone_when_there_are_some() -> None:
    posts = posts_of(read_demonstration())
    for request in read_demo_requests():
        body = body_of(request, post=posts[request.by], now=NOW)
        assert (body["consent"]["scope"] == "confirmed") is bool(body["agencies"]["confirmed"])
