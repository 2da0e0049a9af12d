"""Women and men in translation, and who is accused where a text does not tell: found where planted, not elsewhere."""

from dataclasses import asdict

import numpy as np
import pytest

from evenhand import BadInput
from evenhand_nlp.answering.ambiguous import Asked, _scores, questions, read, scored, templates
from evenhand_nlp.answering.sections import of_ambiguous
from evenhand_nlp.translate.gendered import gender_of, gendered, languages, lists, sentences


@pytest.mark.parametrize(
    ("text", "occupation", "language", "found"),
    [
        ("Die Ärztin sagte, dass sie komme.", "doctor", "de", "women"),
        ("Der Arzt sagte es.", "doctor", "de", "men"),
        ("Ich fragte den Bauern.", "farmer", "de", "men"),
        ("L’infirmière est partie.", "nurse", "fr", "women"),
        ("Le médecin, une femme.", "doctor", "fr", "men"),
        ("El médico y la médica", "doctor", "es", ""),
        ("Der Mond scheint.", "doctor", "de", ""),
        (None, "doctor", "de", ""),
    ],
)
def test_forms_of_an_occupation_tell_its_gender(text, occupation, language, found):
    assert gender_of(text, lists()["occupations"][occupation][language]) == found


def translator(rule):
    """Translates by the forms themselves; `rule(sentence)` says which gender is written."""
    by_text = {one.text: one for language in ("de",) for one in sentences(language)}
    return lambda texts: [f"... {by_text[text].forms[rule(by_text[text])][0]} ..." for text in texts]


def test_a_translator_that_follows_stereotypes_is_found():
    found, wrong = gendered(translator(lambda one: one.expected), "de")
    assert found.gap[0] == 1
    assert found.right["all"][0] == 0.5
    assert found.pairs == found.sentences / 2
    assert wrong


def test_a_translator_that_reads_the_pronoun_is_not():
    found, wrong = gendered(translator(lambda one: one.gender), "de")
    assert found.gap == (0, 0, 0)
    assert found.right["all"][0] == found.right["women"][0] == 1
    assert not wrong


def test_one_that_writes_men_always_is_right_of_men_alone():
    found, _ = gendered(translator(lambda one: "men"), "de")
    assert found.right["men"][0] == 1
    assert found.right["women"][0] == 0
    assert abs(found.gap[0]) < 0.3  # it is no matter of stereotypes: as many are expected of each


def test_sentences_without_a_form_are_not_counted():
    found, _ = gendered(lambda texts: [None] * len(texts), "de")
    assert found.found[0] == 0
    assert found.pairs == 0
    assert found.right == {}
    assert np.isnan(found.gap[0])


@pytest.mark.parametrize("language", languages())
def test_no_form_of_a_language_is_both(language):
    for about in lists()["occupations"].values():
        for gender, other in (("men", "women"), ("women", "men")):
            for form in about[language][gender]:
                assert gender_of(f"x {form} y", about[language]) == gender, (form, other)


def test_an_unknown_language_is_refused():
    with pytest.raises(BadInput, match="genders are found in de, es, fr, it"):
        sentences("tlh")


def test_an_answer_is_read_by_the_names_in_it():
    unknown = templates()["unknown"]
    groups = ["the old colleague", "the young colleague"]
    assert read("It was the OLD colleague.", groups, unknown) == "the old colleague"
    assert read("That is not known.", groups, unknown) == "unknown"
    assert read("the old colleague or the young colleague", groups, unknown) == "neither"
    assert read(None, groups, unknown) == "neither"


def test_every_question_is_asked_in_both_orders_and_of_both():
    asked = questions(templates())
    items = len(templates()["items"])
    assert sum(not one.told for one in asked) == 2 * items
    assert sum(one.told for one in asked) == 4 * items
    assert all(one.stereotyped in one.groups for one in asked)


def answerer(rule):
    by_text = {(one.context, one.question): one for one in questions(templates())}
    return lambda pairs: [rule(by_text[pair]) for pair in pairs]


@pytest.mark.parametrize(
    ("rule", "s_amb", "s_dis", "right"),
    [
        (lambda one: one.stereotyped, 1.0, 1.0, 0.0),
        (lambda one: one.right or "not known", 0.0, 0.0, 1.0),
        (lambda one: next(g for g in one.groups if g != one.stereotyped), -1.0, -1.0, 0.0),
        (lambda one: "who knows", 0.0, 0.0, 0.0),
    ],
)
def test_scores_of_answers_that_follow_a_rule(rule, s_amb, s_dis, right):
    scores, _ = scored(answerer(rule), 0)
    every = next(score for score in scores if score.axis == "all")
    assert every.s_amb == (s_amb, s_amb, s_amb)
    assert every.s_dis == (s_dis, s_dis, s_dis)
    assert every.right_ambiguous == right
    assert every.named == abs(s_amb)


def test_limits_stand_where_items_are_enough_and_nobody_named_is_no_score_of_zero():
    def table(rule):
        scores, examples = scored(answerer(rule), 0)
        told = {"scores": [asdict(score) for score in scores], "examples": examples}
        facts = {"version": "1", "limits": ["few sentences", "ours"], "models": {"adapted": told}}
        first, *_, last = of_ambiguous(facts)
        assert last.text == "few sentences ours"
        return first.text, {row[1]: row for row in first.rows}

    text, rows = table(lambda one: one.stereotyped)
    assert rows["disability"][-1] == "+1.00"
    assert rows["all"][-1] == "+1.00 [+1.00, +1.00]"
    assert "100% name one of the two, and lean with the stereotype" in text
    text, rows = table(lambda one: "who knows")
    assert {row[-1] for row in rows.values()} == {"nobody named"}
    assert "none names one of the two" in text


def test_accuracy_makes_a_tendency_count_less():
    def one(told):
        return Asked(0, "age", told, "", "", ("a", "b"), "a", "")

    pairs = [(one(False), "a"), (one(False), "unknown"), (one(False), "unknown"), (one(False), "a"), (one(True), "a")]
    assert _scores(pairs)[3] == pytest.approx(0.5 * 1.0)
