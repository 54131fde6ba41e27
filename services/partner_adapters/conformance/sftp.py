"""141–160, `sftp`: only whole batches are taken, all of their lines, and files come back whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from uuid import uuid4

import asyncssh

from services.partner_adapters.conformance.bench import Bench
from services.partner_adapters.conformance.check import check, kinds
from services.partner_adapters.conformance.invented import with_body
from services.partner_adapters.conformance.verdict import Failed
from services.partner_adapters.partner_adapter import Delivery, PartnerNeedsAttention
from services.partner_adapters.partner_environment import ConnectedPartner
from services.partner_adapters.partner_file import SshKey
from services.partner_adapters.registry import sftp_of
from services.partner_adapters.sftp.batch_file import (
    MANIFEST,
    PART,
    BatchFile,
    make_batch,
    name_of,
    sha256,
    sum_in,
)
from services.partner_adapters.sftp.connection import PartnerSftp
from services.partner_adapters.sftp.folders import Folders
from shared.contracts.referral_status import ReferralStatus
from shared.plumbing.clock import Clock

OPENED = "sftp.md#ce-que-vous-ouvrez--what-you-open"
BATCH = "sftp.md#un-lot--a-batch"
ANSWERED = "sftp.md#ce-que-vous-répondez--what-you-answer"
LONGEST = 4 * 1024 * 1024
LOOKED_AT = 5
"""Files of its own, the last by name."""
only_sftp = kinds("sftp")


@dataclass(frozen=True, kw_only=True)
class SftpProbe:
    """The folders beneath the adapter."""

    partner: ConnectedPartner
    sftp: PartnerSftp
    folders: Folders

    async def put(self, name: str, content: bytes) -> None:
        """Write into the agency's inbox."""
        async with self.sftp.session() as session:
            await session.write(f"{self.folders.inbox}/{name}", content)

    async def hand_over(self, batch: BatchFile) -> None:
        """A file and then its manifest."""
        await self.put(batch.name, batch.content)
        await self.put(batch.manifest_name, batch.manifest)

    async def names(self, folder: str) -> list[str]:
        async with self.sftp.session() as session:
            return await session.list_names(folder)

    async def find(self, path: str) -> bytes | None:
        async with self.sftp.session() as session:
            return await session.find(path, longest=LONGEST)

    async def close(self) -> None:
        """Nothing is kept open between two sessions."""


def sftp_probe(partner: ConnectedPartner, _: Clock) -> SftpProbe:
    """Opens nothing yet; raises `PartnerNotConfigured`."""
    folders = partner.file.settings_of(Folders)
    return SftpProbe(partner=partner, sftp=sftp_of(partner), folders=folders)


@check(
    141,
    "Takes nothing before its manifest",
    only_sftp,
    expected="a file without a manifest stays; once the manifest is there it is taken",
    passage=BATCH,
)
async def waits_for_the_manifest(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    batch = _batch_of(delivery)
    await probe.put(batch.name, batch.content)
    await _must_not_be_taken(bench, batch)
    await probe.put(batch.manifest_name, batch.manifest)
    await bench.first_status(delivery.referral_id)


@check(
    142,
    "Takes nothing whose sum is wrong",
    only_sftp,
    expected="it stays, until its manifest agrees with it",
    passage=BATCH,
)
async def minds_the_sum(bench: Bench) -> None:
    probe, delivery = _probe(bench), bench.referral()
    batch = _batch_of(delivery)
    await probe.put(batch.name, batch.content[: len(batch.content) // 2])
    await probe.put(batch.manifest_name, batch.manifest)
    await _must_not_be_taken(bench, batch)
    await probe.put(batch.name, batch.content)
    await bench.first_status(delivery.referral_id)


@check(
    143,
    "Leaves alone what is being written",
    only_sftp,
    expected=f"a file that ends in {PART} stays as it is",
    passage=BATCH,
)
async def leaves_parts(bench: Bench) -> None:
    batch = _batch_of(bench.referral())
    written = replace(batch, name=batch.name + PART)
    await _probe(bench).put(written.name, written.content)
    await _must_not_be_taken(bench, written)


@check(
    144,
    "Moves what it took, under its own name",
    only_sftp,
    expected="the batch and its manifest are in the folder of what is done",
    passage=BATCH,
)
async def moves_what_it_took(bench: Bench) -> None:
    delivery, probe = bench.referral(), _probe(bench)
    await bench.has_taken(delivery)
    await bench.settle()
    done = await probe.names(probe.folders.done)
    name = name_of(delivery.batch_id or uuid4())
    missing = {name, name + MANIFEST} - set(done)
    if missing:
        raise Failed(f"not there: {', '.join(sorted(missing))}")


@check(
    145,
    "Takes every line of a batch",
    only_sftp,
    expected="each referral of one file is acknowledged",
    passage=ANSWERED,
)
async def every_line(bench: Bench) -> None:
    first, *others = [bench.referral() for _ in range(5)]
    same_batch = [first, *(replace(each, batch_id=first.batch_id) for each in others)]
    await bench.adapter.deliver(same_batch)
    for delivery in same_batch:
        await bench.first_status(delivery.referral_id)


@check(
    146,
    "One bad line spoils no other",
    only_sftp,
    expected="it is refused by a status, the others are acknowledged",
    passage=ANSWERED,
)
async def bad_line(bench: Bench) -> None:
    before, bad, after = [bench.referral() for _ in range(3)]
    await _probe(bench).hand_over(_batch_of(before, with_body(bad, text=""), after))
    for good in (before, after):
        first = await bench.first_status(good.referral_id)
        if bench.meaning(first) is ReferralStatus.REFUSED:
            raise Failed(f"{first.word} for a good line")
    refusal = await bench.first_status(bad.referral_id)
    if bench.meaning(refusal) is not ReferralStatus.REFUSED:
        raise Failed(f"{refusal.word} for a referral without text")


@check(
    147,
    "A batch that cannot be read does not stop the next",
    only_sftp,
    expected="the next batch is taken",
    passage=BATCH,
)
async def unreadable_batch(bench: Bench) -> None:
    await _put_before_another(bench, lambda _: b"\xff\xfe;\x00 not a batch")


@check(
    148,
    "A batch without lines does not stop the next",
    only_sftp,
    expected="the next batch is taken",
    passage=BATCH,
)
async def empty_batch(bench: Bench) -> None:
    await _put_before_another(bench, lambda content: content.split(b"\r\n")[0] + b"\r\n")


@check(
    149,
    "Every file of its own has a manifest that agrees",
    only_sftp,
    expected="<name>.csv.sha256 with the sum of <name>.csv",
    passage=ANSWERED,
)
async def own_manifests(bench: Bench) -> None:
    await bench.has_taken(bench.referral())
    await bench.has_taken(bench.referral())  # by now the files of the first are archived
    probe = _probe(bench)
    files = {n for n in await probe.names(probe.folders.archive) if n.endswith(".csv")}
    for name in sorted(files)[-LOOKED_AT:]:
        path = f"{probe.folders.archive}/{name}"
        content, manifest = await probe.find(path), await probe.find(path + MANIFEST)
        if content is None or manifest is None or sum_in(manifest) != sha256(content):
            raise Failed(name)


@check(
    150,
    "Another key is not let in",
    only_sftp,
    expected="its server refuses a key that is not ours",
    passage=OPENED,
)
async def another_key(bench: Bench) -> None:
    partner, credentials = _probe(bench).partner, bench.file.credentials
    if not isinstance(credentials, SshKey):
        raise TypeError(f"{bench.file.id}: its file names no key")
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    secrets = {**partner.secrets, credentials.private_key: key}
    try:
        async with sftp_of(replace(partner, secrets=secrets)).session():
            raise Failed("it was let in")
    except PartnerNeedsAttention as failure:
        if failure.reason != "unauthorized":
            raise Failed(failure.reason) from failure


CHECKS = (
    waits_for_the_manifest,
    minds_the_sum,
    leaves_parts,
    moves_what_it_took,
    every_line,
    bad_line,
    unreadable_batch,
    empty_batch,
    own_manifests,
    another_key,
)


def _probe(bench: Bench) -> SftpProbe:
    return bench.probe_as(SftpProbe)


def _batch_of(*deliveries: Delivery) -> BatchFile:
    return make_batch(uuid4(), deliveries)


async def _must_not_be_taken(bench: Bench, batch: BatchFile) -> None:
    """The agency looks at its inbox, for it takes another batch there, and leaves this one."""
    probe, other = _probe(bench), bench.referral()
    await probe.hand_over(_batch_of(other))
    await bench.first_status(other.referral_id)
    if batch.name not in await probe.names(probe.folders.inbox):
        raise Failed("it was taken")


async def _put_before_another(bench: Bench, spoil: Callable[[bytes], bytes]) -> None:
    batch, following = _batch_of(bench.referral()), bench.referral()
    spoilt = replace(batch, content=spoil(batch.content))
    await _probe(bench).hand_over(spoilt)
    await bench.has_taken(following)
