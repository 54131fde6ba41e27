"""The bare door that intake is measured against: validate the same form, insert one row.

Served by the same server, on the same event loop, with as many connections as intake has.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import uvloop
from fastapi import FastAPI

from services.intake.request_form import RequestForm
from shared.plumbing.service import serve

_CONNECTIONS = 10


def build_bare_door(database_url: str) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with asyncpg.create_pool(database_url, max_size=_CONNECTIONS) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/readyz")
    async def readyz() -> None:
        return None

    @app.post("/api/v1/requests", status_code=202)
    async def submit(form: RequestForm) -> dict[str, UUID]:
        case_id = uuid4()
        await app.state.pool.execute(
            "INSERT INTO public.bare_cases (case_id, content) VALUES ($1, $2)",
            case_id,
            form.model_dump_json(),
        )
        return {"case_id": case_id}

    return app


if __name__ == "__main__":
    door = build_bare_door(os.environ["BENCH_DATABASE_URL"])
    uvloop.run(serve(door, host="127.0.0.1", port=int(sys.argv[1])))
