"""A real PostgreSQL and a real Kafka from Python packages alone (extra `embedded`).

`start_postgresql` and `start_kafka` return a running server that is also a context manager; both
are synchronous, so that test fixtures and the command line use them alike (from a coroutine, call
them through `asyncio.to_thread`).
"""
