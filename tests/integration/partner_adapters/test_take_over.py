"""Two processes of partner_adapters: one serves an agency, and when it dies the other does."""

import asyncio
import dataclasses
import signal

from tests.infrastructure import KafkaAddresses
from tests.integration.partner_adapters.running_service import (
    Service,
    free_port,
    running_service,
)
from tests.integration.partner_adapters.stub_partner import accept, stub_partner

DELIVERED = "referral.delivered.v1"


async def test_when_the_process_that_serves_an_agency_dies_the_other_goes_on(
    database_url: str, kafka_addresses: KafkaAddresses, tmp_path
):
    calling = asyncio.Event()

    async def never(request):
        calling.set()
        await asyncio.sleep(60)
        return await accept(request)

    async with (
        stub_partner(never) as stub,
        running_service(
            database_url=database_url,
            kafka=kafka_addresses,
            partner_address=stub.address,
            folder=tmp_path,
        ) as first,
    ):
        port = {"AIGUILLAGE_PARTNER_ADAPTERS_PORT": str(free_port())}
        second = dataclasses.replace(first, environment={**first.environment, **port}, process=None)
        await second.start()
        try:
            events = [await first.issue(first.rest) for _ in range(40)]
            await calling.wait()
            assert await _owners(first) == 1
            await first.stop(signal.SIGKILL)
            stub.answer = accept
            for event in events:
                assert await second.told(event.referral_id, DELIVERED, within=60) == [DELIVERED]
        finally:
            await second.stop()


async def _owners(service: Service) -> int:
    count: int = await service.database.fetchval(
        "SELECT count(DISTINCT claimed_by) FROM partner_adapters.deliveries "
        "WHERE state = 'sending' AND partner_id = $1",
        service.rest,
    )
    return count
