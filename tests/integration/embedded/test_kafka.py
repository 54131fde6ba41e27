from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.infrastructure import Infrastructure


async def test_what_is_produced_is_consumed(infrastructure: Infrastructure) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=infrastructure.kafka_internal)
    await admin.start()
    await admin.create_topics([NewTopic("embedded-round-trip", 2, 1)])
    await admin.close()
    async with AIOKafkaProducer(
        bootstrap_servers=infrastructure.kafka_internal, acks="all", enable_idempotence=True
    ) as producer:
        await producer.send_and_wait("embedded-round-trip", b"bonjour", key=b"k")
    async with AIOKafkaConsumer(
        "embedded-round-trip",
        bootstrap_servers=infrastructure.kafka_internal,
        group_id="embedded-round-trip",
        auto_offset_reset="earliest",
    ) as consumer:
        assert (await consumer.getone()).value == b"bonjour"
