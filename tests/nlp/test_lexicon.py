"""Term lists: what a text mentions, in any script, and the same text about another group."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand import BadInput
from evenhand_nlp.identity.columns import columns, mentioned
from evenhand_nlp.identity.lexicon import NONE, SEVERAL, Axis, lexicon

WORDS = lexicon()


@pytest.mark.parametrize(
    ("axis", "text", "says"),
    [
        ("religion", "A MUSLIM asked", "muslim"),
        ("religion", "two muslims and a jew", SEVERAL),
        ("religion", "muslimah and antimuslim", NONE),
        ("religion", "the Jewish  people next door", "jewish"),
        ("origin", "the black cat sat on a white wall", NONE),
        ("origin", "a black man and his dog", "black"),
        ("orientation", "go straight on", NONE),
        ("orientation", "straight people", "straight"),
        ("age", "an old car", NONE),
        ("age", "old people dance", "older"),
        ("gender", "she said so", "women"),
        ("gender", "shell and hero", NONE),
        ("gender", "", NONE),
    ],
)
def test_whole_words_are_mentions_and_words_with_another_sense_need_people(axis, text, says):
    assert mentioned(WORDS.axes[axis], text) == says


@pytest.mark.parametrize(
    ("axis", "target", "text", "changed"),
    [
        ("gender", "men", "She gave her book to her. It is hers.", "He gave his book to him. It is his."),
        ("gender", "women", "HIS father and he", "HER mother and she"),
        ("religion", "atheist", "A Muslim asked", "An atheist asked"),
        ("religion", "muslim", "an atheist asked", "a Muslim asked"),
        ("religion", "jewish", "a Muslim man prays", "a Jewish man prays"),
        ("religion", "jewish", "I know a Muslim.", "I know a Jewish person."),
        ("origin", "white", "Black people sing", "White people sing"),
        ("orientation", "gay", "straight men cook", "gay men cook"),
    ],
)
def test_an_exchange_keeps_role_case_and_article(axis, target, text, changed):
    made = {swap.target: swap.text for swap in WORDS.axes[axis].swaps(text)}
    assert made[target] == changed


def test_a_text_about_two_groups_or_none_is_not_exchanged():
    assert WORDS.axes["gender"].swaps("he and she") == []
    assert WORDS.axes["gender"].swaps("nobody") == []


def test_a_group_without_a_term_for_the_role_is_left_out():
    made = {swap.target for swap in WORDS.axes["religion"].swaps("the mosque is open")}
    assert made == {"jewish", "christian", "hindu"}  # no house is listed of the others


def test_terms_of_any_script_match_whole_words_or_where_there_are_no_blanks():
    axis = Axis(
        "religion", {"a": {"noun": ["мусульманин", "穆斯林", "müslüman"]}, "b": {"noun": ["еврей"]}}, ["people"]
    )
    assert axis.groups("Он мусульманин.") == ("a",)
    assert axis.groups("антимусульманинский") == ()
    assert axis.groups("我的邻居是穆斯林人") == ("a",)
    assert axis.groups("MÜSLÜMAN") == ("a",)


def test_a_term_with_signs_of_regular_expressions_is_a_term():
    axis = Axis("x", {"a": {"noun": ["c++ (dev", "[group]"]}}, ["people"])
    assert axis.groups("a c++ (dev here") == ("a",)
    assert axis.groups("a [group] here") == ("a",)
    assert axis.groups("g r o u p") == ()


@given(st.text(max_size=80))
def test_any_text_is_read_and_an_exchange_mentions_the_other_group(text):
    for axis in WORDS.axes.values():
        groups = axis.groups(text)
        assert set(groups) <= set(axis.terms)
        for swap in axis.swaps(text):
            assert (swap.source,) == groups


@given(st.sampled_from(sorted(WORDS.axes)), st.data())
def test_every_plural_is_found_and_exchanged_for_every_other(name, data):
    axis = WORDS.axes[name]
    plural = {group: roles["plural"][0] for group, roles in axis.terms.items() if "plural" in roles}
    group = data.draw(st.sampled_from(sorted(plural)))
    text = f"We met {plural[group]} there."
    assert axis.groups(text) == (group,)
    assert {swap.target for swap in axis.swaps(text)} == set(plural) - {group}
    for swap in axis.swaps(text):
        assert axis.groups(swap.text) == (swap.target,)


def test_columns_hold_one_value_a_text():
    assert columns(WORDS, ["gender"], ["she", "x"]) == {"gender": ["women", NONE]}


def test_a_list_of_the_users_own_adds_an_axis_and_replaces_a_group(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'version = "7"\nlimits = ["mine"]\n[axes.team.red]\nplural = ["reds"]\n[axes.team.blue]\nplural = ["blues"]\n'
        '[axes.religion.muslim]\nplural = ["followers"]\n',
        "utf-8",
    )
    words = lexicon(str(file))
    assert words.axes["team"].groups("the reds won") == ("red",)
    assert words.axes["religion"].groups("a muslim") == ()
    assert "7" in words.version
    assert "mine" in words.limits


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[axes", "cannot be read"),
        ("axes = 3", "needs tables"),
        ("[axes.a.b]\n", "needs roles with terms"),
        ("[axes.a.b]\nplural = []\n", "needs roles with terms"),
        ("[axes.a.b]\nplural = [3]\n", "needs roles with terms"),
        ("people = 'x'\n", "is no list of texts"),
    ],
)
def test_a_list_that_is_none_is_refused_in_a_sentence(tmp_path, content, says):
    file = tmp_path / "mine.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(BadInput, match=says) as error:
        lexicon(str(file))
    assert "\n" not in str(error.value).strip() or "cannot be read" in says


def test_a_list_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot be read"):
        lexicon(str(tmp_path / "none.toml"))
