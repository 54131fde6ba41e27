"""The desk's page: signing in, and the cases of a site as they happen."""

import asyncio

import aiohttp
import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.visitor import PHONE, Visitor
from tests.end_to_end.counter import Counter, Door

OTHER_SITE = "france-services-pantin"
PAGE = 50
VAGUE = "Bonjour, j’ai besoin d’aide"
OUT_OF_SCOPE = "Je veux déclarer mes impôts sur le revenu"
OLDER = "Voir les dossiers plus anciens"
LIVE = "Les dossiers de votre lieu"


def line_of(page: Page, reference: str) -> Locator:
    return page.get_by_role("row").filter(
        has=page.get_by_role("rowheader", name=reference, exact=True)
    )


async def test_signing_in_with_a_wrong_password_says_so_and_then_works(visitor: Visitor) -> None:
    page = await visitor.open(visitor.desk)
    account, password = (
        page.get_by_label("Compte", exact=True),
        page.get_by_label("Mot de passe", exact=True),
    )
    await account.fill("agent-pimms")
    await password.fill("pas le bon")
    await page.get_by_role("button", name="S’identifier").click()
    await expect(page.get_by_role("alert")).to_contain_text("mot de passe")
    await expect(account).to_be_focused()

    await password.fill(visitor.system.passwords["agent-pimms"])
    await password.press("Enter")
    await expect(page.get_by_role("heading", name=LIVE)).to_be_focused()
    await expect(page.locator("#account")).to_have_text("agent-pimms")
    await expect(page.locator("#line")).to_contain_text("En direct")


async def test_signing_out_leaves_nothing_of_the_cases(visitor: Visitor, counter: Counter) -> None:
    receipt = await counter.submit(VAGUE)
    page = await visitor.open(visitor.desk, account="agent-pimms")
    await line_of(page, receipt.reference).wait_for()
    told = await counter.submit(VAGUE)
    await expect(page.locator("#news")).to_contain_text(told.reference)
    await page.get_by_role("button", name="Se déconnecter").click()
    await expect(page.get_by_role("heading", name="Identifiez-vous")).to_be_focused()
    left = await page.content()
    assert receipt.reference not in left
    assert told.reference not in left
    await page.reload()
    await page.get_by_role("heading", name="Identifiez-vous").wait_for()


async def test_a_case_appears_by_itself_and_its_status_changes(
    visitor: Visitor, counter: Counter
) -> None:
    page = await visitor.open(visitor.desk, account="agent-pimms")
    await expect(page.locator("#line")).to_contain_text("En direct")
    await page.evaluate("window.openedOnce = true")

    receipt = await counter.submit(VAGUE)
    line = line_of(page, receipt.reference)
    await expect(line).to_contain_text("En attente d’une décision")

    answer = await counter.ask(receipt.case_id, "reroute", {"partners": ["mairie"]})
    assert answer.status == 202
    await expect(line).to_contain_text("Clos")
    await expect(line.get_by_role("listitem")).to_contain_text(["résolu"])
    assert await page.evaluate("window.openedOnce")
    assert await line.count() == 1


@pytest.fixture
async def pantin(visitor: Visitor, http: aiohttp.ClientSession) -> Counter:
    """The counter of another site, for who needs a list to themselves."""
    account = {"account": "agent-pantin", "password": visitor.system.passwords["agent-pantin"]}
    session = await Door(http, visitor.system.intake).post("/api/v1/sessions", account)
    door = Door(http, visitor.system.intake, session.content["token"])
    return Counter(door, site_id=OTHER_SITE)


async def page_with_older_cases(visitor: Visitor, counter: Counter) -> tuple[Page, Locator]:
    """The desk of `counter` with a full list, and the line that comes first on the next page."""
    oldest = await counter.submit(OUT_OF_SCOPE)
    await asyncio.gather(*(counter.submit(OUT_OF_SCOPE) for _ in range(PAGE)))
    page = await visitor.open(visitor.desk, account="agent-pantin")
    await expect(page.get_by_role("rowheader")).to_have_count(PAGE)
    return page, line_of(page, oldest.reference)


async def test_older_cases_stay_on_the_page_when_there_is_news(
    visitor: Visitor, pantin: Counter
) -> None:
    page, oldest = await page_with_older_cases(visitor, pantin)
    await page.get_by_role("button", name=OLDER).click()
    await oldest.wait_for()
    news = await pantin.submit(OUT_OF_SCOPE)
    await expect(line_of(page, news.reference)).to_contain_text("Hors de nos organismes")
    assert await oldest.is_visible()


async def test_older_cases_stay_when_news_was_asked_for_first_and_comes_last(
    visitor: Visitor, pantin: Counter
) -> None:
    page, oldest = await page_with_older_cases(visitor, pantin)
    asked, comes = asyncio.Event(), asyncio.Event()

    async def hold_back_the_first(route: Route) -> None:
        answer = await route.fetch()
        if not asked.is_set():
            asked.set()
            await comes.wait()
        await route.fulfill(response=answer)

    await page.route("**/api/v1/cases?*", hold_back_the_first)
    news = await pantin.submit(OUT_OF_SCOPE)
    await asked.wait()
    await page.get_by_role("button", name=OLDER).click()
    await asyncio.sleep(0.5)  # time enough for the older cases, if they do not wait their turn
    comes.set()
    await line_of(page, news.reference).wait_for()
    await oldest.wait_for()
    # A list may be on its way still: it must not fail the test that comes next.
    await page.unroute_all(behavior="ignoreErrors")


async def test_a_danger_shows_the_number_to_dial(visitor: Visitor, counter: Counter) -> None:
    page = await visitor.open(visitor.desk, account="agent-pimms", screen=PHONE)
    receipt = await counter.submit("Je sens une odeur de gaz chez moi")
    call = line_of(page, receipt.reference).get_by_role("link", name="0 800 47 33 33")
    await expect(call).to_have_attribute("href", "tel:0800473333")


async def test_who_follows_no_site_is_told_so_and_shown_where_to_go(visitor: Visitor) -> None:
    page = await visitor.open(visitor.desk, account="triage")
    await page.get_by_role("heading", name="ne suit pas les dossiers").wait_for()
    await page.get_by_role("link", name="décider des demandes en attente").click()
    await expect(page).to_have_url(visitor.triage)


async def test_a_cut_line_is_said_and_the_page_catches_up(
    visitor: Visitor, counter: Counter
) -> None:
    page = await visitor.open(visitor.desk, account="agent-pimms")
    await expect(page.locator("#line")).to_contain_text("En direct")
    # The stream alone is cut: the browser's own « offline » is not what a cable does.
    await page.route("**/api/v1/events", lambda route: route.fulfill(status=503))
    await page.evaluate("location.reload()")
    await expect(page.locator("#line")).to_contain_text("La liaison est coupée")
    receipt = await counter.submit(VAGUE)
    await page.unroute("**/api/v1/events")
    await line_of(page, receipt.reference).wait_for()
    await expect(page.locator("#line")).to_contain_text("En direct")
    visitor.complaints[:] = [said for said in visitor.complaints if "503" not in said]
