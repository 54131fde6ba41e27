"""`sftp`: batches as CSV files with a manifest; acknowledgements and statuses come back as files.

How far a hand-over came, and what a failure means then (its kind: see `sftp/connection.py`):

    connecting, writing under temporary names    not taken: what the failure says; no reply at all
                                                 means unavailable
    from the first rename on, a reply            not taken, because the manifest is not there: what
                                                 the failure says, once our files are removed;
                                                 unknown when they cannot be
    from the first rename on, no reply           unknown

A batch is the agency's once its file and its manifest have their final names. Asked again, it
is there when both are in the inbox, or when the agency has moved the file to its done folder.

What the agency writes back is read once it agrees with its manifest. What does not is left alone,
since it may be on its way, and is told to a person when nothing has changed for a while.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from services.partner_adapters.partner_adapter import (
    Collected,
    Delivery,
    OutcomeUnknown,
    PartnerFailure,
    PartnerUnavailable,
    Receipt,
    Unfinished,
)
from services.partner_adapters.sftp.batch_file import (
    MANIFEST,
    OURS,
    PART,
    BatchFile,
    id_of,
    ids_in,
    make_batch,
    name_of,
    sha256,
    sum_in,
)
from services.partner_adapters.sftp.bookmark import Bookmark, Recorded
from services.partner_adapters.sftp.connection import FileMissing, PartnerSftp, Session
from services.partner_adapters.sftp.folders import Folders
from services.partner_adapters.sftp.half_file import Half, Listed, pair_up, tell_half_file
from services.partner_adapters.sftp.returned_file import (
    MOST_RECORDS,
    read_page,
    unreadable_file,
)
from shared.plumbing.clock import Clock

LONGEST_RETURNED = 4 * 1024 * 1024
"""Bytes of one file of the agency's."""
_LONGEST_BATCH = 128 * 1024 * 1024
_LONGEST_MANIFEST = 1024
_RETURNED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.csv")
_BATCHES_REMEMBERED = 16


class SftpAdapter:
    """Delivers, looks up and collects over one partner's SFTP transport."""

    def __init__(self, *, sftp: PartnerSftp, folders: Folders, clock: Clock) -> None:
        self._sftp = sftp
        self._clock = clock
        self._folders = folders
        self._under_way: set[str] = set()
        self._settled: dict[UUID, frozenset[str]] = {}
        """The ids of batches that were looked up: a batch never changes once it has ended."""

    async def deliver(self, deliveries: Sequence[Delivery]) -> Sequence[Receipt]:
        """One file for all of them; the agency's references come with its acknowledgement."""
        batch_id = deliveries[0].batch_id
        if batch_id is None:
            raise ValueError("what is handed over by file has a batch id")
        batch = make_batch(batch_id, deliveries)
        self._under_way.add(batch.name)
        try:
            async with self._sftp.session() as session:
                await self._hand_over(session, batch)
        finally:
            self._under_way.discard(batch.name)
        return [Receipt(answer=batch.name) for _ in deliveries]

    async def look_up(self, delivery: Delivery) -> Receipt | None:
        """Ask by the name of its batch; what is left of one that was cut short is removed."""
        batch_id = delivery.earlier_batch_id
        if batch_id is None:
            raise OutcomeUnknown("batch_not_known")
        if batch_id not in self._settled:
            async with self._sftp.session() as session:
                there = await self._ids_there(session, name_of(batch_id))
            if len(self._settled) >= _BATCHES_REMEMBERED:
                self._settled.clear()
            self._settled[batch_id] = there
        if id_of(delivery) not in self._settled[batch_id]:
            return None
        return Receipt(answer=name_of(batch_id))

    async def collect(self, cursor: str | None) -> Collected:
        """The next records of the next whole file; it is archived once they are recorded.

        When none is whole: the half files that have been so for too long, each once.
        """
        bookmark = Bookmark.read(cursor)
        late: dict[str, Unfinished] = {}
        async with self._sftp.session() as session:
            if bookmark.file is not None and bookmark.file.line is None:
                await self._archive(session, bookmark.file)
            entries = await session.list_entries(self._folders.returns)
            listed = [each for each in pair_up(entries) if _RETURNED_NAME.fullmatch(each.name)]
            for each in listed:
                if each.mark in bookmark.told:
                    continue
                found = await self._find(session, each)
                if isinstance(found, Returned):
                    return _next_page(found, bookmark)
                if found is not None and self._is_late(each) and len(late) < MOST_RECORDS:
                    late[each.mark] = tell_half_file(each, found)
        told = bookmark.told.intersection(each.mark for each in listed).union(late)
        return Collected(
            statuses=[],
            cursor=Bookmark(told=told).written(),
            unfinished=list(late.values()),
        )

    async def close(self) -> None:
        """Nothing is kept open between two sessions."""

    async def _hand_over(self, session: Session, batch: BatchFile) -> None:
        file, manifest = self._in_inbox(batch.name), self._in_inbox(batch.manifest_name)
        nothing_renamed = True
        try:
            await self._remove_left_over(session)
            await session.write(file + PART, batch.content)
            await session.write(manifest + PART, batch.manifest)
            nothing_renamed = False
            await session.rename(file + PART, file)
            await session.rename(manifest + PART, manifest)
        except OutcomeUnknown as no_reply:
            if nothing_renamed:
                raise PartnerUnavailable(no_reply.reason) from no_reply
            raise
        except PartnerFailure as failure:
            if await self._is_taken_back(session, batch.name) or nothing_renamed:
                raise
            raise OutcomeUnknown("not_taken_back") from failure

    async def _ids_there(self, session: Session, name: str) -> frozenset[str]:
        """What the agency has of this batch: all of it or nothing."""
        inbox, done = self._in_inbox(name), f"{self._folders.done}/{name}"
        await session.check_folder(self._folders.done)  # or nothing would seem to be there
        content = await session.find(inbox, longest=_LONGEST_BATCH)
        if content is None:
            content = await session.find(done, longest=_LONGEST_BATCH)
        elif not await self._has_manifest(session, name, content) and await session.remove(inbox):
            # It was never handed over. What could not be removed, the agency was just moving.
            content = None
        if content is None:
            await self._take_back(session, name)
            return frozenset()
        return ids_in(content)

    async def _has_manifest(self, session: Session, name: str, content: bytes) -> bool:
        for folder in (self._folders.inbox, self._folders.done):
            path = f"{folder}/{name}{MANIFEST}"
            manifest = await session.find(path, longest=_LONGEST_MANIFEST)
            if manifest is not None:
                return sum_in(manifest) == sha256(content)
        return False

    async def _take_back(self, session: Session, name: str) -> None:
        """The manifest first: without it the agency takes nothing."""
        for each in (name + MANIFEST, name, name + PART, name + MANIFEST + PART):
            await session.remove(self._in_inbox(each))

    async def _is_taken_back(self, session: Session, name: str) -> bool:
        """Whether it is certain that nothing of this batch is left in the inbox."""
        try:
            await self._take_back(session, name)
        except PartnerFailure:
            return False
        return True

    async def _remove_left_over(self, session: Session) -> None:
        """What earlier hand-overs left that were cut short: nothing that the agency may take."""
        names = set(await session.list_names(self._folders.inbox))
        for name in names:
            batch_name = name.removesuffix(PART).removesuffix(MANIFEST)
            if not name.startswith(OURS) or batch_name in self._under_way:
                continue
            is_alone = name == batch_name and name + MANIFEST not in names
            if name.endswith(PART) or (is_alone and not await self._is_moving(session, name)):
                await session.remove(self._in_inbox(name))

    async def _is_moving(self, session: Session, name: str) -> bool:
        """Whether the agency has moved a batch's manifest already."""
        moved = f"{self._folders.done}/{name}{MANIFEST}"
        return await session.find(moved, longest=_LONGEST_MANIFEST) is not None

    async def _find(self, session: Session, listed: Listed) -> "Returned | Half | None":
        """A file of the agency's with what its manifest says; None when both are gone."""
        path = f"{self._folders.returns}/{listed.name}"
        manifest = await session.find(path + MANIFEST, longest=_LONGEST_MANIFEST)
        if manifest is None:
            alone = Half("it has no manifest", f"{listed.size} bytes")
            return None if listed.size is None else alone
        expected = sum_in(manifest)
        content = await session.find(path, longest=LONGEST_RETURNED)
        if content is None:
            return Half("a manifest without its file", expected)
        if len(content) > LONGEST_RETURNED:
            return Returned(listed.name, expected, content=None)
        found = sha256(content)
        if found != expected:
            return Half("its manifest does not match it", f"{found} {expected}")
        return Returned(listed.name, expected, content)

    def _is_late(self, listed: Listed) -> bool:
        """Whether nothing has changed for so long that it is hardly on its way."""
        return self._clock.now() - listed.changed_at >= self._folders.patience

    async def _archive(self, session: Session, recorded: Recorded) -> None:
        """Move a file that is recorded; half of that may have been done before."""
        path = f"{self._folders.returns}/{recorded.name}"
        manifest = await session.find(path + MANIFEST, longest=_LONGEST_MANIFEST)
        if manifest is None or sum_in(manifest) != recorded.sha256:
            return  # all is done, or the agency gave the name to another file since
        await session.check_folder(self._folders.archive)
        for each in (recorded.name, recorded.name + MANIFEST):
            with suppress(FileMissing):
                await session.rename(
                    f"{self._folders.returns}/{each}", f"{self._folders.archive}/{each}"
                )

    def _in_inbox(self, name: str) -> str:
        return f"{self._folders.inbox}/{name}"


@dataclass(frozen=True)
class Returned:
    """A whole file of the agency's; `content` is None when it is too long to be read."""

    name: str
    sha256: str
    content: bytes | None


def _next_page(file: Returned, bookmark: Bookmark) -> Collected:
    start, before = 0, bookmark.file
    if before is not None and (before.name, before.sha256) == (file.name, file.sha256):
        start = before.line or 0
    if file.content is None:
        page = unreadable_file(file.name, "too_long")
    else:
        page = read_page(file.name, file.content, start=start)
    following = replace(bookmark, file=Recorded(file.name, file.sha256, page.next_line))
    return Collected(statuses=page.statuses, cursor=following.written(), unreadable=page.unreadable)
