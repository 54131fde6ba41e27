"""`aiguillage migrate`: bring the database to the version this code needs."""

import asyncio

from services.commands import where
from services.commands.outcome import CommandFailed, NotReachable
from services.commands.printing import print_rows


def migrate(*, as_json: bool) -> None:
    """Apply what is missing and print it."""
    applied = asyncio.run(apply_migrations(where.database_url()))
    print_rows(
        [{"applied": name} for name in applied],
        columns=["applied"],
        as_json=as_json,
        when_empty="The database is up to date.",
    )


async def apply_migrations(url: str) -> list[str]:
    """The names applied now; raises `NotReachable` and `CommandFailed`."""
    import asyncpg

    from shared.plumbing.migrations import SchemaOutOfDate
    from shared.plumbing.migrations import migrate as apply

    try:
        return await apply(url)
    except SchemaOutOfDate as error:
        raise CommandFailed(str(error)) from error
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
        raise NotReachable(
            f"PostgreSQL does not answer: {type(error).__name__}.",
            hint="Is it started? Is AIGUILLAGE_DATABASE_URL right?",
        ) from error
    except asyncpg.PostgresError as error:
        raise CommandFailed(f"PostgreSQL refused: {error}") from error
