import asyncpg


async def test_each_module_has_a_database_of_its_own(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("CREATE TABLE things (id int)")
        assert (await connection.fetchval("SELECT current_database()")).startswith("test_")
    finally:
        await connection.close()


async def test_a_fresh_database_is_empty_and_counts_its_statements(fresh_database_url: str) -> None:
    connection = await asyncpg.connect(fresh_database_url)
    try:
        assert await connection.fetchval("SELECT to_regclass('things')") is None
        assert await connection.fetchval("SELECT count(*) FROM pg_stat_statements") > 0
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert int(await connection.fetchval("SHOW max_connections")) >= 200
    finally:
        await connection.close()
