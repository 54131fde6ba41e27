"""The SFTP transport of one partner: a connection for each piece of work, everything bounded.

What each failure means (`reason`):

    no name, no connection, no greeting       unavailable: nothing was asked
    another host key than the pinned one      needs attention: `host_key_not_ours`
    our key refused                           needs attention: `unauthorized`
    no algorithm in common                    needs attention: `no_common_algorithm`
    reply: permission denied, read-only       needs attention: `permission_denied`
    reply: no such file or folder             needs attention: `folder_missing`
    reply: failure, no space, quota …         unavailable: `sftp_<code>`; a full disk may say only
                                              that it failed
    no reply: line cut, time-out              unknown; whoever asked knows what may have been done
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import asyncssh

from services.partner_adapters.partner_adapter import (
    OutcomeUnknown,
    PartnerNeedsAttention,
    PartnerUnavailable,
)
from services.partner_adapters.partner_network import Reach, find_addresses
from services.partner_adapters.sftp.half_file import Entry

MOST_NAMES = 5000
"""Looked at in one folder."""
_SECONDS_TO_CLOSE = 1.0
_NO_ANSWER = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.DisconnectError)
_NOT_PERMITTED = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect)
_NOT_THERE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


class PartnerSftp:
    """Connects to one partner. `timeout`: seconds that a whole session may last."""

    def __init__(
        self,
        *,
        address: str,
        username: str,
        private_key: str,
        host_keys: str,
        timeout: float,
        reach: Reach,
    ) -> None:
        """`host_keys`: those we trust, one a line. Raises ValueError for what is no key."""
        where = urlsplit(address)
        self._host, self._port = where.hostname or "", where.port or 22
        self._base = where.path.strip("/")
        self._timeout = timeout
        self._reach = reach
        written = [line for line in host_keys.splitlines() if line.strip()]
        try:
            trusted = [asyncssh.import_public_key(line) for line in written]
            ours = asyncssh.import_private_key(private_key)
        except asyncssh.KeyImportError as error:
            raise ValueError(f"not a key: {error}") from error
        self._options = asyncssh.SSHClientConnectionOptions(
            config=None,  # nobody's ~/.ssh has a say
            username=username,
            client_keys=[ours],
            agent_path=None,
            preferred_auth="publickey",
            known_hosts=(trusted, [], []),
            keepalive_interval=max(timeout / 3, 1),
            keepalive_count_max=2,
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator["Session"]:
        """Connect, and let go at the end whatever happens. Raises `PartnerFailure`."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        connection = await self._connect(deadline)
        try:
            with _before_anything_was_asked():
                async with asyncio.timeout_at(deadline):
                    client = await connection.start_sftp_client(path_encoding=None)
            yield Session(client, base=self._base, deadline=deadline)
            connection.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS_TO_CLOSE):
                    await connection.wait_closed()
        finally:
            connection.abort()

    async def _connect(self, deadline: float) -> asyncssh.SSHClientConnection:
        """To the first checked address that answers."""
        addresses = await find_addresses(self._host, self._port, reach=self._reach)
        failure = PartnerUnavailable("connection_refused")
        for address in addresses:
            try:
                with _before_anything_was_asked():
                    async with asyncio.timeout_at(deadline):
                        return await asyncssh.connect(
                            address["host"], self._port, options=self._options
                        )
            except PartnerUnavailable as error:
                failure = error
        raise failure


@dataclass(frozen=True)
class Session:
    """One open connection; paths are below the partner's address. Raises as the table says."""

    client: asyncssh.SFTPClient
    base: str
    deadline: float

    async def list_names(self, folder: str) -> list[str]:
        """What is in a folder, at most `MOST_NAMES`."""
        return list(await self.list_entries(folder))

    async def list_entries(self, folder: str) -> dict[str, Entry]:
        """What is in a folder by name, at most `MOST_NAMES`."""
        entries: dict[str, Entry] = {}
        async with self._asking():
            async for entry in self.client.scandir(self._path(folder)):
                entries[os.fsdecode(entry.filename)] = Entry(
                    size=entry.attrs.size or 0,
                    changed_at=datetime.fromtimestamp(entry.attrs.mtime or 0, UTC),
                )
                if len(entries) >= MOST_NAMES:
                    break
        return entries

    async def find(self, path: str, *, longest: int) -> bytes | None:
        """A file's content, at most one byte more than `longest`; None when it is not there."""
        try:
            async with self._asking(), self.client.open(self._path(path), "rb") as file:
                content: bytes = await file.read(longest + 1)
        except FileMissing:
            return None
        return content

    async def check_folder(self, folder: str) -> None:
        """Raises `FileMissing` unless it is there."""
        async with self._asking():
            await self.client.stat(self._path(folder))

    async def write(self, path: str, content: bytes) -> None:
        async with self._asking(), self.client.open(self._path(path), "wb") as file:
            await file.write(content)
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    async def rename(self, old: str, new: str) -> None:
        """In one step, over whatever has the new name."""
        async with self._asking():
            await self.client.posix_rename(self._path(old), self._path(new))

    async def remove(self, path: str) -> bool:
        """Whether it was there."""
        try:
            async with self._asking():
                await self.client.remove(self._path(path))
        except FileMissing:
            return False
        return True

    def _path(self, path: str) -> bytes:
        # Bytes, because asyncssh refuses a whole folder for one name that is not UTF-8.
        return os.fsencode(f"{self.base}/{path}" if self.base else path)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(self.deadline):
                yield
        except TimeoutError as error:
            raise OutcomeUnknown("timed_out") from error
        except (*_NO_ANSWER, OSError) as error:
            raise OutcomeUnknown("line_cut") from error
        except _NOT_THERE as error:
            raise FileMissing("folder_missing") from error
        except _NOT_PERMITTED as error:
            raise PartnerNeedsAttention("permission_denied") from error
        except asyncssh.SFTPError as error:
            raise PartnerUnavailable(f"sftp_{error.code}", answer=error.reason) from error


class FileMissing(PartnerNeedsAttention):
    """No such file, or no such folder: the protocol has one word for both."""


@contextmanager
def _before_anything_was_asked() -> Iterator[None]:
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise PartnerNeedsAttention("host_key_not_ours") from error
    except asyncssh.PermissionDenied as error:
        raise PartnerNeedsAttention("unauthorized") from error
    except asyncssh.KeyExchangeFailed as error:
        raise PartnerNeedsAttention("no_common_algorithm") from error
    except TimeoutError as error:
        raise PartnerUnavailable("connect_timed_out") from error
    except asyncssh.Error as error:
        raise PartnerUnavailable("greeting_failed") from error
    except OSError as error:
        raise PartnerUnavailable("connection_refused") from error
