"""The portal's page: an agency's people read what came in, answer, and ask."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.axe import Axe
from tests.browser.test_for_everyone import assert_for_everyone
from tests.browser.visitor import PHONE, Visitor
from tests.end_to_end.agencies import Agencies
from tests.end_to_end.counter import Counter, Receipt, referral_of, told


@pytest.fixture(autouse=True)
async def nobody_else_works_there(agencies: Agencies) -> AsyncIterator[None]:
    """The simulated people at the mairie would answer before us."""
    async with agencies.broken(["mairie"], "down"):
        yield


async def received(counter: Counter, text: str = "Un extrait d’acte de naissance") -> Receipt:
    receipt = await counter.submit(text, to=["mairie"])
    await counter.until_delivered(receipt.case_id)
    return receipt


async def open_referral(visitor: Visitor, receipt: Receipt, **screen: object) -> Page:
    page = await visitor.open(visitor.portal, account="guichet-mairie", **screen)
    await page.get_by_role("button", name=f"Demande {receipt.reference}").click()
    await page.get_by_role("heading", level=2, name=receipt.reference).wait_for()
    return page


async def test_what_came_in_is_read_and_finished(visitor: Visitor, counter: Counter) -> None:
    receipt = await received(counter, "Il me faut un acte de naissance, née à Sète")
    page = await open_referral(visitor, receipt)
    await expect(page.locator("#one-text")).to_have_text(
        "Il me faut un acte de naissance, née à Sète"
    )
    await page.get_by_label("C’est fait").check()
    await page.get_by_label("Message à la personne").fill("L’acte est envoyé par courrier.")
    await page.get_by_role("button", name="Envoyer la réponse").click()
    await expect(page.get_by_role("status")).to_contain_text(receipt.reference)
    await expect(page.get_by_role("button", name=f"Demande {receipt.reference}")).to_have_count(0)
    case = await counter.until(receipt.case_id, lambda case: case["status"] == "closed")
    assert referral_of(case, "mairie")["status"] == "resolved"


async def test_a_question_goes_to_the_desk_and_its_answer_comes_back(
    visitor: Visitor, counter: Counter
) -> None:
    receipt = await received(counter)
    page = await open_referral(visitor, receipt)
    await page.get_by_label("Il nous manque une information").check()
    await page.get_by_role("button", name="Envoyer la réponse").click()
    await expect(page.get_by_role("alert")).to_have_text("Écrivez la question à poser.")
    await page.get_by_label("Question à poser à la personne").fill("Quelle date de naissance ?")
    await page.get_by_role("button", name="Envoyer la réponse").click()
    case = await counter.until(
        receipt.case_id,
        lambda case: referral_of(case, "mairie")["status"] == "needs_information",
    )
    answer = {"referral_id": referral_of(case, "mairie")["referral_id"], "text": "le 3 mai 1950"}
    assert (await counter.ask(receipt.case_id, "answers", answer)).status == 202
    await counter.until(receipt.case_id, lambda case: bool(told(case, "request.answered")))
    await expect(line_of(page, receipt)).to_be_visible()


def line_of(page: Page, receipt: Receipt) -> Locator:
    return page.get_by_role("button", name=f"Demande {receipt.reference}")


async def test_a_refusal_needs_its_reason(visitor: Visitor, counter: Counter) -> None:
    receipt = await received(counter)
    page = await open_referral(visitor, receipt)
    await page.get_by_label("Nous ne pouvons pas la prendre").check()
    await page.get_by_role("button", name="Envoyer la réponse").click()
    await expect(page.get_by_role("alert")).to_have_text("Choisissez le motif du refus.")
    await page.get_by_label("Motif du refus").select_option("other")
    await page.get_by_role("button", name="Envoyer la réponse").click()
    case = await counter.until(
        receipt.case_id, lambda case: referral_of(case, "mairie")["status"] == "refused"
    )
    assert case["status"] == "closed"


async def test_an_account_of_no_agency_is_told_so(visitor: Visitor, axe: Axe) -> None:
    page = await visitor.open(visitor.portal, account="agent-pimms")
    await page.get_by_text("Votre compte n’est pas celui d’un organisme.").wait_for()
    await assert_for_everyone(page, axe)


async def test_everyone_can_use_the_list_and_a_referral(
    visitor: Visitor, counter: Counter, axe: Axe
) -> None:
    receipt = await received(counter, "Je ne sais pas quel papier il faut. " * 20 + "a" * 300)
    page = await visitor.open(visitor.portal, account="guichet-mairie", screen=PHONE)
    await page.get_by_role("button", name=f"Demande {receipt.reference}").wait_for()
    await assert_for_everyone(page, axe)
    await page.get_by_role("button", name=f"Demande {receipt.reference}").click()
    await page.get_by_role("heading", level=2, name=receipt.reference).wait_for()
    await page.get_by_label("Nous ne pouvons pas la prendre").check()
    await assert_for_everyone(page, axe)
