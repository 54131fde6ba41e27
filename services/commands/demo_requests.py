"""The 60 requests of the demonstration: what is said, by which station or agent. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

CONSENT_TEXT = "demo-1"


@dataclass(frozen=True)
class DemoRequest:
    """One request of `demo_requests.jsonl`; the people in it do not exist."""

    by: str
    """The account of a station, or of an agent at work."""
    text: str
    visitor: Mapping[str, Any] = field(default_factory=dict)
    channel: str | None = None
    """None: the usual one of whoever takes it."""
    language: str | None = None
    confirmed: Sequence[str] = ()
    """Agencies the visitor confirmed; consent then covers those alone."""
    twice: bool = False
    """Posted a second time under the same key, as a client does that lost the answer."""
    taken_hours_ago: int = 0


@dataclass(frozen=True)
class Post:
    """Who takes requests where."""

    site_id: str
    channel: str


def read_demo_requests() -> list[DemoRequest]:
    """All of them, in the order they are sent."""
    file = resources.files("services.commands") / "demo_requests.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    return [DemoRequest(**json.loads(line)) for line in lines if line]


def posts_of(demonstration: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Post]:
    """The post of every station and of every agent, by account."""
    stations = {
        station["station_id"]: Post(station["site_id"], station["role"])
        for station in demonstration["stations"]
    }
    agents = {
        person["account"]: Post(person["site_id"], "agent")
        for person in demonstration["people"]
        if "agent" in person["roles"]
    }
    return {**stations, **agents}


def body_of(request: DemoRequest, *, post: Post, now: datetime) -> dict[str, Any]:
    """The body to post to intake."""
    body: dict[str, Any] = {
        "text": request.text,
        "channel": request.channel or post.channel,
        "site_id": post.site_id,
        "visitor": dict(request.visitor),
        "consent": {
            "text_version": CONSENT_TEXT,
            "given_by": "visitor",
            "scope": "confirmed" if request.confirmed else "concerned",
        },
        "agencies": {"confirmed": list(request.confirmed)},
    }
    if request.language:
        body["language"] = request.language
    if request.taken_hours_ago:
        body["taken_at"] = (now - timedelta(hours=request.taken_hours_ago)).isoformat()
    return body
