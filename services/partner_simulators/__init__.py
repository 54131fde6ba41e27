"""Stand-ins of the partners' systems, for `aiguillage up`, the tests and partners' developers.

They import nothing of ours on purpose: they know only what goes over the wire, as a real
agency would. Never part of production.
"""
