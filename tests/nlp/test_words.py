"""Words and measures in any script; F1, exact match, chrF and ROUGE against their references."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput
from evenhand_nlp.writing.measures import MEASURES, chrf, exact, f1, graded, measure_of, rouge
from evenhand_nlp.writing.words import length_band, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Über-Größe, 3 Stück!", ["über", "grösse", "3", "stück"]),
        ("हिन्दी में", ["हिन्दी", "में"]),  # marks stay with their letters
        ("今天很好ok", ["今", "天", "很", "好", "ok"]),
        ("a\u0301 = á", ["á", "á"]),  # composed and decomposed are the same
        ("\x00\t …", []),
    ],
)
def test_words_of_any_script(text, found):
    assert words(text) == found


def test_lengths_are_of_words_in_any_script():
    assert [length_band(text) for text in ("", "今天很好", "one " * 8, "一" * 70)] == [
        "no words",
        "1-7 words",
        "8-12 words",
        "61 words or more",
    ]


def test_f1_is_squads():
    # SQuAD: "The Eiffel Tower!" and "eiffel tower of Paris": 2 shared of 2 and 4 words
    assert f1("The Eiffel Tower!", "eiffel tower of Paris") == pytest.approx(2 * (1 * 0.5) / (1 + 0.5))
    assert exact("the U.S.", "US") == 1
    assert exact("", "the") == 1
    assert f1("", "word") == 0
    assert f1("東京", "東京都") == pytest.approx(2 * 2 / 5)


def test_rouge_knows_scripts_that_its_own_tokenizer_does_not():
    pytest.importorskip("rouge_score")
    from rouge_score.rouge_scorer import RougeScorer

    own = RougeScorer(["rougeL"]).score("the cat sat on the mat", "the cat sat")["rougeL"].fmeasure
    assert rouge("rougeL")("the cat sat", "the cat sat on the mat") == pytest.approx(own)
    assert RougeScorer(["rougeL"]).score("привет мир", "привет мир")["rougeL"].fmeasure == 0
    assert rouge("rougeL")("привет мир", "привет мир") == 1


def test_chrf_is_sacrebleus():
    sacrebleu = pytest.importorskip("sacrebleu")
    pair = "the cat sat", "the cat is sitting"
    assert chrf(*pair) == pytest.approx(sacrebleu.sentence_chrf(pair[0], [pair[1]]).score / 100)


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_measure_is_a_share_and_the_same_text_is_perfect(one, two):
    for name in ("f1", "exact"):
        value = MEASURES[name](one, two)
        assert 0 <= value <= 1
        assert value == MEASURES[name](two, one)
        assert MEASURES[name](one, one) == 1


def test_no_text_has_no_quality_and_an_unknown_measure_is_refused():
    assert graded("f1", [None, "a b"], ["a b", "a b"]).tolist() == [0, 1]
    with pytest.raises(BadInput, match="no measure"):
        measure_of({"measure": "blue"})
