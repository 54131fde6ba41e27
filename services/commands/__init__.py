"""The bodies of the commands, and what they stand on. No service imports from here."""
