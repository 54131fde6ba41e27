"""Roles of routes: whatever way a route is added, it says who may use it or is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from shared.plumbing.access import Principal
from shared.plumbing.http_access import RouteWithoutRoles
from shared.plumbing.http_door import allow, public, verify_routes_declare_roles


async def anybody() -> None: ...


async def for_agents(principal: Annotated[Principal, allow("agent")]) -> None: ...


def by_decorator(app: FastAPI) -> None:
    app.get("/a", dependencies=[public()])(anybody)


def by_parameter(app: FastAPI) -> None:
    app.get("/a")(for_agents)


def by_router(app: FastAPI) -> None:
    inner, outer = APIRouter(), APIRouter(prefix="/x", dependencies=[allow("operations")])
    inner.get("/a")(anybody)
    outer.include_router(inner)
    app.include_router(outer)


def by_static_files(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=Path(__file__).parent))


def silent(app: FastAPI) -> None:
    app.get("/x/a")(anybody)


def silent_in_router(app: FastAPI) -> None:
    routes = APIRouter(prefix="/x")
    routes.get("/a")(anybody)
    app.include_router(routes)


def plain_route(app: FastAPI) -> None:
    app.router.routes.append(Route("/x/a", lambda _: PlainTextResponse("")))


def mounted_application(app: FastAPI) -> None:
    app.router.routes.append(Mount("/x/a", FastAPI()))


@pytest.mark.parametrize("add", [by_decorator, by_parameter, by_router, by_static_files])
def test_a_route_that_declares_its_roles_is_accepted(add: Callable[[FastAPI], None]) -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    add(app)
    verify_routes_declare_roles(app)


@pytest.mark.parametrize("add", [silent, silent_in_router, plain_route, mounted_application])
def test_a_route_that_declares_nothing_is_refused_by_its_path(
    add: Callable[[FastAPI], None],
) -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    add(app)
    with pytest.raises(RouteWithoutRoles, match="/x/a"):
        verify_routes_declare_roles(app)


def test_allowing_no_role_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nobody"):
        allow()
