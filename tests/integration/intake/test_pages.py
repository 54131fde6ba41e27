"""The pages: readable without anything from elsewhere, and without a script in the page."""

import re
from html.parser import HTMLParser

import pytest

from tests.integration.intake.rig import Door


class Page(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("path", ["/", "/guichet"])
async def test_a_page_is_french_self_contained_and_holds_no_script(door: Door, path: str) -> None:
    answer = await door.call("GET", path, who=None)
    assert answer.status == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    page = Page(answer.json)
    assert page.named("html") == [{"lang": "fr"}]
    assert len(page.named("h1")) == 1
    assert all(script.get("src") for script in page.named("script"))
    for _, attributes in page.elements:
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        address = attributes.get("src") or attributes.get("href") or "/"
        assert re.match(r"[/#](?!/)", address), address


@pytest.mark.parametrize("path", ["/", "/guichet"])
async def test_every_address_of_a_page_answers(door: Door, path: str) -> None:
    page = Page((await door.call("GET", path, who=None)).json)
    addresses = {
        address
        for _, attributes in page.elements
        if (address := attributes.get("href") or attributes.get("src")) and address[0] == "/"
    } - {"/tri", "/portail", "/exploitation"}  # other doors
    assert addresses
    for address in addresses:
        status = (await door.call("GET", address, who=None)).status
        assert status == 200 or (address, status) == ("/readyz", 503), address


async def test_every_field_of_the_sign_in_form_has_a_label(door: Door) -> None:
    page = Page((await door.call("GET", "/guichet", who=None)).json)
    labelled = {label["for"] for label in page.named("label")}
    assert {field["id"] for field in page.named("input")} == labelled
