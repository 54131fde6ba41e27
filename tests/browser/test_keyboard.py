"""Every page without a mouse."""

from typing import Any

from playwright.async_api import Page, expect

from tests.browser.test_triage_page import shown, waiting
from tests.browser.visitor import Visitor
from tests.end_to_end.counter import Counter

MOST_STOPS = 60

_FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {
    name: at.ariaLabel ?? (at.labels?.[0] ?? at).textContent.trim(),
    id: at.id,
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    seen: box.top >= 0 && box.bottom <= innerHeight,
  };
}"""


async def to_the_top(page: Page) -> None:
    """As after loading: the next Tab leads to the first stop."""
    await page.evaluate(
        "() => { const { body } = document;"
        " body.tabIndex = -1; body.focus(); body.removeAttribute('tabindex'); }"
    )


async def stops(page: Page) -> list[dict[str, Any]]:
    """Where the Tab key leads, from the top of the page to its end."""
    found: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(_FOCUSED)
        if stop is None or stop in found:
            return found
        found.append(stop)
    raise AssertionError(f"the Tab key never leaves the page: {found}")


async def to(page: Page, name: str) -> None:
    """Press Tab until the element of this name has the focus."""
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(_FOCUSED)
        if stop is not None and name in stop["name"]:
            return
    raise AssertionError(f"the Tab key never reaches {name}")


async def test_the_focus_is_always_seen(visitor: Visitor, counter: Counter) -> None:
    receipt = await waiting(counter)
    home = await visitor.open(visitor.home)
    desk = await visitor.open(visitor.desk)
    await desk.get_by_label("Compte", exact=True).wait_for()
    triage = await visitor.open(visitor.triage, account="triage")
    await shown(triage, receipt)
    operations = await visitor.open(visitor.operations, account="exploitation")
    await operations.get_by_role("button", name="Ouvrir : EDF").click()
    await operations.get_by_role("heading", level=2, name="EDF").wait_for()
    for page, fewest in ((home, 6), (desk, 6), (triage, 14), (operations, 18)):
        await to_the_top(page)
        found = await stops(page)
        assert len(found) >= fewest, found
        assert [stop for stop in found if stop["outline"] < 3 or not stop["seen"]] == []


async def test_the_first_stop_skips_to_the_content(visitor: Visitor) -> None:
    for address in (visitor.home, visitor.desk, visitor.triage, visitor.operations):
        page = await visitor.open(address)
        await page.get_by_role("heading", level=2).first.wait_for()
        await to_the_top(page)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("main")).to_be_focused()


async def test_signing_in_and_out_by_keyboard(visitor: Visitor) -> None:
    page = await visitor.open(visitor.desk)
    await page.get_by_label("Compte", exact=True).wait_for()
    await to(page, "Compte")
    await page.keyboard.type("agent-pimms")
    await page.keyboard.press("Tab")
    await page.keyboard.type(visitor.system.passwords["agent-pimms"])
    await to(page, "S’identifier")
    await page.keyboard.press("Space")
    await page.get_by_role("heading", name="Les dossiers de votre lieu").wait_for()
    await page.keyboard.press("Shift+Tab")
    await expect(page.get_by_role("button", name="Se déconnecter")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.get_by_label("Compte", exact=True).wait_for()


async def test_deciding_by_keyboard_without_the_shortcuts(
    visitor: Visitor, counter: Counter
) -> None:
    receipt = await waiting(counter)
    page = await visitor.open(visitor.triage, account="triage")
    await shown(page, receipt)
    await page.get_by_label("Utiliser les raccourcis").uncheck()
    await page.locator("#item-title").focus()
    await page.keyboard.press("m")
    assert await page.locator("#decision input:checked").count() == 0
    await to(page, "SNCF")
    await page.keyboard.press("Space")
    await to(page, "Envoyer la décision")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text(f"Demande {receipt.reference}")
    await to(page, "Annuler")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Décision annulée.")
