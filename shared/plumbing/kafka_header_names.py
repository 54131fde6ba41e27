"""Read records whose header names are not UTF-8, which aiokafka takes for corrupt for ever.

Kafka does not check header names: an agency's client may write `Référence` in Latin-1 on its
reply topic. aiokafka 0.14 then raises from every fetch of that partition, and no setting helps,
so its record reader is replaced by one that reads such names with replacement characters.
"""

from collections.abc import Iterator
from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def tolerate_any_header_name() -> None:
    """Have every consumer of this process read records whatever their header names hold."""
    fetcher.MemoryRecords = _Records


class _Records(_MemoryRecordsPy):  # type: ignore[misc]
    """A fetched set of batches. The stock one, but each batch keeps its bytes to read again."""

    def next_batch(self) -> Any:
        raw = self._next_slice
        batch = super().next_batch()
        return None if batch is None else _Batch(batch, raw)


class _Batch:
    """A batch as aiokafka made it, read a second time by names when the first fails."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except (UnicodeDecodeError, CorruptRecordException):
            # Its checksum was right, so it is as its producer wrote it.
            batch = _DefaultRecordBatchPy(self._raw)
            batch._maybe_uncompress()
            batch._buffer = _AnyText(batch._buffer)
            return iter(list(batch))


class _AnyText(bytearray):
    """Bytes whose parts decode whatever they are: header names are all that gets decoded."""

    def __getitem__(self, part: SupportsIndex | slice) -> Any:
        found = super().__getitem__(part)
        return _AnyText(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "replace")
