"""The home page: which doors there are."""

from playwright.async_api import expect

from tests.browser.visitor import Visitor


async def test_the_home_page_leads_to_the_desk_and_to_the_triage(visitor: Visitor) -> None:
    page = await visitor.open(visitor.home)
    for name, address in (("Guichet", visitor.desk), ("Triage", visitor.triage)):
        await page.get_by_role("link", name=name, exact=True).click()
        await expect(page).to_have_url(address)
        await page.get_by_role("heading", name="Identifiez-vous").wait_for()
        await page.go_back()


async def test_the_home_page_is_read_without_a_script(visitor: Visitor) -> None:
    page = await visitor.open(visitor.home)
    assert await page.locator("script").count() == 0
    assert await page.get_by_role("heading", level=1).count() == 1
    assert await page.get_by_text("POST /api/v1/requests").is_visible()
