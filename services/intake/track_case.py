"""Find the case a visitor follows, by its reference and their tracking secret."""

import hmac

from services.intake.case_reference import read_reference
from services.intake.case_store import Case, find_case_by_reference
from shared.plumbing.access import hash_token
from shared.plumbing.database import Database
from shared.plumbing.problem_details import Problem

_NO_HASH = bytes(32)


async def track_case(reference: str, secret: str, *, database: Database) -> Case:
    """The case, the reference being as somebody typed it.

    Raises `Problem` 404, the same whether the reference or the secret is wrong.
    """
    known = read_reference(reference)
    case = await find_case_by_reference(database, known) if known else None
    expected = case.tracking_secret_hash if case is not None else _NO_HASH
    right = hmac.compare_digest(hash_token(secret), expected)
    if case is None or not right:
        raise Problem(404)
    return case
