"""Every page in every state: nothing keeps people from using it, at any size, light or dark."""

from playwright.async_api import Page

from tests.browser.axe import Axe
from tests.browser.test_triage_page import MOST_PASSED, shown, waiting
from tests.browser.visitor import PHONE, Visitor, lost_content
from tests.end_to_end.counter import Counter

DANGER = "Mon mari me frappe, j’ai peur pour mes enfants"
LONG = "Je ne sais pas quoi faire. " * 20 + "a" * 300


async def assert_for_everyone(page: Page, axe: Axe) -> None:
    assert await lost_content(page) == []
    assert await axe.violations(page) == []
    await page.emulate_media(color_scheme="dark")
    assert await axe.contrast_violations(page) == []
    await page.emulate_media(color_scheme="light")


async def test_the_home_page(visitor: Visitor, axe: Axe) -> None:
    await assert_for_everyone(await visitor.open(visitor.home), axe)


async def test_the_desk_signed_out(visitor: Visitor, axe: Axe) -> None:
    page = await visitor.open(visitor.desk)
    await page.get_by_label("Compte", exact=True).fill("personne")
    await page.get_by_label("Mot de passe", exact=True).fill("rien")
    await page.get_by_role("button", name="S’identifier").click()
    await page.get_by_role("alert").get_by_text("mot de passe").wait_for()
    await assert_for_everyone(page, axe)


async def test_the_desk_with_cases(visitor: Visitor, counter: Counter, axe: Axe) -> None:
    page = await visitor.open(visitor.desk, account="responsable-pimms")
    for text in (DANGER, "Je veux demander l’APL à la CAF et une carte Vitale à la CPAM"):
        receipt = await counter.submit(text)
        await page.get_by_role("rowheader", name=receipt.reference).wait_for()
    await assert_for_everyone(page, axe)
    await page.set_viewport_size(PHONE)
    assert await axe.violations(page) == []


async def test_the_desk_of_who_follows_no_site(visitor: Visitor, axe: Axe) -> None:
    page = await visitor.open(visitor.desk, account="triage")
    await page.get_by_role("heading", name="ne suit pas les dossiers").wait_for()
    await assert_for_everyone(page, axe)


async def test_the_triage_signed_out(visitor: Visitor, axe: Axe) -> None:
    page = await visitor.open(visitor.triage)
    await page.get_by_role("heading", name="Identifiez-vous").wait_for()
    await assert_for_everyone(page, axe)


async def test_the_triage_of_a_danger(visitor: Visitor, counter: Counter, axe: Axe) -> None:
    receipt = await waiting(counter, DANGER)
    page = await visitor.open(visitor.triage, account="triage")
    await shown(page, receipt)
    await assert_for_everyone(page, axe)


async def test_the_triage_of_a_long_text_just_decided(
    visitor: Visitor, counter: Counter, axe: Axe
) -> None:
    receipt = await waiting(counter, LONG)
    page = await visitor.open(visitor.triage, account="triage")
    await shown(page, receipt)
    await assert_for_everyone(page, axe)

    await page.keyboard.press("h")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Annuler").wait_for()
    assert await lost_content(page) == []
    assert await axe.violations(page) == []


async def test_the_triage_when_nothing_waits(visitor: Visitor, axe: Axe) -> None:
    page = await visitor.open(visitor.triage, account="triage")
    nothing = page.locator("#nothing")
    for _ in range(MOST_PASSED):
        await page.locator("#item:not([hidden]), #nothing:not([hidden])").wait_for()
        if await nothing.is_visible():
            break
        await page.keyboard.press("Escape")
    await assert_for_everyone(page, axe)
    assert await nothing.is_visible()
