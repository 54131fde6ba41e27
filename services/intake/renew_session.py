"""Give whoever holds a session, or a machine its token, a new session."""

from services.intake.account_store import find_principal
from shared.plumbing.access import Principal, Session, SessionSigner
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.problem_details import Problem


async def renew_session(
    principal: Principal, *, database: Database, signer: SessionSigner, clock: Clock
) -> Session:
    """Give a new session with the account's rights of now.

    Raises `Problem` 401 if it has none, or if its token or password was replaced meanwhile.
    """
    present = await find_principal(database, principal.account, credential=principal.credential)
    if present is None:
        raise Problem(401, "Ce compte n’est plus actif.")
    return signer.issue(present, now=clock.now())
