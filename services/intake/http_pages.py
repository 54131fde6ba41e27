"""Intake's pages: the home page that lists the doors, and the live page of cases."""

import html
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from shared.plumbing.http_door import public

_WEB = Path(__file__).parent / "web"


def add_pages(app: FastAPI, *, triage: str) -> None:
    """Add the pages; they hold no data, and ask the API for it with the reader's session.

    `triage`: where people decide what the router will not.
    """
    pages = {
        name: (_WEB / name).read_text("utf-8").replace("{{triage}}", html.escape(triage))
        for name in ("index.html", "guichet.html")
    }

    @app.get("/", dependencies=[public()], include_in_schema=False)
    async def home() -> HTMLResponse:
        return HTMLResponse(pages["index.html"])

    @app.get("/guichet", dependencies=[public()], include_in_schema=False)
    async def desk() -> HTMLResponse:
        return HTMLResponse(pages["guichet.html"])

    app.mount("/static", StaticFiles(directory=_WEB / "static"), name="static")
