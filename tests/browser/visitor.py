"""Somebody at a screen: signs in, opens pages, and hears what the browser complains of."""

from dataclasses import dataclass, field

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

from tests.end_to_end.running_system import System

PATIENCE_MS = 20_000
"""A safety net, nothing is asserted of it."""
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 360, "height": 740}
DESK_AT_200_PERCENT: ViewportSize = {"width": 640, "height": 450}
"""What a page has left of `DESK` when the browser's zoom is 200 %."""

# Every refused call is written to the console by the browser itself; being signed out is asked
# with such a call.
_SIGNED_OUT = ("status of 401", "status of 403")


@dataclass
class Visitor:
    """`complaints`: console errors, CSP violations, script errors, requests to elsewhere."""

    browser: Browser
    system: System
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    @property
    def home(self) -> str:
        return f"{self.system.intake}/"

    @property
    def desk(self) -> str:
        return f"{self.system.intake}/guichet"

    @property
    def triage(self) -> str:
        return f"{self.system.addresses['router']}/tri"

    @property
    def portal(self) -> str:
        return f"{self.system.partner_adapters}/portail"

    @property
    def operations(self) -> str:
        return f"{self.system.partner_adapters}/exploitation"

    async def open(
        self,
        address: str,
        *,
        account: str | None = None,
        screen: ViewportSize = DESK,
    ) -> Page:
        """A page in a browser of its own, signed in if `account`."""
        context = await self.browser.new_context(viewport=screen, locale="fr-FR")
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        if account is not None:
            await self.sign_in(context, account)
        page = await context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("request", lambda request: self._look_at(request.url))
        await page.goto(address)
        return page

    async def sign_in(self, context: BrowserContext, account: str) -> None:
        """Without the page: the browser keeps the session's cookie all the same."""
        answer = await context.request.post(
            f"{self.system.intake}/api/v1/sessions",
            data={"account": account, "password": self.system.passwords[account]},
        )
        assert answer.status == 200, await answer.text()

    async def leave(self) -> None:
        for context in self.contexts:
            await context.close()

    def _hear(self, message: ConsoleMessage) -> None:
        expected = any(status in message.text for status in _SIGNED_OUT)
        if message.type in {"error", "warning"} and not expected:
            self.complaints.append(f"{message.location['url']}: {message.text}")

    def _look_at(self, url: str) -> None:
        doors = ("intake", "router", "partner_adapters")
        if not url.startswith(tuple(self.system.addresses[door] for door in doors)):
            self.complaints.append(f"asked elsewhere: {url}")


async def lost_content(page: Page) -> list[str]:
    """What cannot be seen without scrolling sideways, or is cut off, at any size of the page."""
    lost: list[str] = []
    for size in (PHONE, DESK_AT_200_PERCENT, DESK):
        await page.set_viewport_size(size)
        lost += [f"{size}: {said}" for said in await page.evaluate(_LOST)]
    await page.evaluate("document.documentElement.style.fontSize = '200%'")
    lost += [f"letters at 200 %: {said}" for said in await page.evaluate(_LOST)]
    await page.evaluate("document.documentElement.style.fontSize = ''")
    return lost


_LOST = """() => {
  const width = document.documentElement.clientWidth;
  const lost = [];
  if (document.documentElement.scrollWidth > width)
    lost.push(`the page is ${document.documentElement.scrollWidth} wide instead of ${width}`);
  for (const each of document.body.querySelectorAll("*")) {
    if (!each.checkVisibility() || each.closest(".skip, thead, option")) continue;
    const { left, right, width: own } = each.getBoundingClientRect();
    const name = `${each.tagName} ${each.id} ${each.textContent.trim().slice(0, 30)}`;
    if (own > 0 && (left < -1 || right > width + 1)) lost.push(`outside: ${name}`);
    const cuts = ["hidden", "clip"].includes(getComputedStyle(each).overflowX);
    if (cuts && each.scrollWidth > each.clientWidth + 1) lost.push(`cut off: ${name}`);
  }
  return lost;
}"""
