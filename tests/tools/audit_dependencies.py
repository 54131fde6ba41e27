"""Fail when a pinned dependency has a known vulnerability; `make check` runs this.

Where the vulnerability data cannot be reached (a machine that sees package files only), it
says so and passes: that is the machine's state, not the project's.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parents[2] / "requirements-dev.lock"
_TIMEOUT_SECONDS = 240


def main() -> int:
    """Return the exit code: 1 when a vulnerability is known, else 0."""
    try:
        answer = subprocess.run(
            [
                Path(sys.executable).parent / "pip-audit",
                *("--requirement", LOCK, "--disable-pip", "--require-hashes"),
                *("--format", "json", "--progress-spinner", "off", "--timeout", "15"),
            ],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        dependencies = json.loads(answer.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError) as error:
        print(f"pip-audit: NOT AUDITED, its data cannot be reached ({type(error).__name__})")
        return 0
    skipped = [entry for entry in dependencies if "skip_reason" in entry]
    vulnerable = [entry for entry in dependencies if entry.get("vulns")]
    for entry in vulnerable:
        ids = ", ".join(found["id"] for found in entry["vulns"])
        print(f"pip-audit: {entry['name']} {entry['version']}: {ids}")
    audited = len(dependencies) - len(skipped)
    if not audited:
        print(f"pip-audit: NOT AUDITED, no data for any of {len(skipped)} dependencies here")
    else:
        print(f"pip-audit: {audited} audited, {len(skipped)} skipped, {len(vulnerable)} vulnerable")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
