"""Agencies by SFTP and by mail with one defect each, and the checks that must catch it."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from services.partner_simulators.mail_answers import Thread
from services.partner_simulators.sftp_files import manifest_of
from tests.integration.partner_adapters.conformance.broken_http import Defect, Spoil, with_office

MANIFEST = ".sha256"


def before_each_look(act: Callable[[Any], None]) -> Spoil:
    """Its people do this before they look at the folders."""

    def spoil(simulator: Any) -> None:
        desk = simulator._desk
        work = desk.work

        def look(office: Any) -> None:
            act(desk)
            work(office)

        desk.work = look

    return spoil


def _write_manifests(desk: Any) -> None:
    for batch in desk._inbox.glob("*.csv"):
        _put_manifest(batch)


def _correct_manifests(desk: Any) -> None:
    for batch in desk._inbox.glob("*.csv"):
        if Path(f"{batch}{MANIFEST}").exists():
            _put_manifest(batch)


def _put_manifest(batch: Path) -> None:
    Path(f"{batch}{MANIFEST}").write_bytes(manifest_of(batch.name, batch.read_bytes()))


def _move_parts(desk: Any) -> None:
    for part in desk._inbox.glob("*.csv.part"):
        part.rename(desk._done / part.name)


def _throw_away(desk: Any) -> None:
    for file in desk._done.iterdir():
        file.unlink()


def _change_what_was_read(desk: Any) -> None:
    for file in desk._archive.glob("*.csv"):
        file.write_bytes(file.read_bytes() + b"\r\n")


def _takes_first_lines(simulator: Any) -> None:
    desk = simulator._desk
    take, file_line = desk._take, desk._file
    batch = SimpleNamespace(lines=0)

    def take_first(manifest: Path, office: Any) -> None:
        batch.lines = 0
        take(manifest, office)

    def first(line: Any, office: Any) -> Any:
        batch.lines += 1
        return file_line(line, office) if batch.lines == 1 else None

    desk._take, desk._file = take_first, first


def _refuses_with_the_bad(simulator: Any) -> None:
    """One bad line, and the whole batch is laid aside."""
    desk = simulator._desk
    take = desk._take

    def careful(manifest: Path, office: Any) -> None:
        batch = Path(str(manifest).removesuffix(MANIFEST))
        if batch.exists() and b";;Awa" in batch.read_bytes():
            return
        take(manifest, office)

    desk._take = careful


def dying_of_a_batch(is_fatal: Callable[[bytes], bool]) -> Spoil:
    def spoil(simulator: Any) -> None:
        desk = simulator._desk
        take = desk._take

        def dying(manifest: Path, office: Any) -> None:
            batch = Path(str(manifest).removesuffix(MANIFEST))
            if batch.exists() and is_fatal(batch.read_bytes()):
                raise RuntimeError("a fault of the agency's programmers")
            take(manifest, office)

        desk._take = dying

    return spoil


def _lets_any_key_in(simulator: Any) -> None:
    right = simulator._door._client_key.convert_to_public()

    class AnyKey(type(right)):
        """Equal to every key: Python asks a subclass first."""

        __hash__ = type(right).__hash__

        def __eq__(self, other: object) -> bool:
            return True

        def convert_to_public(self) -> "AnyKey":
            return self

    simulator._door._client_key = object.__new__(AnyKey)


def _writes_no_manifest(simulator: Any) -> None:
    desk = simulator._desk
    desk._put = lambda name, content: (desk._returns / name).write_bytes(content)


SFTP_DEFECTS = {
    "takes batches before their manifest": Defect(
        "laposte", before_each_look(_write_manifests), {141}
    ),
    "minds no sum": Defect("laposte", before_each_look(_correct_manifests), {142}),
    "takes what is being written": Defect("laposte", before_each_look(_move_parts), {143}),
    "throws away what it took": Defect("laposte", before_each_look(_throw_away), {144}),
    "takes first lines": Defect("laposte", _takes_first_lines, {145}),
    "lays a batch aside for a bad line": Defect("laposte", _refuses_with_the_bad, {146}),
    "dies of a batch it cannot read": Defect(
        "laposte", dying_of_a_batch(lambda content: content.startswith(b"\xff")), {147}
    ),
    "dies of an empty batch": Defect(
        "laposte", dying_of_a_batch(lambda content: content.count(b"\n") == 1), {148}
    ),
    "writes no manifests": Defect("laposte", _writes_no_manifest, {1}),
    "changes what was read": Defect("laposte", before_each_look(_change_what_was_read), {149}),
    "lets any SSH key in": Defect("laposte", _lets_any_key_in, {150}),
}


class _AnyPassword(str):
    """Equal to every other."""

    __slots__ = ()

    def encode(self, *_: Any) -> Any:
        return self

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class _AnyHash:
    def copy(self) -> "_AnyHash":
        return self

    def verify(self, value: Any, digest: Any) -> bool:
        return True

    def hash(self, value: Any) -> str:
        return str(value)


def _takes_any_mail(simulator: Any) -> None:
    simulator._post._facts = _with_any_password(simulator._post._facts)


def _with_any_password(facts: Any) -> Any:
    return SimpleNamespace(
        **{name: getattr(facts, name) for name in type(facts).__dataclass_fields__}
        | {"password": _AnyPassword()}
    )


def _opens_its_mailbox(simulator: Any) -> None:
    object.__setattr__(simulator._mailbox._backend.config, "hash_context", _AnyHash())


def _answers_elsewhere(simulator: Any) -> None:
    answers = simulator._post._take.__self__._answers
    keep = answers.keep_thread

    def lose(referral_id: str, mail: Any) -> None:
        keep(referral_id, mail)
        subject = answers._threads[referral_id].subject
        answers._threads[referral_id] = Thread(
            subject, "aiguillage@aiguillage.invalid", "<lost@sncf.invalid>", ""
        )

    answers.keep_thread = lose


def _refuses_nothing(office: Any) -> None:
    turn_away = office.turn_away

    def take_it_all_the_same(referral_id: str, *, because: str) -> Any:
        refusal = turn_away(referral_id, because=because)
        return {**refusal, "status": "accuse_reception", "reason": None}

    office.turn_away = take_it_all_the_same


MAIL_DEFECTS = {
    "takes anybody’s mail": Defect("sncf", _takes_any_mail, {161}),
    "opens its mailbox to anybody": Defect("sncf", _opens_its_mailbox, {162}),
    "answers elsewhere": Defect("sncf", _answers_elsewhere, {1, 163}),
    "refuses nothing": Defect("sncf", with_office(_refuses_nothing), {164}),
}
