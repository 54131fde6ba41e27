"""Hands referrals over to agencies, and hears what they say of them."""

SCHEMA = "partner_adapters"
"""The only schema this service reads and writes; also its name."""
