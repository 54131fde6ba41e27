from hypothesis import given
from hypothesis import strategies as st

from services.intake.case_reference import ALPHABET, make_reference, read_reference


def test_no_letter_can_be_taken_for_another() -> None:
    assert not set("0O1IL") & set(ALPHABET)
    assert len(set(ALPHABET)) == len(ALPHABET) == 31


def test_a_reference_is_two_groups_of_four() -> None:
    references = {make_reference() for _ in range(500)}
    assert len(references) == 500
    for reference in references:
        left, right = reference.split("-")
        assert (len(left), len(right)) == (4, 4)
        assert set(left + right) <= set(ALPHABET)


@given(
    st.text(ALPHABET, min_size=8, max_size=8),
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from("- \u00a0")), max_size=5),
    st.booleans(),
)
def test_case_dashes_and_spaces_do_not_matter(
    letters: str, marks: list[tuple[int, str]], small: bool
) -> None:
    typed = letters.lower() if small else letters
    for place, mark in marks:
        typed = typed[:place] + mark + typed[place:]
    assert read_reference(typed) == f"{letters[:4]}-{letters[4:]}"


@given(st.text(max_size=20))
def test_what_cannot_be_a_reference_is_none(typed: str) -> None:
    read = read_reference(typed)
    assert read is None or read_reference(read) == read


def test_a_confusable_letter_is_no_reference() -> None:
    assert read_reference("ABCD-EFG0") is None
    assert read_reference("ABCD-EFG") is None
