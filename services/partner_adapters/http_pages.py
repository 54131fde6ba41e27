"""This service's page: operations."""

import html
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from shared.plumbing.http_door import public

_WEB = Path(__file__).parent / "web"


def add_pages(app: FastAPI, *, sign_in: str) -> None:
    """Add the page and its files; it holds no data, and asks the API for it.

    `sign_in`: where people sign in. All doors may share one origin, so that the files are under
    the page's own path.
    """
    page = (_WEB / "exploitation.html").read_text("utf-8")
    page = page.replace("{{sign_in}}", html.escape(sign_in))

    @app.get("/exploitation", dependencies=[public()], include_in_schema=False)
    async def operations() -> HTMLResponse:
        return HTMLResponse(page)

    app.mount("/exploitation/static", StaticFiles(directory=_WEB / "static"), name="operations")
