"""The page of operations: what is stuck is seen, understood and let go, without a mouse too."""

import json
import re
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
from playwright.async_api import Locator, Page, Route, expect
from standardwebhooks import Webhook

from tests.browser.axe import Axe
from tests.browser.test_for_everyone import assert_for_everyone
from tests.browser.visitor import PHONE, Visitor
from tests.end_to_end.agencies import Agencies
from tests.end_to_end.counter import Counter, Receipt, referral_of, told

ENGIE, SNCF, CAF = "Engie", "SNCF Voyageurs", "Caisse d’allocations familiales"


async def parked(counter: Counter, agencies: Agencies) -> Receipt:
    """A request that the agency refused as it stood, and would take now."""
    async with agencies.broken(["engie"], "refuse"):
        receipt = await counter.submit("Question", to=["engie"])
        await counter.until(
            receipt.case_id, lambda case: bool(told(case, "referral.delivery_parked"))
        )
    return receipt


async def uncertain(counter: Counter, agencies: Agencies) -> Receipt:
    """A request of which nobody can tell whether the agency has it."""
    async with agencies.broken(["sncf"], "cut_after_accept"):
        receipt = await counter.submit("Question", to=["sncf"])
        await counter.until(
            receipt.case_id, lambda case: bool(told(case, "referral.delivery_uncertain"))
        )
    return receipt


async def open_partner(visitor: Visitor, name: str) -> Page:
    page = await visitor.open(visitor.operations, account="exploitation")
    await page.get_by_role("button", name=f"Ouvrir : {name}").click()
    await page.get_by_role("heading", level=2, name=name).wait_for()
    return page


def line(page: Page, table: str, name: str) -> Locator:
    return page.locator(f"#{table} tr").filter(has_text=name)


async def test_every_partner_is_shown_with_its_state_in_words(visitor: Visitor, axe: Axe) -> None:
    page = await visitor.open(visitor.operations, account="exploitation")
    await expect(line(page, "partners", CAF)).to_contain_text("marche")
    await expect(page.locator("#partners tbody tr")).to_have_count(9)
    await assert_for_everyone(page, axe)


async def test_who_is_closed_or_late_to_answer_is_said_in_words(visitor: Visitor, axe: Axe) -> None:
    opens_at = datetime(2027, 1, 4, 8, tzinfo=UTC)

    async def closed_and_late(route: Route) -> None:
        answer = await route.fetch()
        found = await answer.json()
        for partner in found.get("partners", [found]):
            if partner["partner_id"] == "edf":
                partner |= {"opens_at": opens_at.isoformat(), "overdue": 2}
        await route.fulfill(response=answer, json=found)

    page = await visitor.open(visitor.operations, account="exploitation")
    await page.route(re.compile("/api/v1/partners(/edf)?$"), closed_and_late)
    await expect(line(page, "partners", "EDF")).to_contain_text(
        "fermé en ce moment, rouvre lundi 4 janvier à 09:00"
    )
    await page.get_by_role("button", name="Ouvrir : EDF").click()
    await page.get_by_text("2 dossiers remis n’ont pas été pris en compte").wait_for()
    await assert_for_everyone(page, axe)


async def test_who_is_signed_out_or_may_not_is_told_so(visitor: Visitor, axe: Axe) -> None:
    page = await visitor.open(visitor.operations)
    await page.get_by_text("Votre session n’est pas ouverte.").wait_for()
    await assert_for_everyone(page, axe)
    await visitor.sign_in(page.context, "exploitation")
    await page.get_by_role("button", name="Reprendre", exact=True).click()
    await page.get_by_role("heading", name="Partenaires").wait_for()
    page = await visitor.open(visitor.operations, account="triage")
    await page.get_by_text("Votre compte ne fait pas partie de l’exploitation.").wait_for()


async def test_a_pause_is_seen_at_once_and_taken_back(visitor: Visitor) -> None:
    page = await open_partner(visitor, "EDF")
    await page.get_by_role("button", name="Mettre en pause").click()
    await expect(line(page, "partners", "EDF")).to_contain_text("par exploitation")
    await page.get_by_role("button", name="Reprendre les envois").click()
    await expect(line(page, "partners", "EDF")).to_contain_text("marche")
    await expect(line(page, "actions", "mise en pause").first).to_contain_text("exploitation")


async def test_a_parked_delivery_is_retried_by_keyboard(
    visitor: Visitor, counter: Counter, agencies: Agencies
) -> None:
    receipt = await parked(counter, agencies)
    page = await open_partner(visitor, ENGIE)
    await expect(line(page, "deliveries", receipt.reference)).to_contain_text("réponse HTTP 422")
    await page.get_by_role("button", name=f"Réessayer maintenant : {receipt.reference}").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#message")).to_contain_text(receipt.reference)
    case = await counter.until_delivered(receipt.case_id)
    [resumed] = told(case, "referral.delivery_resumed")
    assert resumed["facts"]["resumed_by"] == "exploitation"
    await expect(line(page, "deliveries", receipt.reference)).to_have_count(0)


async def test_a_refresh_leaves_the_focus_where_it_is(
    visitor: Visitor, counter: Counter, agencies: Agencies
) -> None:
    receipt = await parked(counter, agencies)
    page = await open_partner(visitor, ENGIE)
    button = page.get_by_role("button", name=f"Voir : {receipt.reference}")
    await button.focus()
    for _ in range(2):
        async with page.expect_response(lambda answer: "/api/v1/deliveries" in answer.url):
            pass
    await expect(button).to_be_focused()


async def test_parked_ones_are_counted_then_replayed(
    visitor: Visitor, counter: Counter, agencies: Agencies, axe: Axe
) -> None:
    receipts = [await parked(counter, agencies) for _ in range(2)]
    page = await open_partner(visitor, ENGIE)
    await page.get_by_role("button", name="Compter").click()
    await expect(page.locator("#replay-found")).to_contain_text("réponse HTTP 422")
    await assert_for_everyone(page, axe)
    await page.get_by_label("Motif du blocage").select_option("http_422")
    await expect(page.locator("#replay-go")).to_be_hidden()
    await page.get_by_role("button", name="Compter").click()
    await page.locator("#replay-go").click()
    await expect(page.locator("#replay-found")).to_contain_text("relancé")
    for receipt in receipts:
        await counter.until_delivered(receipt.case_id)
    await expect(line(page, "actions", "envois bloqués relancés").first).to_contain_text(
        "exploitation"
    )


async def test_an_uncertain_delivery_is_decided_by_a_person(
    visitor: Visitor, counter: Counter, agencies: Agencies, axe: Axe
) -> None:
    await agencies.behave(["sncf"], statuses=False)  # a status would prove the delivery
    try:
        receipt = await uncertain(counter, agencies)
        page = await open_partner(visitor, SNCF)
        await page.get_by_label("Montrer les envois").select_option("uncertain")
        await page.get_by_role("button", name=f"Trancher : {receipt.reference}").click()
        dialog = page.get_by_role("dialog", name="Le partenaire a-t-il reçu")
        assert await axe.violations(page) == []
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await page.get_by_role("button", name=f"Trancher : {receipt.reference}").click()
        await dialog.get_by_label("Sa référence").fill("SNCF-2026-7")
        await dialog.get_by_role("button", name="Oui, il l’a reçu").click()
        case = await counter.until_delivered(receipt.case_id)
    finally:
        await agencies.behave(["sncf"], statuses=True)
    assert referral_of(case, "sncf")["partner_reference"] == "SNCF-2026-7"
    await expect(page.locator("#message")).to_contain_text("noté comme remis")


async def test_a_whole_life_opens_the_agencys_words_only_on_demand(
    visitor: Visitor, counter: Counter, agencies: Agencies, axe: Axe
) -> None:
    receipt = await parked(counter, agencies)
    page = await open_partner(visitor, ENGIE)
    await page.get_by_role("button", name=f"Voir : {receipt.reference}").click()
    await expect(page.locator("#referral-title")).to_be_focused()
    await expect(page.locator("#referral-deliveries")).to_contain_text("refusé tel quel")
    await expect(page.locator("#no-referral-action")).to_be_visible()
    await page.get_by_role("button", name="Ouvrir ce que le partenaire a écrit").click()
    await expect(line(page, "referral-actions", "a lu ce que le partenaire")).to_contain_text(
        "exploitation"
    )
    await assert_for_everyone(page, axe)
    await page.set_viewport_size(PHONE)
    assert await axe.violations(page) == []


async def test_a_referral_is_found_by_its_id(visitor: Visitor, counter: Counter) -> None:
    receipt = await counter.submit("Question", to=["caf"])
    case = await counter.until_delivered(receipt.case_id)
    page = await visitor.open(visitor.operations, account="exploitation")
    find = page.get_by_label("Voir un dossier par son identifiant")
    await find.fill("K7M4")
    await find.press("Enter")
    await expect(page.locator("#find-error")).to_contain_text("ressemble à")
    await find.fill(referral_of(case, "caf")["referral_id"])
    await find.press("Enter")
    await expect(page.get_by_role("heading", name=f"Dossier {receipt.reference}")).to_be_focused()
    await page.locator("#close-referral").click()
    await expect(page.get_by_role("button", name="Voir ce dossier")).not_to_be_focused()


async def test_a_word_is_translated_and_its_case_repaired(
    visitor: Visitor, counter: Counter, agencies: Agencies, axe: Axe
) -> None:
    await agencies.behave(["caf"], statuses=False)
    try:
        receipt = await counter.submit("Question", to=["caf"])
        case = await counter.until_delivered(receipt.case_id)
        word = f"EN_GREVE_{uuid4().hex[:6]}"
        await say(visitor, referral_of(case, "caf")["referral_id"], word)
        await counter.until(
            receipt.case_id, lambda case: bool(referral_of(case, "caf")["needs_person"])
        )
        page = await open_partner(visitor, CAF)
        await page.get_by_role("button", name="Montrer les mots").click()
        await page.get_by_role("button", name=f"Traduire : {word}").click()
        dialog = page.get_by_role("dialog", name=f"Que veut dire « {word} »")
        await dialog.get_by_label("Il veut dire").select_option("in_progress")
        assert await axe.violations(page) == []
        await dialog.get_by_role("button", name="Traduire et mettre à jour").click()
        await expect(page.locator("#message")).to_contain_text("1 dossier mis à jour")
        await expect(line(page, "mapped", word)).to_contain_text("en cours")
        case = await counter.until(
            receipt.case_id, lambda case: referral_of(case, "caf")["status"] == "in_progress"
        )
    finally:
        await agencies.behave(["caf"], statuses=True)
    assert not referral_of(case, "caf")["needs_person"]


async def say(visitor: Visitor, referral_id: str, word: str) -> None:
    """As the agency would, in a word that its table does not have."""
    said = {
        "id": str(uuid4()),
        "referral_id": referral_id,
        "status": word,
        "at": datetime.now(UTC).isoformat(),
    }
    secrets = json.loads((visitor.system.folder / "secrets.json").read_text("utf-8"))
    now, body = datetime.now(UTC), json.dumps(said)
    signature = Webhook(secrets["partner_secrets"]["CAF_CALLBACK_SECRET"]).sign("m", now, body)
    headers = {
        "content-type": "application/json",
        "webhook-id": "m",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    address = f"{visitor.system.partner_adapters}/partners/caf/status"
    async with (
        aiohttp.ClientSession() as http,
        http.post(address, data=body, headers=headers) as answer,
    ):
        assert answer.status == 204, await answer.text()
