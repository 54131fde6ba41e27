"""What is kept to learn from says what was needed, and not who needed it."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.router.learning.mask_identity import fold, mask_identity
from shared.contracts.personal import Visitor

NOBODY = Visitor()
LETTERS = "abcdefghijklmnopqrstuvwxyzàâçéèêëîïôûüÿœ"
names = st.text(alphabet=LETTERS + LETTERS.upper(), min_size=2, max_size=12)
numbers = st.text(alphabet="0123456789٠١٢٣", min_size=1, max_size=14)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Je suis fatima BENALI, j'ai perdu l'APL", "Je suis [nom] [nom], j'ai perdu l'APL"),
        ("mon tel 06 98 76 54 32 merci", "mon tel [téléphone] merci"),
        ("+33 6.98.76.54.32", "[téléphone]"),
        ("écrire à f.benali@exemple.fr", "écrire à [adresse]"),
        ("mon numéro 123 456 A à la CAF", "mon numéro [identifiant] à la CAF"),
        ("une dette de 1 250,50 euros", "une dette de [nombre] euros"),
        ("née le 12/03/1950", "née le [nombre]"),
        ("au 3949 ou 3646", "au [nombre] ou [nombre]"),
        ("la voisine Mme Dupont m'a dit", "la voisine Mme [nom] m'a dit"),
        ("je m'appelle leila et je veux la CSS", "je m'appelle [nom] et je veux la CSS"),
        ("renouveler ma C2S et le bulletin G30", "renouveler ma C2S et le bulletin G30"),
        ("appartement T4, dossier AB123456", "appartement T4, dossier AB[nombre]"),
    ],
)  # fmt: skip
def test_identity_goes_and_the_need_stays(text: str, masked: str) -> None:
    visitor = Visitor(given_name="Fatima", family_name="Benali", identifiers={"caf": "123456A"})
    assert mask_identity(text, visitor) == masked


@given(given_name=names, family_name=names, before=st.text(max_size=30), after=st.text(max_size=30))
@example(given_name="Zoé", family_name="Ng", before="", after="")
def test_a_visitors_names_are_nowhere_in_what_is_kept(
    given_name: str, family_name: str, before: str, after: str
) -> None:
    visitor = Visitor(given_name=given_name, family_name=family_name)
    text = f"{before} {given_name.upper()} {after} {family_name}"
    masked = mask_identity(text, visitor)

    without_placeholders = re.sub(r"\[(nom|adresse|téléphone|identifiant|nombre)\]", " ", masked)
    words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", without_placeholders))
    assert {fold(given_name), fold(family_name)} & {fold(word) for word in words} == set()


@given(before=st.text(max_size=20), number=numbers, after=st.text(max_size=20))
def test_no_number_of_three_digits_or_more_survives(before: str, number: str, after: str) -> None:
    masked = mask_identity(f"{before} {number} {after}", NOBODY)

    assert not re.search(r"\d{3}", masked)
    assert not re.search(r"(?<![^\W_])\d", masked), "a number that stands alone"


@given(st.text(max_size=200), st.text(max_size=20), st.text(max_size=20))
def test_any_text_of_any_visitor_is_masked_without_an_error(
    text: str, name: str, identifier: str
) -> None:
    visitor = Visitor(given_name=name, family_name=name, identifiers={"caf": identifier})
    assert isinstance(mask_identity(text, visitor), str)


@given(st.lists(st.sampled_from(["je", "veux", "une", "aide", "de", "la", "CAF"]), max_size=12))
def test_words_that_identify_nobody_stay_as_they_are(words: list[str]) -> None:
    assert mask_identity(" ".join(words), NOBODY) == " ".join(words)


def test_a_name_cut_by_invisible_characters_is_masked() -> None:
    masked = mask_identity("Ben\u200bali et Be\u0301rnard", Visitor(family_name="Benali Bérnard"))
    assert masked == "[nom] et [nom]"
