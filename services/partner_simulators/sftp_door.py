"""An agency's SFTP server: one user, one key, one folder that nobody gets out of."""

import asyncio
import errno
import os
from pathlib import Path, PurePosixPath

import asyncssh

from services.partner_simulators.faults import FaultPanel

INBOX = "depot"


class SftpDoor:
    """Serves `root` on one port, which can really be closed and opened again."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        root: Path,
        username: str,
        client_key: asyncssh.SSHKey,
        host_key: asyncssh.SSHKey,
        faults: FaultPanel,
    ) -> None:
        """Port 0 takes a free port at the first opening and keeps it."""
        self.host = host
        self.port = port
        self._root = root
        self._username = username
        self._client_key = client_key
        self._host_key = host_key
        self._faults = faults
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()

    @property
    def address(self) -> str:
        return f"sftp://{self.host}:{self.port}"

    async def open(self, *, as_somebody_else: bool = False) -> None:
        """Listen, perhaps with a host key of somebody else. Raises OSError: the port is taken."""
        key = asyncssh.generate_private_key("ssh-ed25519") if as_somebody_else else self._host_key
        self._acceptor = await asyncssh.listen(
            self.host,
            self.port,
            server_host_keys=[key],
            server_factory=self._greet,
            sftp_factory=self._serve,
            reuse_address=True,
        )
        self.port = self._acceptor.get_port()

    async def close(self) -> None:
        """Stop listening and hang up on everybody: from here on, connection refused."""
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            acceptor.close()
            for connection in [*self._connections]:
                connection.abort()
            await acceptor.wait_closed()

    def _greet(self) -> asyncssh.SSHServer:
        return _Guard(
            username=self._username,
            client_key=self._client_key,
            faults=self._faults,
            connections=self._connections,
        )

    def _serve(self, channel: "asyncssh.SSHServerChannel[bytes]") -> asyncssh.SFTPServer:
        return _Folder(channel, chroot=os.fsencode(self._root), faults=self._faults)


class _Guard(asyncssh.SSHServer):
    """Lets one user in, with one key."""

    def __init__(
        self,
        *,
        username: str,
        client_key: asyncssh.SSHKey,
        faults: FaultPanel,
        connections: set[asyncssh.SSHServerConnection],
    ) -> None:
        self._username = username
        self._client_key = client_key.convert_to_public()
        self._faults = faults
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the base's
        if self._connection is not None:
            self._connections.discard(self._connection)

    async def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - the base's
        if (fault := self._faults.meet("slow")) is not None:
            await asyncio.sleep(5.0 if fault.seconds is None else fault.seconds)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        is_ours = username == self._username and key == self._client_key
        return is_ours and self._faults.meet("unauthorized") is None


class _Folder(asyncssh.SFTPServer):
    """The files, and what can go wrong with them while we hand over."""

    def __init__(
        self,
        channel: "asyncssh.SSHServerChannel[bytes]",
        *,
        chroot: bytes,
        faults: FaultPanel,
    ) -> None:
        super().__init__(channel, chroot=chroot)
        self._faults = faults

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if pflags & asyncssh.FXF_WRITE and self._faults.meet("permission_denied"):
            raise asyncssh.SFTPPermissionDenied("read-only for you")
        return super().open(path, pflags, attrs)

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if self._faults.meet("disk_full"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(file_obj, offset, data)
        assert isinstance(written, int)  # noqa: S101 - the base writes at once
        return written

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().posix_rename(oldpath, newpath)
        new = PurePosixPath(os.fsdecode(newpath))
        if new.parent.name != INBOX:
            return
        cut = {".csv": "cut_before_accept", ".sha256": "cut_after_accept"}.get(new.suffix)
        if cut is not None and self._faults.meet(cut):
            self.connection.abort()
