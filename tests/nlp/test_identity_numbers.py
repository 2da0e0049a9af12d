"""Exchanged groups, paired sentences, power means, functional tests: numbers against what is known of the model."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from evenhand import BadInput
from evenhand_nlp.identity.functional import cases_of, passed
from evenhand_nlp.identity.lexicon import lexicon
from evenhand_nlp.identity.paired import compared, sentences
from evenhand_nlp.identity.ranking import auc, power_mean, ranked, three
from evenhand_nlp.identity.swapping import examples_of, mean_of, named_of, pairs_of, rewritten, share_of

WORDS = lexicon()
RELIGION = {"religion": WORDS.axes["religion"]}


def biased(texts):
    """0.9 for a text that names Muslims, 0.2 for any other."""
    return np.array([0.9 if "muslim" in text.lower() else 0.2 for text in texts])


def test_a_model_that_reads_the_name_alone_is_found_with_its_exact_shift():
    texts = [f"We met {who} at lake {n}." for n in range(8) for who in ("Muslims", "Jews", "nobody")]
    every = rewritten(RELIGION, texts, biased, 0)
    pairs, examples = pairs_of(every, 0.5), examples_of(every)
    found = {(pair.source, pair.target): pair for pair in pairs}
    away = found["muslim", "jewish"]
    assert (away.texts, away.flips[0], away.up) == (8, 1.0, 0.0)
    assert away.shift == pytest.approx((-0.7, -0.7, -0.7))
    assert found["jewish", "muslim"].up == 1.0
    assert found["jewish", "hindu"].flips[0] == 0.0
    assert found["jewish", "hindu"].p == 1.0
    assert len(examples) == 6
    assert all(abs(before - after) == pytest.approx(0.7) for *_, before, after in examples)


def test_pairs_with_too_few_texts_are_not_told():
    every = rewritten(RELIGION, [f"We met Muslims at lake {n}." for n in range(4)], biased, 0)
    assert pairs_of(every, 0.5) == named_of(every, 0.5) == []


def test_a_text_that_comes_again_is_one_text():
    texts = [f"We met Muslims at lake {n}." for n in range(6)] * 50
    every = rewritten(RELIGION, texts, biased, 0)
    assert {pair.texts for pair in pairs_of(every, 0.5)} == {6}
    assert [one.texts for one in named_of(every, 0.5)] == [6]


def test_a_group_is_told_over_all_others_with_the_text_as_unit():
    texts = [f"We met {who} at lake {n}." for n in range(8) for who in ("Muslims", "Jews")]
    found = {one.source: one for one in named_of(rewritten(RELIGION, texts, biased, 0), 0.5)}
    others = len(RELIGION["religion"].terms) - 1
    assert found["muslim"].shift == pytest.approx((0.7, 0.7, 0.7))
    assert found["muslim"].turned[0] == 1.0
    assert found["jewish"].shift[0] == pytest.approx(-0.7 / others)
    assert found["jewish"].turned[0] == 1.0  # one of its rewritings is about Muslims
    assert found["jewish"].texts == 8


def test_without_a_mention_there_is_nothing():
    assert rewritten(RELIGION, ["nobody"] * 9, biased, 0) == []


def test_the_same_sentence_about_two_groups():
    found = compared(RELIGION, biased)
    _, kinds = sentences()
    apart = {(one.kind, one.one, one.other): one for one in found}
    assert apart["kind", "muslim", "jewish"].shift[0] == pytest.approx(0.7)
    assert apart["kind", "muslim", "jewish"].sentences == len(kinds["kind"])
    assert apart["unkind", "jewish", "christian"].p == 1.0


@given(st.integers(1, 200), st.data())
def test_wilsons_interval_holds_the_share(count, data):
    hits = data.draw(st.integers(0, count))
    share, lower, upper = share_of(hits, count)
    assert 0 <= lower <= share <= upper <= 1


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30))
def test_a_mean_lies_in_its_interval(values):
    mean, lower, upper, p = mean_of(np.array(values))
    assert lower <= mean + 1e-12
    assert mean <= upper + 1e-12
    assert 0 <= p <= 1


def test_one_value_alone_says_nothing_of_its_spread():
    assert mean_of(np.array([0.3]))[1:] == (float("-inf"), float("inf"), 1.0)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=2, max_size=40))
def test_auc_is_that_of_scikit_learn(rows):
    score, truth = np.array([s for s, _ in rows]), np.array([t for _, t in rows])
    if truth.all() or not truth.any():
        assert np.isnan(auc(score[truth], score[~truth]))
    else:
        assert auc(score[truth], score[~truth]) == pytest.approx(roc_auc_score(truth, score))


def test_bpsn_pools_the_groups_harmless_texts_with_the_others_toxic_ones():
    score = np.array([0.9, 0.8, 0.3, 0.7, 0.1, 0.2])
    truth = np.array([True, False, True, True, False, False])
    inside = np.array([True, True, False, False, False, True])
    found = three(score, truth, inside)
    assert found[0] == roc_auc_score(truth[inside], score[inside])
    pooled = (inside & ~truth) | (~inside & truth)
    assert found[1] == roc_auc_score(truth[pooled], score[pooled])
    pooled = (inside & truth) | (~inside & ~truth)
    assert found[2] == roc_auc_score(truth[pooled], score[pooled])


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=9))
def test_a_power_mean_of_minus_five_lies_between_the_lowest_and_the_mean(values):
    found = power_mean(np.array(values))
    assert min(values) - 1e-9 <= found <= np.mean(values) + 1e-9


def test_a_group_whose_name_is_enough_has_a_low_bpsn():
    rng = np.random.default_rng(0)
    truth = rng.random(600) < 0.4
    group = rng.choice(["a", "b", "no mention"], 600)
    score = 0.3 * truth + 0.1 * rng.random(600) + 0.5 * ((group == "a") & ~truth)
    found = ranked(score, truth, group.tolist(), ("no mention",), 0)
    assert found.groups == ("a", "b") or found.groups == ("b", "a")
    value, lower, upper = found.means["bpsn"]
    assert lower <= value <= upper < 0.5
    assert found.means["bnsp"][0] > upper


def test_one_group_is_not_brought_together():
    assert ranked(np.ones(50), np.arange(50) % 2 == 0, ["a"] * 50, (), 0) is None


def test_functional_tests_are_told_by_kind_and_target(tmp_path):
    file = tmp_path / "cases.csv"
    pl.DataFrame(
        {
            "functionality": ["derog", "derog", "counter", "counter"],
            "test_case": ["muslim x", "jew x", "muslim y", "jew y"],
            "label_gold": ["hateful", "hateful", "non-hateful", "non-hateful"],
            "target_ident": ["Muslims", "Jews", "Muslims", "Jews"],
        }
    ).write_csv(file)
    derog, counter = passed(cases_of(file), biased, 0.5)
    assert (derog.functionality, derog.gold, derog.cases, derog.rate[0]) == ("derog", "positive", 2, 0.5)
    assert derog.by_target == {"Muslims": (1.0, 1), "Jews": (0.0, 1)}
    assert counter.by_target == {"Muslims": (0.0, 1), "Jews": (1.0, 1)}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("none.csv", None, "there is no file"), ("x.csv", "a,b\n1,2\n", "has no column 'functionality'")],
)
def test_a_file_that_holds_no_functional_tests_is_refused(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=says):
        cases_of(tmp_path / name)


def test_a_damaged_table_is_refused(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"not a table")
    with pytest.raises(BadInput, match="no table that can be read"):
        cases_of(tmp_path / "x.parquet")
