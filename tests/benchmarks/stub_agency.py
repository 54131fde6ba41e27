"""The fastest agency there can be: it takes every referral at once and counts.

`GET /count` says how many referrals came and how many came more than once.
"""

import asyncio
import sys
from collections import Counter

from aiohttp import web

_held: Counter[str] = Counter()


async def _answer(request: web.BaseRequest) -> web.Response:
    if request.method == "GET":
        doubled = sum(count - 1 for count in _held.values())
        return web.json_response({"held": len(_held), "doubled": doubled})
    await request.read()
    key = request.headers["Idempotency-Key"]
    _held[key] += 1
    return web.json_response({"reference": f"STUB-{len(_held)}"}, status=201)


async def _serve(port: int) -> None:
    runner = web.ServerRunner(web.Server(_answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
