"""Makes communes.tsv.gz and departements.tsv out of npm's `@etalab/decoupage-administratif`.

Run by hand when the official list changes (once a year), with npm on the path:

    python -m services.router.places.reduce_places

Etalab publishes the list under the MIT licence. Nothing of the package but what is below is kept:
postcodes, INSEE codes, names.
"""

import gzip
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

PACKAGE = "@etalab/decoupage-administratif@6.0.0"
FOLDER = Path(__file__).parent
NO_POSTCODE = "-----"
"""Stands for the postcode of Paris, Lyon and Marseille as a whole: it is in an arrondissement."""


def reduce_places() -> None:
    """Write both files; raises CalledProcessError when npm cannot fetch the package."""
    with tempfile.TemporaryDirectory() as folder:
        communes, departements = _fetched(Path(folder))
    (FOLDER / "communes.tsv.gz").write_bytes(
        gzip.compress("\n".join(_commune_lines(communes)).encode(), mtime=0)
    )
    lines = sorted(f"{one['code']}\t{one['nom']}" for one in departements)
    (FOLDER / "departements.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _fetched(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    # npm is found on the path on purpose: this is run by hand.
    subprocess.run(  # noqa: S603
        ["npm", "pack", "--silent", PACKAGE],  # noqa: S607
        cwd=folder,
        check=True,
    )
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    data = folder / "package" / "data"
    return (
        json.loads((data / "communes.json").read_text(encoding="utf-8")),
        json.loads((data / "departements.json").read_text(encoding="utf-8")),
    )


def _commune_lines(communes: list[dict[str, Any]]) -> list[str]:
    """`postcode TAB INSEE TAB name`, sorted; a commune has a line for each of its postcodes."""
    divided = {one["commune"] for one in communes if one["type"] == "arrondissement-municipal"}
    lines = [
        f"{postcode}\t{one['code']}\t{one['nom']}"
        for one in communes
        if one["type"] in ("commune-actuelle", "arrondissement-municipal")
        for postcode in ([NO_POSTCODE] if one["code"] in divided else one.get("codesPostaux", ()))
    ]
    return sorted(lines)


if __name__ == "__main__":
    reduce_places()
    sizes = ", ".join(f"{path.name} {path.stat().st_size} B" for path in FOLDER.glob("*.tsv*"))
    sys.stdout.write(sizes + "\n")
