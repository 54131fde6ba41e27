"""What the routes work with, handed to them by the composition root."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from services.intake.authentication import Authenticator
from services.intake.creating_call import CallsInFlight
from services.intake.event_feed import EventFeed
from services.intake.known_directory import KnownDirectory
from services.intake.sign_in_brake import SignInBrake
from services.intake.store_submissions import Submission
from shared.plumbing.access import SessionSigner
from shared.plumbing.clock import Clock
from shared.plumbing.database import Database
from shared.plumbing.group_commit import GroupCommit
from shared.plumbing.outbox import Outbox
from shared.plumbing.passwords import Passwords
from shared.plumbing.sealing import Sealer


@dataclass(frozen=True, kw_only=True)
class DoorParts:
    """There once the service has started."""

    database: Database
    outbox: Outbox
    sealer: Sealer
    known_directory: KnownDirectory
    authenticator: Authenticator
    signer: SessionSigner
    passwords: Passwords
    sign_in_brake: SignInBrake
    feed: EventFeed
    submissions: GroupCommit[Submission, str]
    in_flight: CallsInFlight
    clock: Clock


async def parts_of(request: Request) -> DoorParts:
    # async, although it waits for nothing: FastAPI would run it in a thread otherwise
    parts: DoorParts = request.app.state.parts
    return parts


Parts = Annotated[DoorParts, Depends(parts_of)]
