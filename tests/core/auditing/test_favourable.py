"""A denial is an approval in other words: which decision is favourable decides what rules on selection compare."""

import html
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import ASK, refusal, simulated

import evenhand
from evenhand import BadInput, Question
from evenhand.auditing.question.favourable import read_favourable
from evenhand.auditing.question.policy import load_policy, shipped
from evenhand.comparing import compare
from evenhand.reporting import junit_xml, model_card, render_audit

DENY, APPROVE = "deny", "approve"
THRESHOLD = 49 / 128  # scores are 64ths, so that 1 - score is exact and none lies on it


def applicants(rows=2000, seed=0, harsher=16):
    """Loans as in HMDA: black applicants are given scores of denial that are higher by `harsher` 64ths."""
    rng = np.random.default_rng(seed)
    race = rng.choice(["black", "white", "asian"], rows, p=[0.2, 0.7, 0.1])
    denial = np.minimum(rng.integers(0, 48, rows) + harsher * (race == "black"), 63) / 64
    denied = rng.random(rows) < denial
    return pl.DataFrame(
        {
            "race": race,
            "deny": np.where(denied, "yes", "no"),
            "p_deny": denial,
            "d_deny": np.where(denial >= THRESHOLD, "yes", "no"),
            "approve": np.where(denied, "no", "yes"),
            "p_approve": 1 - denial,
            "d_approve": np.where(denial >= THRESHOLD, "no", "yes"),
            "w": rng.integers(1, 4, rows),
            "home": rng.integers(0, rows // 3, rows),
        }
    )


def asked(phrase, by="score", **parts):
    """The same model in these words: by its score, its decision and label, or its decision alone."""
    ways = {
        "score": {"label": phrase, "score": f"p_{phrase}", "threshold": THRESHOLD if phrase == DENY else 1 - THRESHOLD},
        "decision": {"label": phrase, "prediction": f"d_{phrase}"},
        "selection": {"prediction": f"d_{phrase}"},
    }
    favourable = "no" if phrase == DENY else "yes"
    few = {"metrics": "selection_rate", "replicates": 400}  # quick
    return Question(**{"sensitive": "race", "favourable": favourable, **few, **ways[by], **parts})


def same(left, right, rel=1e-9):
    """Equal, numbers up to rounding."""
    if isinstance(left, float) and isinstance(right, float):
        return left == pytest.approx(right, rel=rel, abs=rel)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key], rel) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(same(a, b, rel) for a, b in zip(left, right, strict=True))
    return left == right


def both(frame, by="score", **parts):
    return [evenhand.audit(frame, question=asked(phrase, by, **parts)).data for phrase in (DENY, APPROVE)]


def test_an_adverse_outcome_without_a_word_turns_the_verdict_around_and_is_said_to():
    silent = evenhand.audit(applicants(), question=asked(DENY, favourable=None, policy="us-four-fifths"))
    stated = evenhand.audit(applicants(), question=asked(DENY, policy="us-four-fifths"))
    assert silent.data["verdicts"][0]["versus"] == "black"  # those who are denied most
    assert stated.data["verdicts"][0]["group"] == "black"
    assert "selected means deny = yes, which is taken as favourable" in str(silent)
    assert "say --favourable no" in str(silent)
    assert "selected means deny = yes, which is unfavourable" in str(stated)


@pytest.mark.parametrize("by", ["score", "decision", "selection"])
@pytest.mark.parametrize("extra", [{}, {"weight": "w"}, {"cluster": "home"}], ids=["rows", "weights", "clusters"])
@pytest.mark.parametrize("policy", ["us-four-fifths", "nyc-ll144"])
def test_ratios_and_verdicts_are_those_of_the_same_model_stated_as_approval(by, extra, policy):
    deny, approve = both(applicants(), by, policy=policy, **extra)
    assert [block["metric"] for block in deny["impacts"]] == [block["metric"] for block in approve["impacts"]]
    for one, two in zip(deny["impacts"], approve["impacts"], strict=True):
        assert one["highest"] == two["highest"]
        assert same(one["groups"], two["groups"])
    assert deny["verdict"] == approve["verdict"]
    for one, two in zip(deny["verdicts"], approve["verdicts"], strict=True):
        numbers = ("value", "lower", "upper", "verdict", "group", "versus", "tolerance", "metric")
        assert same({n: one[n] for n in numbers}, {n: two[n] for n in numbers})
    if policy == "us-four-fifths":
        assert deny["verdict"] == "exceeded"
        assert {v["group"] for v in deny["verdicts"]} == {"black"}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=4))
def test_whatever_the_table_denials_and_approvals_are_judged_alike(cells):
    rows = [(f"g{i}", d) for i, (denied, kept) in enumerate(cells) for d in [1] * denied + [0] * kept]
    if not rows:
        return
    frame = pl.DataFrame(rows, schema=["g", "deny"], orient="row").with_columns(approve=1 - pl.col("deny"))
    ask = {"sensitive": "g", "policy": "us-four-fifths", "positive": 1, "replicates": 200}
    try:
        approve = evenhand.audit(frame, prediction="approve", favourable=1, **ask).data
        deny = evenhand.audit(frame, prediction="deny", favourable=0, **ask).data
    except BadInput:  # one of the two is never decided
        return
    assert deny["verdict"] == approve["verdict"]
    for one, two in zip(deny["impacts"], approve["impacts"], strict=True):
        assert same(one["groups"], two["groups"], 1e-7)


@pytest.mark.parametrize("policy", sorted(shipped()))
def test_no_shipped_policy_depends_on_the_words(policy):
    deny, approve = both(applicants(), policy=policy)
    assert deny["verdict"] == approve["verdict"]
    assert sorted(v["verdict"] for v in deny["verdicts"]) == sorted(v["verdict"] for v in approve["verdicts"])
    values = [sorted(round(v["value"], 9) for v in audit["verdicts"]) for audit in (deny, approve)]
    assert values[0] == values[1]


def test_equal_opportunity_is_about_those_who_deserve_the_favourable_decision():
    deny, approve = both(applicants(), policy="equal-opportunity")
    (one,), (two,) = deny["verdicts"], approve["verdicts"]
    assert (one["metric"], two["metric"]) == ("tnr", "tpr")
    assert one["value"] == pytest.approx(two["value"], abs=1e-12)
    assert (one["group"], one["versus"], one["verdict"]) == (two["group"], two["versus"], two["verdict"])


def test_the_users_own_tolerance_is_taken_by_its_name():
    deny, _ = both(applicants(), tolerance={"tpr": 0.1})
    assert deny["question"]["tolerances"] == {"tpr": 0.1}


def test_rates_and_metrics_of_the_audit_itself_stay_as_they_are():
    with_word, without = (
        evenhand.audit(applicants(), question=asked(DENY, policy="us-four-fifths", favourable=f)).data
        for f in ("no", None)
    )
    assert with_word["attributes"] == without["attributes"]
    assert with_word["overall"] == without["overall"]


def test_every_page_states_what_being_selected_means():
    says = "selected means deny = yes, which is unfavourable"
    audit = evenhand.audit(applicants(), question=asked(DENY, policy="us-four-fifths"))
    data = json.loads(audit.to_json())
    page = html.unescape(render_audit(data))
    assert says in str(audit)
    assert says in page
    assert "Is every favourable rate at least" in page
    assert says in junit_xml(data).split("<testcase")[0]
    assert says in junit_xml(data).split("<failure")[1]
    assert says in model_card(data, [], {}, [], []).replace("\\", "")
    assert says in audit._repr_html_()


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"label": "deny", "score": "p_deny"}, "Here selected means deny = yes."),
        ({"prediction": "d_deny"}, "Here selected means d_deny = yes."),
        ({"label": "deny", "prediction": "d_deny"}, "Here selected means d_deny = yes (predicting deny = yes)."),
        ({"score": "p_deny", "threshold": 0.25}, "Here selected means p_deny of at least 0.25."),
        (
            {"score": "p_deny", "top": 100, "favourable": "positive"},
            "Here selected means among the best by p_deny, which is favourable.",
        ),
    ],
)
def test_selected_is_said_in_words_of_the_data(parts, says):
    question = evenhand.audit(applicants(300), sensitive="race", **parts).data["question"]
    assert question["favourable"]["says"] == says


def test_an_audit_of_classes_or_numbers_selects_nobody():
    frame = simulated(300).with_columns(y=pl.col("s") * 7, p=pl.col("s"))
    ask = {"task": "regression", "prediction": "p", "score": None}
    assert evenhand.audit(frame, **{**ASK, **ask}).data["question"]["favourable"] is None
    assert "drop --favourable" in refusal(frame, **ask, favourable="negative")


@pytest.mark.parametrize(
    ("said", "yes", "values", "decision"),
    [
        ("no", ["yes"], [("no", "yes")], "negative"),
        ("NO", ["yes"], [("no", "yes")], "negative"),
        (0, ["1"], [("0", "1")], "negative"),
        (True, ["true"], [("false", "true")], "positive"),
        ("no", ["1", "yes"], [("0", "1"), ("no", "yes")], "negative"),
        ("0", ["1"], [("1",)], "negative"),
        ("negative", ["positive"], [("negative", "positive")], "negative"),
        ("positive", ["negative"], [("negative", "positive")], "negative"),  # a value goes before the word
        ("positive", [], [], "positive"),
        ("b", ["b"], [("a", "b", "c")], "positive"),
    ],
)
def test_the_favourable_decision_is_a_value_or_the_word(said, yes, values, decision):
    assert read_favourable(said, yes, values) == decision


@pytest.mark.parametrize(
    ("favourable", "says"),
    [("noo", "Did you mean 'no'?"), ("approve", "it is one of 'no', 'yes', 'positive', 'negative'")],
)
def test_a_decision_that_is_not_there_is_refused(favourable, says):
    with pytest.raises(BadInput) as error:
        evenhand.audit(applicants(300), question=asked(DENY, favourable=favourable))
    assert says in str(error.value)
    assert "--favourable" in str(error.value)


def test_one_of_several_other_classes_is_not_clear():
    with pytest.raises(BadInput, match="say positive or negative"):
        read_favourable("a", ["b"], [("a", "b", "c")])


def test_a_policy_file_may_say_it_and_is_then_taken_by_its_words(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "m"\nversion = "1"\ntitle = "t"\nsource = "s"\nfavourable = "no"\n'
        "[tolerance]\nfpr = 0.1\n[[ratio]]\nleast = 0.8\n"
    )
    assert load_policy(file).favourable == "no"
    data = evenhand.audit(applicants(), question=asked(DENY, favourable=None, policy=file)).data
    assert data["question"]["favourable"]["decision"] == "negative"
    assert data["question"]["tolerances"] == {"fpr": 0.1}
    assert {v["group"] for v in data["verdicts"] if v.get("kind") == "ratio"} == {"black"}
    other = evenhand.audit(applicants(), question=asked(DENY, favourable="yes", policy=file)).data
    assert other["question"]["favourable"]["decision"] == "positive"


def test_on_the_command_line_denials_and_approvals_end_alike(evenhand, tmp_path):
    applicants().write_csv(tmp_path / "loans.csv")
    found = {}
    for phrase in (DENY, APPROVE):
        question = asked(phrase, policy="us-four-fifths")
        question.to_file(tmp_path / f"{phrase}.toml")
        options = [
            "--label",
            phrase,
            "--score",
            f"p_{phrase}",
            "--threshold",
            question.threshold,
            "--sensitive",
            "race",
        ]
        options += ["--policy", "us-four-fifths", "--favourable", question.favourable]
        options += ["--metrics", "selection_rate", "--replicates", 400, "--out", phrase]
        done = evenhand("audit", "loans.csv", *options)
        assert done.returncode == 1, done.stderr
        assert "selected means" in done.stdout
        again = evenhand("audit", "loans.csv", "--question", f"{phrase}.toml", "--json")
        found[phrase] = json.loads(again.stdout)
        assert again.stdout.strip() == (tmp_path / phrase / "audit.json").read_text().strip()
    ratios = [{g["group"]: g["ratio"] for b in f["impacts"] for g in b["groups"]} for f in found.values()]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-9)
    assert found[DENY]["verdict"] == found[APPROVE]["verdict"] == "exceeded"


def test_a_comparison_says_that_the_favourable_decisions_differ(tmp_path):
    frame = applicants(600)
    for name, favourable in (("one", "no"), ("two", "yes")):
        evenhand.audit_into(tmp_path / name, frame, question=asked(DENY, favourable=favourable))
    notes = " ".join(compare(tmp_path / "one", tmp_path / "two", data=(frame, frame)).notes)
    assert "not about the same rates" in notes
    assert "same rates" not in " ".join(compare(tmp_path / "one", tmp_path / "one", data=(frame, frame)).notes)
