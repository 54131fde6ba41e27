"""Intake's door for signing in: a session for a person, or for whoever holds a token."""

from typing import Annotated

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.intake.door_parts import DoorParts, Parts
from services.intake.http_answers import SessionGiven, WhoIsSignedIn
from services.intake.renew_session import renew_session
from services.intake.request_form import CredentialsForm
from services.intake.sign_in import sign_in
from shared.plumbing.access import (
    Principal,
    Session,
    ended_session_cookie,
    is_loopback,
    session_cookie,
)
from shared.plumbing.http_access import is_from_another_page
from shared.plumbing.http_door import (
    FieldError,
    Problem,
    allow,
    bearer_token,
    documented_problem,
    public,
)

Anybody = Annotated[
    Principal,
    allow("kiosk", "bus", "api", "agent", "supervisor", "triage", "operations", "partner"),
]
_TOO_MANY_ATTEMPTS = documented_problem(
    "Too many wrong passwords for this account or from this address"
)


def add_session_routes(app: FastAPI) -> None:
    """Add the routes under /api/v1/sessions."""

    @app.post(
        "/api/v1/sessions",
        dependencies=[public()],
        responses={200: {"model": SessionGiven}, 429: _TOO_MANY_ATTEMPTS},
    )
    async def begin(
        request: Request, parts: Parts, form: CredentialsForm | None = None
    ) -> Response:
        """Sign in with account and password, or with a bearer token and no body."""
        if is_from_another_page(request):
            raise Problem(403)
        if form is not None:
            session = await sign_in(
                account=form.account,
                password=form.password,
                address=request.client.host if request.client else None,
                brake=parts.sign_in_brake,
                database=parts.database,
                passwords=parts.passwords,
                signer=parts.signer,
                clock=parts.clock,
            )
            return _with_cookie(session, request)
        if bearer_token(request) is None:
            missing = "Ce champ est obligatoire."
            raise Problem(
                422, errors=[FieldError("account", missing), FieldError("password", missing)]
            )
        holder = await parts.authenticator(request)
        if holder is None:
            raise Problem(401, headers={"WWW-Authenticate": "Bearer"})
        return _with_cookie(await _renewed(holder, parts), request)

    @app.post("/api/v1/sessions/renewal", responses={200: {"model": SessionGiven}})
    async def renew(holder: Anybody, request: Request, parts: Parts) -> Response:
        """Exchange a session that is not over for a new one."""
        return _with_cookie(await _renewed(holder, parts), request)

    @app.get("/api/v1/sessions")
    async def show(holder: Anybody) -> WhoIsSignedIn:
        """Who is signed in."""
        return WhoIsSignedIn(
            account=holder.account, roles=list(holder.roles), site_id=holder.site_id
        )

    @app.delete("/api/v1/sessions", status_code=204, dependencies=[public()])
    async def end(request: Request) -> Response:
        """Forget the session in this browser; what was copied of it ends within 10 minutes."""
        cookie = ended_session_cookie(secure=_is_secure(request))
        return Response(status_code=204, headers={"Set-Cookie": cookie})


async def _renewed(holder: Principal, parts: DoorParts) -> Session:
    return await renew_session(
        holder, database=parts.database, signer=parts.signer, clock=parts.clock
    )


def _with_cookie(session: Session, request: Request) -> Response:
    return JSONResponse(
        {"token": session.token, "expires_at": session.expires_at.isoformat()},
        headers={"Set-Cookie": session_cookie(session, secure=_is_secure(request))},
    )


def _is_secure(request: Request) -> bool:
    # The scheme too: a proxy may call us by a loopback name and say that it was called by https.
    return request.url.scheme == "https" or not is_loopback(request.url.hostname or "")
