"""The same system as the end-to-end tests', in trouble."""

from tests.end_to_end.conftest import agencies, counter, http, operations, system

__all__ = ["agencies", "counter", "http", "operations", "system"]
