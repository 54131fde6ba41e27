import re
from importlib import resources

from shared.embedded.kafka_jars import locked_jars

KAFKA = "4.3.1"


def test_every_jar_of_kafka_is_of_the_same_version() -> None:
    versions = {
        jar.coordinate: jar.coordinate.split(":")[2]
        for jar in locked_jars()
        if jar.coordinate.startswith("org.apache.kafka:")
    }
    assert len(versions) > 10
    assert set(versions.values()) == {KAFKA}, versions


def test_every_jar_is_locked_once_with_its_sum_and_size() -> None:
    jars = locked_jars()
    assert len({jar.file_name for jar in jars}) == len(jars)
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in jars)


def test_the_lock_names_no_address() -> None:
    lock = resources.files("shared.embedded").joinpath("kafka.lock.toml").read_text()
    assert "://" not in lock
