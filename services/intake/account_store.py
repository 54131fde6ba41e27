"""All SQL on who may come in: bearer tokens of machines, accounts of people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.plumbing.access import Principal, fingerprint
from shared.plumbing.database import Database, Row, Transaction


@dataclass(frozen=True)
class Account:
    principal: Principal
    password_hash: str


async def find_token_holder(database: Database, token_hash: bytes) -> Principal | None:
    """Whose token has this hash, unless it was revoked. A station's account is its station id."""
    row = await database.fetchrow(
        """
        SELECT account, roles, site_id FROM intake.api_tokens
        WHERE token_hash = $1 AND revoked_at IS NULL
        """,
        token_hash,
    )
    return _principal(row, stored=token_hash) if row else None


async def find_account(database: Database, account: str) -> Account | None:
    """A person's account, unless it was disabled."""
    row = await database.fetchrow(
        """
        SELECT account, roles, site_id, password_hash FROM intake.accounts
        WHERE account = $1 AND disabled_at IS NULL
        """,
        account,
    )
    if row is None:
        return None
    principal = _principal(row, stored=row["password_hash"].encode())
    return Account(principal=principal, password_hash=row["password_hash"])


async def find_principal(
    database: Database, account: str, *, credential: str | None
) -> Principal | None:
    """What an account may do now, unless the token or password that let it in was replaced."""
    rows = await database.fetch(
        """
        SELECT account, roles, site_id, convert_to(password_hash, 'UTF8') AS stored
        FROM intake.accounts WHERE account = $1 AND disabled_at IS NULL
        UNION ALL
        SELECT account, roles, site_id, token_hash
        FROM intake.api_tokens WHERE account = $1 AND revoked_at IS NULL
        """,
        account,
    )
    present = [_principal(row, stored=row["stored"]) for row in rows]
    return next((each for each in present if each.credential == credential), None)


async def list_taken_names(
    tx: Transaction, *, machines: Sequence[str], people: Sequence[str]
) -> list[str]:
    """Those of these machines that bear a person's name, and the other way round."""
    rows = await tx.fetch(
        """
        SELECT account FROM intake.accounts WHERE account = ANY($1::text[])
        UNION ALL
        SELECT account FROM intake.api_tokens WHERE account = ANY($2::text[])
        """,
        list(machines),
        list(people),
    )
    return [row["account"] for row in rows]


async def insert_or_update_token(
    tx: Transaction,
    *,
    account: str,
    token_hash: bytes,
    roles: Sequence[str],
    site_id: str | None,
    now: datetime,
) -> None:
    await tx.execute(
        """
        INSERT INTO intake.api_tokens (account, token_hash, roles, site_id, created_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (account) DO UPDATE SET token_hash = excluded.token_hash,
            roles = excluded.roles, site_id = excluded.site_id, revoked_at = NULL
        """,
        account,
        token_hash,
        list(roles),
        site_id,
        now,
    )


async def insert_or_update_account(
    tx: Transaction,
    *,
    account: str,
    password_hash: str,
    roles: Sequence[str],
    site_id: str | None,
    now: datetime,
) -> None:
    await tx.execute(
        """
        INSERT INTO intake.accounts (account, password_hash, roles, site_id, created_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (account) DO UPDATE SET password_hash = excluded.password_hash,
            roles = excluded.roles, site_id = excluded.site_id, disabled_at = NULL
        """,
        account,
        password_hash,
        list(roles),
        site_id,
        now,
    )


def _principal(row: Row, *, stored: bytes) -> Principal:
    return Principal(
        account=row["account"],
        roles=tuple(row["roles"]),
        site_id=row["site_id"],
        credential=fingerprint(stored),
    )
