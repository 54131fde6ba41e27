"""Intake's pages: the home page that lists the doors, and the live page of cases."""

import html
from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from shared.plumbing.http_door import public

_WEB = Path(__file__).parent / "web"


def add_pages(app: FastAPI, *, elsewhere: Mapping[str, str]) -> None:
    """Add the pages; they hold no data, and ask the API for it with the reader's session.

    `elsewhere`: the addresses of the other doors' pages, by the name in our pages.
    """
    home_page, desk_page = (_page(name, elsewhere) for name in ("index.html", "guichet.html"))

    @app.get("/", dependencies=[public()], include_in_schema=False)
    async def home() -> HTMLResponse:
        return HTMLResponse(home_page)

    @app.get("/guichet", dependencies=[public()], include_in_schema=False)
    async def desk() -> HTMLResponse:
        return HTMLResponse(desk_page)

    app.mount("/static", StaticFiles(directory=_WEB / "static"), name="static")


def _page(name: str, elsewhere: Mapping[str, str]) -> str:
    text = (_WEB / name).read_text("utf-8")
    for what, address in elsewhere.items():
        text = text.replace("{{" + what + "}}", html.escape(address))
    return text
