"""How an agency reaches Kafka: address, user and password of its own."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KafkaAccount:
    """One SCRAM user on the agencies' listener."""

    address: str
    user: str
    password: str

    def settings(self) -> dict[str, Any]:
        """The connection arguments that aiokafka's clients share."""
        return {
            "bootstrap_servers": self.address,
            "client_id": f"{self.user}-desk",
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
            "request_timeout_ms": 5000,
        }
