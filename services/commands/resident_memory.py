"""How much memory a process holds, where the system tells."""

import shutil
import subprocess
from pathlib import Path


def resident_memory(pid: int) -> int | None:
    """Bytes resident now; None when the process is gone or the system does not tell."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except FileNotFoundError:
        return _told_by_ps(pid)  # macOS has no /proc
    return None


def _told_by_ps(pid: int) -> int | None:
    ps = shutil.which("ps")
    if ps is None:
        return None
    answer = subprocess.run(  # noqa: S603 - the system's own program
        [ps, "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return int(answer.stdout) * 1024 if answer.stdout.strip().isdigit() else None
