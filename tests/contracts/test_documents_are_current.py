"""The committed AsyncAPI and OpenAPI documents say what the code does."""

from tests.tools.write_documents import FOLDER, documents


def test_the_generated_documents_are_the_committed_ones() -> None:
    committed = {path.name: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    drifted = sorted(n for n, text in documents().items() if committed.get(n) != text)
    assert drifted == [], f"run `make documents`: {drifted}"


def test_no_document_is_left_of_what_is_gone() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(documents())
