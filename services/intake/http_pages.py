"""Intake's pages: the home page that lists the doors, and the live page of cases."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from shared.plumbing.http_door import public

_WEB = Path(__file__).parent / "web"


def add_pages(app: FastAPI) -> None:
    """Add the pages; they hold no data, and ask the API for it with the reader's session."""

    @app.get("/", dependencies=[public()], include_in_schema=False)
    async def home() -> FileResponse:
        return FileResponse(_WEB / "index.html", media_type="text/html; charset=utf-8")

    @app.get("/guichet", dependencies=[public()], include_in_schema=False)
    async def desk() -> FileResponse:
        return FileResponse(_WEB / "guichet.html", media_type="text/html; charset=utf-8")

    app.mount("/static", StaticFiles(directory=_WEB / "static"), name="static")
