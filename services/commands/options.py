"""What many commands share: the option that prints JSON, the epilog on exit codes."""

from typing import Annotated

import typer

EXIT_CODES = """
Exit codes: 0 done; 1 what was asked failed; 2 wrong usage or settings; 3 something needed cannot
be reached.
"""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
