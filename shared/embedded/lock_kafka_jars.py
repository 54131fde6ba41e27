"""Writes `kafka.lock.toml` anew: `python -m shared.embedded.lock_kafka_jars`, to change version.

Kafka's own log4j must not become a second root: jgo would then choose kafka-clients 3.9.1.
slf4j-simple is enough to see the broker's log.
"""

import hashlib
import sys
import tempfile
from pathlib import Path

ROOTS = ("org.apache.kafka:kafka_2.13:4.3.1", "org.slf4j:slf4j-simple:1.7.36")


def main() -> None:
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext

    lines = [
        "# The jars of Apache Kafka, written by `python -m shared.embedded.lock_kafka_jars`.",
        "# No address on purpose: a jar is its sum, wherever it comes from.",
        f"roots = {list(ROOTS)}".replace("'", '"'),
    ]
    with tempfile.TemporaryDirectory() as repository:
        maven = MavenContext(
            repo_cache=Path(repository), remote_repos=GlobalSettings.load().repositories or None
        )
        roots, others = maven.resolver.resolve([maven.create_dependency(root) for root in ROOTS])
        found = {
            f"{jar.groupId}:{jar.artifactId}:{jar.version}": Path(jar.artifact.resolve())
            for jar in (*roots, *others)
        }
        for coordinate, path in sorted(found.items()):
            content = path.read_bytes()
            lines += [
                "",
                "[[jar]]",
                f'coordinate = "{coordinate}"',
                f"size = {len(content)}",
                f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
            ]
    Path(__file__).with_name("kafka.lock.toml").write_text("\n".join(lines) + "\n")
    sys.stdout.write(f"{len(found)} jars locked\n")


if __name__ == "__main__":
    main()
