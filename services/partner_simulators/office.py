"""The people of one agency at work: files are opened, and moved on one step per `pace`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.partner_simulators.casework import Fate, Stage, fate_of, fate_ordered_in, next_stage
from services.partner_simulators.ledger import Ledger, What
from services.partner_simulators.schedule import Schedule
from services.partner_simulators.words import reason_word, sentence, status_word

Clock = Callable[[], datetime]
StatusMessage = dict[str, Any]
"""`{"id", "referral_id", "status", "at", "reason", "message"}`, in the agency's own words."""


@dataclass(slots=True)
class Behaviour:
    """How this agency works: seconds between two steps, what comes out, whether it tells."""

    pace: float
    outcome: str
    statuses: bool = True


@dataclass(slots=True)
class File:
    """One referral as the agency keeps it."""

    referral_id: str
    reference: str
    stage: Stage
    fate: Fate
    changed_at: str
    answers: frozenset[str] = frozenset()
    withdrawn: bool = False
    moving: bool = False


def written(moment: datetime) -> str:
    """A moment as it goes over the wire: UTC with a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Office:
    """One agency's files and what happens to them; says every status through `announce`."""

    def __init__(
        self,
        *,
        partner_id: str,
        behaviour: Behaviour,
        schedule: Schedule,
        clock: Clock,
        announce: Callable[[StatusMessage], None],
        recognises_repetitions: bool = True,
    ) -> None:
        self.partner_id = partner_id
        self.behaviour = behaviour
        self.ledger = Ledger()
        self._schedule = schedule
        self._clock = clock
        self._announce = announce
        self._recognises_repetitions = recognises_repetitions
        self._files: dict[str, File] = {}
        self._numbered = 0

    @property
    def files(self) -> int:
        """How many referrals have a file here."""
        return len(self._files)

    def find_file(self, referral_id: str) -> File | None:
        return self._files.get(referral_id)

    def open_file(
        self, referral_id: str, *, body: bytes, stage: Stage = Stage.RECEIVED
    ) -> tuple[str, bool]:
        """File a referral; returns the agency's reference and whether a file was opened.

        A file taken up again after a restart begins at `stage`.
        An agency that does not recognise repetitions opens one file more each time; only the
        first moves on, which is enough to see the mistake in the ledger.
        """
        file = self._files.get(referral_id)
        is_new = file is None or not self._recognises_repetitions
        now = self._clock()
        reference = self._new_reference(now) if file is None or is_new else file.reference
        if file is None:
            fate = fate_ordered_in(body) or fate_of(referral_id, outcome=self.behaviour.outcome)
            file = File(referral_id, reference, stage, fate, written(now))
            self._files[referral_id] = file
        self.ledger.record(
            "referral",
            referral_id,
            referral_id=referral_id,
            body=body,
            received_at=written(now),
            reference=reference,
            accepted_as_new=is_new,
        )
        return reference, is_new

    def take_answer(self, file: File, *, answer_id: str, body: bytes) -> None:
        """Take the visitor's answer; the same `answer_id` again changes nothing."""
        is_new = answer_id not in file.answers
        file.answers |= {answer_id}
        self._record(file, "answer", key=answer_id, body=body, is_new=is_new)
        if is_new and file.stage is Stage.NEEDS_INFORMATION:
            self.keep_moving(file)

    def withdraw(self, file: File, *, body: bytes) -> None:
        """The visitor gives up: nothing more happens to this file."""
        is_new = not file.withdrawn
        file.withdrawn = True
        self._record(file, "withdrawal", key=file.referral_id, body=body, is_new=is_new)

    def keep_moving(self, file: File) -> None:
        """Plan the file's next step, unless it is planned already or there is none."""
        if file.moving or not self.behaviour.statuses or self._following(file) is None:
            return
        file.moving = True
        self._schedule.after(self.behaviour.pace, partial(self._step, file))

    def change_behaviour(self, behaviour: Behaviour) -> None:
        """Work otherwise from now on; files that waited for statuses to be told go on."""
        told_before = self.behaviour.statuses
        self.behaviour = behaviour
        if behaviour.statuses and not told_before:
            for file in self._files.values():
                self.keep_moving(file)

    def move_on(self, file: File) -> StatusMessage | None:
        """Take the file's next step now; None when there is none."""
        stage = self._following(file)
        if stage is None:
            return None
        file.stage = stage
        file.changed_at = written(self._clock())
        return self.status_of(file)

    def standing_of(self, file: File) -> str:
        """The word said to whoever asks about a file; one just opened counts as acknowledged."""
        stage = Stage.ACKNOWLEDGED if file.stage is Stage.RECEIVED else file.stage
        return status_word(self.partner_id, stage)

    def acknowledgement_of(self, file: File) -> StatusMessage | None:
        """Acknowledge a file now, or say so again; None once it has gone further."""
        if file.stage is Stage.ACKNOWLEDGED:
            return self.status_of(file)
        return self.move_on(file) if file.stage is Stage.RECEIVED else None

    def status_of(self, file: File) -> StatusMessage:
        """Where the file stands, as said to others; the same step always has the same id."""
        reason = file.fate.reason if file.stage is Stage.REFUSED else None
        step = f"{self.partner_id}/{file.referral_id}/{file.stage}/{len(file.answers)}"
        return {
            "id": f"evt-{uuid5(NAMESPACE_URL, step)}",
            "referral_id": file.referral_id,
            "status": status_word(self.partner_id, file.stage),
            "at": file.changed_at,
            "reason": reason_word(self.partner_id, reason) if reason else None,
            "message": sentence(
                self.partner_id, file.stage, referral_id=file.referral_id, reason=reason
            ),
        }

    def turn_away(self, referral_id: str, *, because: str) -> StatusMessage:
        """Refuse a referral whose form is wrong, without opening a file."""
        step = f"{self.partner_id}/{referral_id}/turned_away"
        return {
            "id": f"evt-{uuid5(NAMESPACE_URL, step)}",
            "referral_id": referral_id,
            "status": status_word(self.partner_id, Stage.REFUSED),
            "at": written(self._clock()),
            "reason": reason_word(self.partner_id, "incomplete"),
            "message": because,
        }

    def _step(self, file: File) -> None:
        file.moving = False
        if not self.behaviour.statuses:
            return
        message = self.move_on(file)
        if message is not None:
            self._announce(message)
            self.keep_moving(file)

    def _following(self, file: File) -> Stage | None:
        if file.withdrawn:
            return None
        return next_stage(file.stage, fate=file.fate, answered=bool(file.answers))

    def _record(self, file: File, what: What, *, key: str, body: bytes, is_new: bool) -> None:
        self.ledger.record(
            what,
            key,
            referral_id=file.referral_id,
            body=body,
            received_at=written(self._clock()),
            reference=file.reference,
            accepted_as_new=is_new,
        )

    def _new_reference(self, now: datetime) -> str:
        self._numbered += 1
        return f"{self.partner_id.upper()}-{now.year}-{self._numbered:06d}"
