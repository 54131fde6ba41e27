"""Every route says who may use it: `allow(…)` or `public()`. What says nothing is refused."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from shared.plumbing.access import SESSION_COOKIE, InvalidSession, Principal, SessionVerifier
from shared.plumbing.clock import Clock
from shared.plumbing.problem_details import Problem

Authenticate = Callable[[Request], Awaitable[Principal | None]]
"""Who is asking, or None for nobody we know."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OUR_OWN = frozenset({"same-origin", "none"})
"""`none`: a person typed the address, no page asked."""
_SERVED_BY_FASTAPI = frozenset({"/openapi.json"})


class RouteWithoutRoles(Exception):
    """A route declares neither `allow(…)` nor `public()`."""


@dataclass(frozen=True)
class _Allow:
    roles: tuple[str, ...]

    async def __call__(self, request: Request) -> Principal:
        principal: Principal | None = await request.app.state.authenticate(request)
        if principal is None:
            raise Problem(401, headers={"WWW-Authenticate": "Bearer"})
        if not principal.has_role(*self.roles):
            raise Problem(403)
        return principal


@dataclass(frozen=True)
class _Public:
    async def __call__(self) -> None:
        return None


def allow(*roles: str) -> Any:
    """Only these roles: `principal: Annotated[Principal, allow("agent", "supervisor")]`.

    Nobody known: 401; somebody without any of these roles: 403. `partner` is any unit of any
    partner.
    """
    if not roles:
        raise ValueError("allow() without a role allows nobody")
    return Depends(_Allow(roles))


def public() -> Any:
    """Anybody: `@app.get("/", dependencies=[public()])`."""
    return Depends(_Public())


def verify_routes_declare_roles(app: FastAPI) -> None:
    """Raise `RouteWithoutRoles` naming the routes that do not say who may use them.

    Folders of static files are public by nature.
    """
    silent = [
        f"{','.join(sorted(context.methods or ()))} {context.path}"
        for context in iter_route_contexts(app.routes)
        if not _declares_roles(context)
    ]
    if silent:
        raise RouteWithoutRoles(f"neither allow() nor public(): {'; '.join(silent)}")


def is_public(context: RouteContext) -> bool:
    """Tell whether a route is declared `public()`."""
    return any(isinstance(call, _Public) for call in _calls(context))


def _declares_roles(context: RouteContext) -> bool:
    route = context.original_route
    if isinstance(route, Mount):
        return isinstance(route.app, StaticFiles)
    return context.path in _SERVED_BY_FASTAPI or any(
        isinstance(call, _Allow | _Public) for call in _calls(context)
    )


def _calls(context: RouteContext) -> Iterator[object]:
    dependant = getattr(context, "dependant", None)
    waiting: list[Dependant] = [dependant] if dependant else []
    while waiting:
        current = waiting.pop()
        yield current.call
        waiting.extend(current.dependencies)


def bearer_token(request: Request) -> str | None:
    """The token of `Authorization: Bearer …`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def session_token(request: Request) -> str | None:
    """The session of the request: its bearer token, else its cookie.

    The cookie is `SameSite=Strict`, but another port or sub-domain is the same site to a browser:
    a change that another page asks for is not believed.
    """
    if token := bearer_token(request):
        return token
    if request.method not in _SAFE_METHODS and is_from_another_page(request):
        return None
    return request.cookies.get(SESSION_COOKIE)


def is_from_another_page(request: Request) -> bool:
    """Tell whether a browser says that a page of another origin asks.

    By Sec-Fetch-Site, which no page can set; where it is missing, by Origin, which browsers older
    than 2023 send too. What is not a browser sends neither.
    """
    if site := request.headers.get("sec-fetch-site"):
        return site not in _OUR_OWN
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")


def session_authenticator(verifier: SessionVerifier, *, clock: Clock) -> Authenticate:
    """Know people by their session alone; for router and partner_adapters."""

    async def authenticate(request: Request) -> Principal | None:
        token = session_token(request)
        if token is None:
            return None
        try:
            return verifier.verify(token, now=clock.now())
        except InvalidSession:
            return None

    return authenticate
