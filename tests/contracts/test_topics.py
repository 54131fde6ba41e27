"""Topics, event types and services: nothing is orphaned."""

from shared.contracts.events import EVENTS
from shared.contracts.topics import all_topics

PARTNERS = ["caf", "cpam", "edf", "engie", "laposte", "sncf", "casvp", "mairie", "accompagnement"]
TOPICS = all_topics(partner_ids=PARTNERS, queue_partner_ids=["casvp"])
SERVICES = {"intake", "router", "partner_adapters"}
_SEVEN_DAYS_MS = 7 * 24 * 3600 * 1000


def test_every_event_type_travels_on_some_topic_and_every_topic_carries_known_types() -> None:
    assert {event_type for topic in TOPICS for event_type in topic.carries} == set(EVENTS)


def test_every_topic_is_written_and_read_by_someone_known() -> None:
    for topic in TOPICS:
        assert topic.written_by
        assert topic.read_by
        for who in (*topic.written_by, *topic.read_by):
            assert who in SERVICES or who.removeprefix("agency:") in PARTNERS


def test_names_are_lower_kebab_and_unique() -> None:
    names = [topic.name for topic in TOPICS]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and "_" not in name for name in names)


def test_topics_with_personal_data_keep_seven_days_at_most() -> None:
    for topic in TOPICS:
        sealed = not topic.carries or any(
            "sealed" in EVENTS[event_type].model_fields for event_type in topic.carries
        )
        if sealed:
            assert topic.retention_ms is not None
            assert topic.retention_ms <= _SEVEN_DAYS_MS


def test_only_the_agency_itself_and_partner_adapters_touch_an_agency_s_queue() -> None:
    queue = {topic.name: topic for topic in TOPICS if topic.name.endswith("-casvp")}
    assert queue["partner-queue-casvp"].read_by == ("agency:casvp",)
    assert queue["partner-replies-casvp"].written_by == ("agency:casvp",)
