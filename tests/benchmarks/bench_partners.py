"""Partners made for a benchmark: `rest` with an API key, and statuses that nobody asks for.

Their breakers look again after a second at most, so that rounds can follow each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from services.partner_adapters.partner_environment import ConnectedPartner, connect_partners
from services.partner_adapters.read_partner_files import parse_partner_file
from services.partner_adapters.registry import ADAPTERS
from shared.contracts.events import DecidedNeed, ReferralIssuedV1, derive_id
from shared.contracts.personal import RequestContent, Visitor
from shared.contracts.topics import all_topics
from shared.plumbing.sealing import Sealer
from shared.plumbing.topic_admin import create_topics
from tests.benchmarks.visitors import request_of

CONCURRENCY = 16

_FILE = """
id = "{id}"
name = "Essai"
kind = "rest"
after_unknown = "resend"
permitted_fields = ["given_name", "family_name", "postcode", "phone", "email", "identifiers"]
[credentials]
way = "api_key"
api_key = "BENCH_KEY"
[status_return]
way = "callback"
secret = "BENCH_CALLBACK"
[statuses]
done = "resolved"
[limits]
concurrency = {concurrency}
request_timeout_seconds = {timeout}
[breaker]
first_pause_seconds = 0.5
longest_pause_seconds = 1
"""
_SECRETS = {
    "AIGUILLAGE_SECRET_BENCH_KEY": "bench",
    "AIGUILLAGE_SECRET_BENCH_CALLBACK": "whsec_" + "YmVuY2g" * 8,
}


def connected(partner_id: str, address: str) -> ConnectedPartner:
    """The partner as the service would have it."""
    text = _text(partner_id, timeout=10)
    file = parse_partner_file(text, name=f"{partner_id}.toml", kinds=ADAPTERS)
    environment = {**_SECRETS, f"AIGUILLAGE_PARTNER_ADDRESS_{partner_id.upper()}": address}
    return connect_partners({partner_id: file}, environment, on_loopback=True)[partner_id]


async def open_partners(
    addresses: Mapping[str, str], *, kafka: str, folder: Path, timeout: float = 10
) -> dict[str, str]:
    """Write their files and make their topics; gives what the service's environment must say."""
    _write(folder, addresses, timeout=timeout)
    await create_topics(kafka, all_topics(partner_ids=list(addresses), queue_partner_ids=[]))
    return {
        **_SECRETS,
        "AIGUILLAGE_PARTNERS": ",".join(addresses),
        "AIGUILLAGE_PARTNERS_FOLDER": str(folder),
        "AIGUILLAGE_PARTNERS_ON_LOOPBACK": "true",
        **{f"AIGUILLAGE_PARTNER_ADDRESS_{each.upper()}": addresses[each] for each in addresses},
    }


def content_of(number: int) -> RequestContent:
    """What the visitor of this number says."""
    request = request_of(number)
    return RequestContent(text=request["text"], visitor=Visitor(**request["visitor"]))


def issue(
    partner_id: str, mark: object, numbers: Sequence[int], *, sealer: Sealer
) -> list[ReferralIssuedV1]:
    """Referrals as the router issues them; `mark` tells one round's from another's."""
    return [_issued(partner_id, mark, number, sealer) for number in numbers]


def _write(folder: Path, partner_ids: Iterable[str], *, timeout: float) -> None:
    folder.mkdir()
    for partner_id in partner_ids:
        (folder / f"{partner_id}.toml").write_text(_text(partner_id, timeout=timeout))


def _text(partner_id: str, *, timeout: float) -> str:
    return _FILE.format(id=partner_id, concurrency=CONCURRENCY, timeout=timeout)


def _issued(partner_id: str, mark: object, number: int, sealer: Sealer) -> ReferralIssuedV1:
    case_id = derive_id("bench case", partner_id, mark, number)
    now = datetime.now(UTC)
    need = DecidedNeed(
        need_id=derive_id("bench need", case_id),
        demarche_id=f"{partner_id}.facture",
        title="Contester une facture",
        partner_id=partner_id,
        probability=0.9,
        reason="bench",
    )
    return ReferralIssuedV1(
        case_id=case_id,
        referral_id=derive_id("bench referral", case_id),
        partner_id=partner_id,
        reference=f"{number:08d}",
        channel="kiosk",
        site_id="pimms-paris-19",
        language="fr",
        urgent=False,
        taken_at=now,
        issued_at=now,
        needs=(need,),
        sealed=sealer.seal(content_of(number), bound_to=case_id),
    )
