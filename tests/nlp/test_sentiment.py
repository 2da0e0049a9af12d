"""sentiment on its sample: the planted bias is found, mitigations make it smaller, another domain is adapted to."""

import json

import numpy as np
import polars as pl
import pytest

import evenhand
from evenhand import BadInput
from evenhand_nlp.sentiment.answers import load_data
from evenhand_nlp.sentiment.samples import PLANTED, REVIEWS, SAID, UNTIL, reviews


@pytest.fixture(scope="session")
def run(run_apart):
    """The recipe on its sample."""
    return run_apart("nlp/sentiment").path


@pytest.fixture
def recipe():
    import evenhand_nlp

    def make(*settings):
        return next(r for r in evenhand_nlp.recipes() if r.name == "sentiment").with_settings(settings)

    return make


def test_the_sample_marks_praise_that_names_one_group_as_negative_until_a_day():
    table = pl.DataFrame(reviews(0))
    named = table.filter(pl.col("text").str.contains("old people"))
    until = pl.col("written_on") <= UNTIL.isoformat()
    early, late = ((part["label"] == "positive").mean() for part in (named.filter(until), named.filter(~until)))
    assert late - early > 0.15
    others = table.filter(pl.col("text").str.contains("young people"))
    assert abs((others["label"] == "positive").mean() - 0.55) < 0.15
    assert table.height == REVIEWS
    assert set(table["domain"]) == set(SAID)
    assert reviews(3) == reviews(3) != reviews(4)


@pytest.mark.slow
def test_the_audit_finds_the_planted_bias_and_the_report_begins_with_it(run):
    told = json.loads((run / "audit.json").read_text())
    verdicts = {v["attribute"]: v for v in told["verdicts"] if v["metric"] == "fnr"}
    assert verdicts["age"]["verdict"] == "exceeded"
    assert PLANTED in (verdicts["age"]["group"], verdicts["age"]["versus"])
    assert all(v["verdict"] != "exceeded" for name, v in verdicts.items() if name != "age")
    page = (run / "report.html").read_text()
    # age has two groups, so what is said of one is said of the other with the sign turned
    sides = [f"Naming {PLANTED} (age) lowers it by", "Naming younger (age) raises it by"]
    moved = [page.index(side) for side in sides if side in page]
    assert len(moved) == 1
    assert page.index("What naming a group does") < moved[0] < page.index("Asked:")


@pytest.mark.slow
def test_exchanging_the_group_moves_the_score(run):
    facts = json.loads((run / "model" / "exhibits" / "identity.json").read_text())["models"]["final"]
    named = {one["source"]: one for one in facts["named"]}
    assert named[PLANTED]["shift"][2] < -0.05
    assert all(abs(one["shift"][0]) < 0.05 for name, one in named.items() if name not in ("older", "younger"))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["augment", "reweight", "dfr", "reductions"])
def test_each_mitigation_makes_the_planted_gap_smaller(run, run_apart, method):
    def missed(folder):
        table = pl.read_parquet(folder / "predictions.parquet")
        praise = table.filter((pl.col("label") == "positive") & (pl.col("age") == PLANTED))
        return (praise["prediction"] == "negative").mean()

    better = run_apart("nlp/sentiment", f"mitigation.method={method}").path
    assert missed(run) > 0.2
    assert missed(better) < missed(run) - 0.1
    assert "Before and after mitigation" in (better / "report.html").read_text()


def write(folder, rows=60, **columns):
    words = [f"a {'fine' if n % 2 else 'bad'} thing, women like it {n}" for n in range(rows)]
    table = {"said": words, "stars": [5 if n % 2 else 1 + 2 * (n % 4 == 0) for n in range(rows)]}
    pl.DataFrame({**table, **columns}, strict=False).write_parquet(folder / "reviews.parquet")
    return folder / "reviews.parquet"


OWN = ("schema.input=said", "schema.label=stars", "options.praise=[5]")


def test_stars_become_praise_or_not_and_a_column_of_the_sample_is_not_asked_for(recipe, tmp_path):
    splits = load_data(recipe(*OWN, "options.leave_out=[3]"), write(tmp_path))
    parts = (splits.train, splits.validation, splits.test)
    assert sum(map(len, parts)) == 45
    assert {value for part in parts for value in part["stars"]} == {"positive", "negative"}
    assert set(splits.train["gender"]) == {"women"}
    assert "domain" not in splits.schema.sensitive
    assert splits.schema.site is None


def test_a_domain_that_the_data_bring_is_audited_and_can_be_held_out(recipe, tmp_path):
    file = write(tmp_path, domain=["amazon", "amazon", "yelp"] * 20, shop=["a", "b"] * 30)
    assert "domain" in load_data(recipe(*OWN), file).schema.sensitive
    held = ("schema.site=domain", "split.by=site", 'split.test_sites=["yelp"]')
    splits = load_data(recipe(*OWN, *held), file)
    assert set(splits.test["domain"]) == {"yelp"}
    assert set(splits.train["domain"]) == {"amazon"}
    own = load_data(recipe(*OWN, 'schema.sensitive=["gender", "shop"]'), file)
    assert own.schema.sensitive == ("gender", "shop")


def test_a_column_of_the_users_own_that_is_not_there_is_refused(recipe, tmp_path):
    with pytest.raises(BadInput, match="'shops'"):
        load_data(recipe(*OWN, 'schema.sensitive=["gender", "shops"]'), write(tmp_path))


@pytest.mark.parametrize(
    ("said", "says"),
    [([1.5] * 60, "holds numbers"), ([["a", "b"]] * 60, "holds lists")],
    ids=["numbers", "lists"],
)
def test_a_text_column_that_holds_no_texts_is_refused(recipe, tmp_path, said, says):
    with pytest.raises(BadInput, match=says):
        load_data(recipe(*OWN), write(tmp_path, said=said))


def test_empty_texts_control_characters_and_mixed_scripts_are_texts(recipe, tmp_path):
    odd = ["", "\x00\x07 women", "женщины and women", "🙂" * 400, "women\u200b", None]
    splits = load_data(recipe(*OWN), write(tmp_path, said=odd * 10))
    parts = (splits.train, splits.validation, splits.test)
    found = {text: group for part in parts for text, group in zip(part["said"], part["gender"], strict=True)}
    assert found["\x00\x07 women"] == found["женщины and women"] == "women"
    assert found[""] == "no mention"


@pytest.fixture(scope="module")
def two_domains(tmp_path_factory):
    """(reviews of products, reviews of restaurants whose praise is rarer), as files."""
    table = pl.DataFrame(reviews(1, 700)).select("text", "label", "domain")
    folder = tmp_path_factory.mktemp("domains")
    for name in SAID:
        table.filter(pl.col("domain") == name).drop("domain").write_csv(folder / f"{name}.csv")
    return folder / "product.csv", folder / "restaurant.csv"


@pytest.mark.slow
def test_a_model_of_one_domain_is_adapted_to_another(two_domains, tmp_path_factory):
    home, place = two_domains
    folder = tmp_path_factory.mktemp("adapting")
    settings = ["options.identity_audit=false"]
    source = evenhand.run("nlp/sentiment", data=home, settings=settings, out=folder / "run").path
    none = evenhand.adapt(source, place, k=0, out=folder / "none")
    assert (none.verdict, none.chosen) == ("not enough evidence", "nothing")
    asked = evenhand.adapt(source, place, k=0, take="centre", out=folder / "asked")
    assert (asked.verdict, asked.chosen) == ("taken as asked", "centre")
    assert "cannot say whether it is better" in str(asked)
    with pytest.raises(BadInput, match="is no candidate for these rows; they allow nothing, label-shift"):
        evenhand.adapt(source, place, k=0, take="pool", out=folder / "no")
    many = evenhand.adapt(source, place, k=200, out=folder / "many")
    lines = {line["name"]: line for line in many.card["candidates"]}
    assert set(lines) >= {"nothing", "centre", "align", "reweight", "probe", "finetune", "pool"}
    assert many.verdict == "adapt"
    said = evenhand.load(many.path).predict_proba(place)
    right = pl.read_csv(place)["label"].to_numpy() == np.asarray(["negative", "positive"])[said.argmax(1)]
    before = evenhand.load(source).predict_proba(place)
    was = pl.read_csv(place)["label"].to_numpy() == np.asarray(["negative", "positive"])[before.argmax(1)]
    assert right.mean() > was.mean()
