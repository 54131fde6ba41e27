"""The triage's page: one request, two keystrokes, and a way back."""

from playwright.async_api import Page, expect

from tests.browser.visitor import Visitor
from tests.end_to_end.counter import Counter, Receipt, statuses

MOST_PASSED = 200


async def waiting(counter: Counter, text: str = "Bonjour, j’ai besoin d’aide") -> Receipt:
    """A case that waits for a person."""
    receipt = await counter.submit(text)
    await counter.until(receipt.case_id, lambda case: case["status"] == "in_triage")
    return receipt


async def shown(page: Page, receipt: Receipt) -> None:
    """Pass whatever others left, until this one is on the screen."""
    title = page.locator("#item-title")
    for _ in range(MOST_PASSED):
        await title.wait_for()
        if receipt.reference in (before := await title.inner_text()):
            return
        await page.keyboard.press("Escape")
        await expect(title).not_to_have_text(before)
    raise AssertionError(f"{receipt.reference} never came")


async def test_two_keystrokes_decide(visitor: Visitor, counter: Counter) -> None:
    receipt = await waiting(counter)
    page = await visitor.open(visitor.triage, account="triage")
    await shown(page, receipt)
    assert await page.locator("#text").inner_text() == "Bonjour, j’ai besoin d’aide"

    await page.keyboard.press("m")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text(f"Demande {receipt.reference}")
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert statuses(case) == {"mairie": "resolved"}


async def test_a_decision_is_undone_by_one_key(visitor: Visitor, counter: Counter) -> None:
    receipt = await waiting(counter)
    page = await visitor.open(visitor.triage, account="triage")
    await shown(page, receipt)
    await page.keyboard.press("m")
    await page.keyboard.press("Enter")
    undo = page.get_by_role("region", name="Décisions qui peuvent encore être annulées")
    await undo.get_by_role("button", name="Annuler").wait_for()

    await page.keyboard.press("z")
    await expect(page.get_by_role("status")).to_have_text("Décision annulée.")
    await expect(page.locator("#item-title")).to_contain_text(receipt.reference)
    await expect(undo).to_be_hidden()
    case = await counter.show(receipt.case_id)
    assert (case["status"], case["referrals"]) == ("in_triage", [])


async def test_enter_without_a_choice_sends_nothing_and_says_why(
    visitor: Visitor, counter: Counter
) -> None:
    receipt = await waiting(counter)
    page = await visitor.open(visitor.triage, account="triage")
    await shown(page, receipt)
    await page.keyboard.press("Enter")
    await expect(page.locator("#decision-error")).to_have_text("Choisissez d’abord un organisme.")
    assert (await counter.show(receipt.case_id))["status"] == "in_triage"


async def test_a_danger_comes_first_and_its_number_can_be_dialled(
    visitor: Visitor, counter: Counter
) -> None:
    await waiting(counter)
    danger = await waiting(counter, "Mon mari me frappe, j’ai peur pour mes enfants")
    page = await visitor.open(visitor.triage, account="triage")
    await shown(page, danger)
    call = page.get_by_role("alert").get_by_role("link")
    assert await call.get_attribute("href") in {"tel:17", "tel:3919"}


async def test_an_account_that_may_not_decide_is_told_so(visitor: Visitor) -> None:
    page = await visitor.open(visitor.triage, account="agent-pimms")
    await page.get_by_text("Votre compte ne décide pas des demandes.").wait_for()
    assert await page.locator("#item").is_hidden()


async def test_signing_in_elsewhere_is_enough_to_go_on(visitor: Visitor, counter: Counter) -> None:
    await waiting(counter)
    page = await visitor.open(visitor.triage)
    await page.get_by_text("Votre session n’est pas ouverte.").wait_for()
    await visitor.sign_in(page.context, "triage")
    await page.get_by_role("button", name="Reprendre").click()
    await page.locator("#item-title").wait_for()
