"""Takes requests in, and shows what becomes of them."""

SCHEMA = "intake"
"""The only schema this service reads and writes; also its name."""
