"""The router: finds every agency concerned, or honestly a person."""

SCHEMA = "router"
