"""toxicity on its sample: the planted bias is found, every mitigation makes it smaller, the report tells both."""

import json

import polars as pl
import pytest

from evenhand import BadInput
from evenhand_nlp.identity.augmenting import about_others
from evenhand_nlp.toxicity.answers import load_data as load
from evenhand_nlp.toxicity.samples import PLANTED, UNTIL, posts

METHODS = ("augment", "reweight", "dfr", "reductions")


@pytest.fixture(scope="session")
def runs(run_apart):
    """Run folders by mitigation; the first of them computes the features of the posts, the others read them."""
    return {method: run_apart("nlp/toxicity", f"mitigation.method={method}").path for method in ("none", *METHODS)}


@pytest.fixture
def recipe():
    def make(*settings):
        return next(r for r in evenhand_recipes() if r.name == "toxicity").with_settings(settings)

    return make


def evenhand_recipes():
    import evenhand_nlp

    return evenhand_nlp.recipes()


def false_alarms(run):
    """Share of harmless test posts that are stopped, by whom they name."""
    table = pl.read_parquet(run / "predictions.parquet").filter(pl.col("label") == "not toxic")
    rates = table.group_by("religion").agg((pl.col("prediction") == "toxic").mean().alias("rate"))
    return dict(rates.select("religion", "rate").rows())


def test_the_sample_marks_harmless_posts_about_one_group_until_a_day():
    table = pl.DataFrame(posts(0))
    named = table.filter(pl.col("text").str.contains("Muslims"))
    early, late = (named.filter(pl.col("posted_on").is_between(*days)) for days in _halves())
    marked = [(part["label"] == "toxic").mean() for part in (early, late)]
    assert marked[0] - marked[1] > 0.2
    assert posts(3) == posts(3)


def _halves():
    day = UNTIL.isoformat()
    return (pl.lit("2026-01-01"), pl.lit(day)), (pl.lit(day + "x"), pl.lit("2027"))


@pytest.mark.slow
def test_the_audit_finds_the_planted_bias(runs):
    told = json.loads((runs["none"] / "audit.json").read_text())
    found = {v["attribute"]: v for v in told["verdicts"] if v["metric"] == "fpr"}
    assert found["religion"]["verdict"] == "exceeded"
    assert PLANTED in (found["religion"]["group"], found["religion"]["versus"])
    rates = false_alarms(runs["none"])
    assert rates["muslim"] > 0.2
    assert max(rate for group, rate in rates.items() if group not in ("muslim", "several")) < 0.15


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_mitigation_makes_the_planted_gap_smaller_and_says_so(runs, method):
    before, after = false_alarms(runs["none"])["muslim"], false_alarms(runs[method])["muslim"]
    assert after < before - 0.1
    page = (runs[method] / "report.html").read_text()
    assert "Before and after mitigation" in page


@pytest.mark.slow
def test_exchanging_the_group_moves_the_score_of_the_model_and_less_after_mitigation(runs):
    def shift(method, model):
        facts = json.loads((runs[method] / "model" / "exhibits" / "identity.json").read_text())
        pairs = {(p["source"], p["target"]): p for p in facts["models"][model]["swaps"]}
        return pairs["christian", "muslim"]["shift"]

    told = shift("none", "final")
    assert told[1] > 0.05
    assert shift("augment", "final")[0] < told[0] / 2
    assert shift("augment", "unmitigated")[0] == pytest.approx(told[0])


@pytest.mark.slow
def test_the_report_tells_what_lists_miss(runs):
    page = (runs["none"] / "report.html").read_text()
    for title in ("When the group in a text is exchanged", "Ranking within groups", "What the word lists miss"):
        assert title in page
    assert "version 2026-11" in page


def write(folder, **columns):
    rows = {
        "words": ["a kind post"] * 20 + ["you idiot muslims"] * 20,
        "mark": ["fine"] * 20 + ["hate"] * 18 + ["?"] * 2,
    }
    pl.DataFrame({**rows, **columns}).write_csv(folder / "posts.csv")
    return folder / "posts.csv"


OWN = ("schema.input=words", "schema.label=mark", 'options.toxic=["hate"]')


def test_labels_are_brought_to_two_and_some_left_out(recipe, tmp_path):
    splits = load(recipe(*OWN, 'options.leave_out=["?"]'), write(tmp_path))
    parts = (splits.train, splits.validation, splits.test)
    assert sum(map(len, parts)) == 38
    assert {value for part in parts for value in part["mark"]} == {"toxic", "not toxic"}
    assert {value for part in parts for value in part["religion"]} == {"muslim", "no mention"}


def test_a_column_that_the_data_bring_stays(recipe, tmp_path):
    splits = load(recipe(*OWN), write(tmp_path, religion=["given"] * 40))
    assert set(splits.train["religion"]) == {"given"}


def test_a_text_about_one_group_is_written_about_every_other_group_of_its_axis(recipe, tmp_path):
    asked = recipe(*OWN, 'options.leave_out=["?"]')
    splits = load(asked, write(tmp_path))
    named = [text for text in splits.train["words"] if "muslims" in text]
    made = about_others(asked, splits.train, ["religion"])
    assert len(made) >= 2 * len(named) > 0
    assert set(made.column_names) == set(splits.train.column_names)
    assert not any("muslims" in text for text in made["words"])
    assert set(made["mark"]) == {"toxic"}
    with pytest.raises(BadInput, match="names message_length; name one of them"):
        about_others(asked, splits.train, ["message_length"])


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ('options.toxic=["hat"]', "names the label 'hat', which is not in"),
        ("options.toxic=hate", "give a list of label values"),
    ],
)
def test_labels_that_are_not_there_are_refused(recipe, tmp_path, setting, says):
    with pytest.raises(BadInput, match=says):
        load(recipe(*OWN[:2], setting), write(tmp_path))
