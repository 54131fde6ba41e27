"""This service's pages: operations, and the portal of agencies that work here."""

import html
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from shared.plumbing.http_door import public

_WEB = Path(__file__).parent / "web"


def add_pages(app: FastAPI, *, sign_in: str) -> None:
    """Add the pages and their files; they hold no data, and ask the API for it.

    `sign_in`: where people sign in. All doors may share one origin, so that the files are under
    each page's own path.
    """
    for name in ("exploitation", "portail"):
        _add_page(app, name, sign_in=sign_in)


def _add_page(app: FastAPI, name: str, *, sign_in: str) -> None:
    text = (_WEB / f"{name}.html").read_text("utf-8")
    page = text.replace("{{sign_in}}", html.escape(sign_in))

    @app.get(f"/{name}", dependencies=[public()], include_in_schema=False)
    async def show() -> HTMLResponse:
        return HTMLResponse(page)

    app.mount(f"/{name}/static", StaticFiles(directory=_WEB / "static"), name=f"{name}_static")
