"""Each service's published OpenAPI against the service as it runs: schemathesis knocks at its door.

Whatever it sends, well-formed or not, the answer is one that the document describes, and never a
500. It may be refused for a reason that no schema can say (an unknown site), so that
`positive_data_acceptance` does not hold here by design.
"""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.end_to_end.counter import CLIENT, Door
from tests.end_to_end.running_system import System, running_system

EXAMPLES = settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
WATCHED = ["/api/v1/events"]
"""A stream that never ends: the end-to-end tests read it."""


@pytest.fixture(scope="session")
async def system() -> AsyncIterator[System]:
    async with running_system() as found:
        yield found


@pytest.fixture(scope="session")
async def sessions(system: System) -> dict[str, str]:
    """A session at each door, of somebody with much to do there."""
    async with aiohttp.ClientSession() as http:

        async def session_of(account: str) -> str:
            given = {"account": account, "password": system.passwords[account]}
            answer = await Door(http, system.intake).post("/api/v1/sessions", given)
            return str(answer.content["token"])

        return {
            "intake": system.tokens[CLIENT],
            "router": await session_of("triage"),
            "portal": await session_of("guichet-mairie"),
            "operations": await session_of("exploitation"),
        }


@pytest.mark.parametrize(
    ("service", "who"),
    [
        ("intake", "intake"),
        ("router", "router"),
        ("partner_adapters", "portal"),
        ("partner_adapters", "operations"),
    ],
)
def test_a_service_answers_as_its_document_says(
    system: System, sessions: dict[str, str], service: str, who: str
) -> None:
    document = schemathesis.openapi.from_url(f"{system.addresses[service]}/openapi.json")
    operations = [each.ok() for each in document.exclude(path=WATCHED).get_all_operations()]
    assert operations
    broken = {}
    answered: set[int] = set()
    for operation in operations:
        try:
            answered |= knock(operation, token=sessions[who])
        except (AssertionError, FailureGroup) as error:
            broken[operation.label] = str(error)
    assert {200, 422} <= answered  # or we would have knocked at nothing but shut doors
    assert not broken, "\n\n".join(f"{label}\n{said}" for label, said in broken.items())


def knock(operation: APIOperation[Any, Any, Any, Any], *, token: str) -> set[int]:
    """Send one operation a few dozen requests, half of them malformed; what it answered.

    Raises what does not hold.
    """
    answered: set[int] = set()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @EXAMPLES
        @given(case=operation.as_strategy(generation_mode=mode))
        def hold(case: schemathesis.Case) -> None:
            response = case.call_and_validate(
                headers={"Authorization": f"Bearer {token}"},
                excluded_checks=[positive_data_acceptance],
            )
            answered.add(response.status_code)

        # A call without a parameter or a body has nothing to be malformed.
        with suppress(*([Unsatisfiable] if mode is GenerationMode.NEGATIVE else [])):
            hold()
    return answered
