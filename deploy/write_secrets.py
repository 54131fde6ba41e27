"""Write deploy/secrets/*.env with new keys: `python deploy/write_secrets.py`; needs Aiguillage.

What is there already is left alone, since a lost key ring is lost data.
"""

import os
import secrets
import sys
from pathlib import Path

from shared.plumbing.access import generate_session_keys
from shared.plumbing.sealing import KeyRing

FOLDER = Path(__file__).with_name("secrets")


def main() -> None:
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    files = new_files()
    if there := [name for name in files if (FOLDER / name).exists()]:
        sys.exit(f"{FOLDER} has {', '.join(there)} already: nothing was written.")
    for name, settings in files.items():
        write_private(FOLDER / name, settings)
        sys.stdout.write(f"{FOLDER / name}\n")


def new_files() -> dict[str, dict[str, str]]:
    """Each file by name: who needs what, and no more."""
    password = secrets.token_urlsafe(24)
    private_key, public_key = generate_session_keys()
    return {
        "postgres.env": {
            "POSTGRES_USER": "aiguillage",
            "POSTGRES_PASSWORD": password,
            "POSTGRES_DB": "aiguillage",
        },
        "services.env": {
            "AIGUILLAGE_DATABASE_URL": f"postgresql://aiguillage:{password}@postgres/aiguillage",
            "AIGUILLAGE_KAFKA": "kafka:9092",
            "AIGUILLAGE_KEY_RING": KeyRing.generate_text(),
            "AIGUILLAGE_SESSION_PUBLIC_KEY": public_key,
        },
        "intake.env": {"AIGUILLAGE_SESSION_PRIVATE_KEY": private_key},
        # The two partners that need no secret; others join with theirs (docs/operators.md).
        "partners.env": {"AIGUILLAGE_PARTNERS": "mairie,accompagnement"},
    }


def write_private(path: Path, settings: dict[str, str]) -> None:
    """Compose reads quoted values as they are; `docker run --env-file` would keep the quotes."""
    lines = "".join(f"{name}='{value}'\n" for name, value in settings.items())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(lines)


if __name__ == "__main__":
    main()
