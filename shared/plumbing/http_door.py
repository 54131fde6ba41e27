"""The HTTP door of a service: one FastAPI application with the conventions of all doors.

Errors are `application/problem+json`; every route says who may use it; bodies are small JSON
documents in UTF-8; `/livez`, `/readyz` and `/metrics` are there; nothing of a person is logged.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response

from shared.plumbing.access import SESSION_COOKIE
from shared.plumbing.database import TRANSIENT, DatabaseUnavailable
from shared.plumbing.health import Health
from shared.plumbing.http_access import (
    Authenticate,
    allow,
    bearer_token,
    is_public,
    public,
    session_authenticator,
    verify_routes_declare_roles,
)
from shared.plumbing.http_observation import Observation
from shared.plumbing.problem_details import (
    MEDIA_TYPE,
    PROBLEM_SCHEMA,
    FieldError,
    FieldRefused,
    Problem,
    problem_response,
)
from shared.plumbing.request_body import RequestBody
from shared.plumbing.validation_messages import field_errors

__all__ = [
    "FieldError",
    "FieldRefused",
    "Problem",
    "allow",
    "bearer_token",
    "build_door",
    "documented_problem",
    "public",
    "read_idempotency_key",
    "session_authenticator",
    "verify_routes_declare_roles",
]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_COME_BACK_AFTER_SECONDS = "5"
_IDEMPOTENCY_KEY_LENGTH = 200
_DOCUMENTED = {
    400: "Not JSON, or a header is missing",
    401: "Nobody known: no token, or one that is over",
    403: "Known, without the role",
    404: "Not here, or not yours to see",
    413: "Larger than the limit",
    415: "Not application/json in UTF-8",
    422: "Wrong fields, all named",
    503: "Come back later: see Retry-After",
}
_NO_TELEMETRY: TelemetryConfig = {
    # FastAPI's own would record validation errors with their input.
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


def build_door(
    *,
    service: str,
    title: str,
    description: str,
    version: str,
    authenticate: Authenticate,
    health: Health,
    max_body: int = 262_144,
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """Make the application; add routes, then serve it with its lifespan on.

    `max_body` is in bytes. Starting raises `RouteWithoutRoles` when a route does not say who may
    use it.
    """
    app = FastAPI(
        title=title,
        description=description,
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
        lifespan=_checked(lifespan),
        responses={status: documented_problem(text) for status, text in _DOCUMENTED.items()},
        middleware=[
            Middleware(Observation, service=service),
            Middleware(RequestBody, max_body=max_body),
        ],
        exception_handlers={
            Problem: _answer_problem,
            RequestValidationError: _answer_validation_error,
            HTTPException: _answer_http_exception,
            **dict.fromkeys((DatabaseUnavailable, *TRANSIENT), _answer_unavailable),
        },
    )
    app.state.authenticate = authenticate
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # FastAPI's documented way
    _add_health_routes(app, health)
    return app


async def read_idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(
            max_length=_IDEMPOTENCY_KEY_LENGTH,
            description="Any text of your choice, the same when you try again. Required.",
        ),
    ] = None,
) -> str:
    """The `Idempotency-Key` of a creating call, as a dependency; without it, 400."""
    if not idempotency_key or not idempotency_key.isascii() or not idempotency_key.isprintable():
        raise Problem(
            400,
            "L’en-tête Idempotency-Key est obligatoire.",
            code="idempotency-key-missing",
            detail="Envoyez un texte de votre choix (ASCII), le même à chaque nouvel essai.",
        )
    return idempotency_key


def documented_problem(description: str) -> dict[str, Any]:
    """A problem among a route's `responses`, as the OpenAPI document says it."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def _checked(lifespan: Lifespan | None) -> Lifespan:
    @asynccontextmanager
    async def checked(app: FastAPI) -> AsyncIterator[None]:
        verify_routes_declare_roles(app)
        if lifespan is None:
            yield
            return
        async with lifespan(app):
            yield

    return checked


async def _answer_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - what it is registered for
    return problem_response(error)


async def _answer_validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    errors = error.errors()
    for item in errors:
        if item["type"] == "json_invalid":
            detail = f"Ce n’est pas du JSON à partir du caractère {item['loc'][-1]}."
            return problem_response(Problem(400, code="not-json", detail=detail))
    return problem_response(Problem(422, errors=field_errors(errors)))


async def _answer_http_exception(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    # FastAPI's own: unknown path or method, unreadable body. Its English detail says no more.
    return problem_response(Problem(error.status_code, headers=error.headers))


async def _answer_unavailable(_: Request, __: Exception) -> Response:
    return problem_response(Problem(503, headers={"Retry-After": _COME_BACK_AFTER_SECONDS}))


def _add_health_routes(app: FastAPI, health: Health) -> None:
    @app.get("/livez", dependencies=[public()], include_in_schema=False)
    async def livez() -> Response:
        return JSONResponse({"alive": True})

    @app.get("/readyz", dependencies=[public()], include_in_schema=False)
    async def readyz() -> Response:
        report = await health.report()
        return JSONResponse(report.as_json(), status_code=200 if report.ready else 503)

    @app.get("/metrics", dependencies=[public()], include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        components = schema.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
        }
        schema["security"] = [{"bearer": []}, {"session": []}]
        for context in iter_route_contexts(app.routes):
            for method in context.methods or () if is_public(context) else ():
                operation = schema["paths"].get(context.path_format, {}).get(method.lower())
                if operation:
                    operation["security"] = []
        app.openapi_schema = schema
    return app.openapi_schema
