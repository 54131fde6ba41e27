"""The people of an agency that works with files: batches in, acknowledgements and statuses out.

They take the batches that agree with their manifests, the oldest first, move them to
`depot/traites`, and answer in `retour`, each file before its manifest.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import structlog

from services.partner_simulators.faults import GARBAGE, FaultPanel
from services.partner_simulators.office import Clock, File, Office, StatusMessage
from services.partner_simulators.referral_form import (
    wrong_in_answer,
    wrong_in_referral,
    wrong_in_withdrawal,
)
from services.partner_simulators.sftp_door import INBOX
from services.partner_simulators.sftp_files import (
    Line,
    NotABatch,
    agrees,
    manifest_of,
    read_batch,
    returned_file,
)

log = structlog.get_logger()

MANIFEST = ".sha256"


class SftpDesk:
    """Works on the folders below `root`, whenever `work` is called."""

    def __init__(
        self,
        *,
        root: Path,
        visitor_fields: frozenset[str],
        faults: FaultPanel,
        clock: Clock,
    ) -> None:
        self._inbox = root / INBOX
        self._done = self._inbox / "traites"
        self._returns = root / "retour"
        self._archive = self._returns / "lus"
        self._visitor_fields = visitor_fields
        self._faults = faults
        self._clock = clock
        self._said: list[StatusMessage] = []
        self._half_written: dict[str, bytes] = {}
        self._numbered = 0

    def announce(self, message: StatusMessage) -> None:
        """To be in the next status file."""
        self._said.append(message)

    def furnish(self) -> None:
        """Make the folders."""
        for folder in (self._done, self._archive):
            folder.mkdir(parents=True, exist_ok=True)

    def work(self, office: Office) -> None:
        """Take what has come, and write what there is to say."""
        for name, content in self._half_written.items():
            (self._returns / name).write_bytes(content)
        self._half_written.clear()
        for manifest in sorted(self._inbox.glob(f"*.csv{MANIFEST}"), key=_written_at):
            self._take(manifest, office)
        if self._said:
            self._numbered += 1
            name = f"statuts-{self._clock():%Y%m%dT%H%M%S}-{self._numbered:06d}.csv"
            said, self._said = self._said, []
            self._write(name, said)

    def _take(self, manifest: Path, office: Office) -> None:
        batch = self._inbox / manifest.name.removesuffix(MANIFEST)
        if not batch.exists() or not agrees(manifest.read_bytes(), batch.read_bytes()):
            return
        try:
            lines = read_batch(batch.read_bytes(), partner_id=office.partner_id)
        except NotABatch:
            log.warning("batch_unreadable", partner_id=office.partner_id)
            lines = []
        for file in (batch, manifest):
            file.rename(self._done / file.name)
        acknowledged = [answer for line in lines if (answer := self._file(line, office))]
        if acknowledged:
            self._write(f"accuse-{batch.name}", acknowledged)
        for line in lines:
            if (file_ := office.find_file(line.referral_id)) is not None:
                office.keep_moving(file_)

    def _file(self, line: Line, office: Office) -> StatusMessage | None:
        """File one line; returns what the acknowledgement says of it."""
        body = json.dumps(line.form, ensure_ascii=False).encode()
        file = office.find_file(line.referral_id)
        if line.what == "referral":
            return self._open(line, body, office)
        check = wrong_in_answer if line.what == "answer" else wrong_in_withdrawal
        if file is None or check(line.form):
            log.warning("line_not_usable", what=line.what, partner_id=office.partner_id)
        elif line.what == "answer":
            office.take_answer(file, answer_id=line.id, body=body)
        else:
            office.withdraw(file, body=body)
        return None

    def _open(self, line: Line, body: bytes, office: Office) -> StatusMessage | None:
        wrong = wrong_in_referral(
            line.form, partner_id=office.partner_id, visitor_fields=self._visitor_fields
        )
        if wrong or self._faults.meet("refuse"):
            fields = ", ".join(each["field"] for each in wrong) or "text"
            return office.turn_away(line.referral_id, because=f"Champs à corriger : {fields}.")
        office.open_file(line.referral_id, body=body)
        file: File | None = office.find_file(line.referral_id)
        if file is None or not office.behaviour.statuses:
            return None
        said = office.acknowledgement_of(file)
        return None if said is None else {**said, "reference": file.reference}

    def _write(self, name: str, messages: Sequence[StatusMessage]) -> None:
        """One file and its manifest, or what the fault panel makes of them."""
        content = returned_file(messages)
        if self._faults.meet("garbage"):
            header, _, rest = content.partition(b"\r\n")
            content = b"\r\n".join([header, GARBAGE, b'"half a record;x', rest])
        if self._faults.meet("repeated_files"):
            self._put(name.replace(".csv", "-bis.csv"), content)
        self._put(name, content)
        if self._faults.meet("truncated"):
            (self._returns / name).write_bytes(content[: len(content) // 2])
            self._half_written[name] = content

    def _put(self, name: str, content: bytes) -> None:
        for each, written in ((name, content), (name + MANIFEST, manifest_of(name, content))):
            part = self._returns / f"{each}.part"
            part.write_bytes(written)
            part.rename(self._returns / each)


def _written_at(file: Path) -> int:
    return file.stat().st_mtime_ns
