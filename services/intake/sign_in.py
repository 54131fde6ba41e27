"""Give a person a short session for their account and password."""

from services.intake.account_store import find_account
from services.intake.sign_in_brake import SignInBrake
from shared.plumbing.access import Session, SessionSigner
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.passwords import Passwords
from shared.plumbing.problem_details import Problem


async def sign_in(
    *,
    account: str,
    password: str,
    address: str | None,
    brake: SignInBrake,
    database: Database,
    passwords: Passwords,
    signer: SessionSigner,
    clock: Clock,
) -> Session:
    """Exchange an account and its password; `address` is where the asker is, as far as we know.

    Raises `Problem` 401, the same for both wrong, and 429 after too many attempts.
    """
    found = await find_account(database, account)
    brake.begin(account=account, address=address)
    right = await passwords.verify(password, found.password_hash if found else None)
    if found is None or not right:
        raise Problem(401, "Ce compte ou ce mot de passe n’est pas le bon.")
    brake.forgive(account=account, address=address)
    return signer.issue(found.principal, now=clock.now())
