"""The bodies of the commands: one command, one file. Only `command_line.py` comes in here."""
