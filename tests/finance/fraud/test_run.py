"""finance/fraud as a user runs it: on its sample, on files with something wrong in them, and on new transactions."""

import json

import polars as pl
import pytest

import evenhand
import evenhand_finance
from evenhand import BadInput
from evenhand_finance.fraud.data import divide, load
from evenhand_finance.fraud.leaks import telling
from evenhand_finance.fraud.samples import card_transactions

(RECIPE,) = [recipe for recipe in evenhand_finance.recipes() if recipe.name == "fraud"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """One run of the sample, which most tests look at."""
    return evenhand.run("finance/fraud", settings=["options.models=1"], out=tmp_path_factory.mktemp("fraud") / "run")


@pytest.fixture(scope="module")
def stream():
    """The sample's last seven weeks, as a user's file would have them."""
    rows = card_transactions(0)
    return rows.filter(pl.col("TX_DATETIME") >= pl.col("TX_DATETIME").max() - pl.duration(days=49))


def test_the_audit_finds_the_planted_bias(ran):
    """Customers of the coast travel, and are stopped for it more often than anybody else."""
    told = json.loads((ran.path / "audit.json").read_text())
    (region,) = [found for found in told["verdicts"] if found["attribute"] == "region"]
    assert (region["metric"], region["group"], region["verdict"]) == ("fpr", "coast", "exceeded")


def test_ranking_is_told_with_intervals_beside_both_baselines(ran):
    found = {(metric.name, metric.model): metric for metric in ran.evaluation}
    for name in ("average_precision", "auc_roc", "card_precision_100"):
        for model in ("adapted", "random_forest", "logistic_regression"):
            one = found[name, model]
            assert one.lower < one.value < one.upper
    gain = found["average_precision_gain_over_random_forest", "adapted"]
    one, other = (found["average_precision", model].value for model in ("adapted", "random_forest"))
    assert gain.value == pytest.approx(one - other)
    assert gain.lower > 0


def test_the_decision_is_the_alert_budget(ran):
    """About 20 of 1,000 transactions are stopped; the threshold comes from days before the test."""
    table = pl.read_parquet(ran.path / "predictions.parquet")
    assert 0.010 < (table["prediction"] == 1).mean() < 0.035
    assert ((table["score"] >= 0.5) == (table["prediction"] == 1)).all()


def test_the_report_shows_the_budget_and_who_bears_the_alarms(ran):
    page = ran.report.read_text()
    for words in ("What an alert budget buys", "Frauds caught by alert budget", "Who bears the false alarms"):
        assert words in page
    assert "random forest" in page


def test_new_transactions_are_scored_with_their_history(ran, stream, tmp_path):
    """Rows go in without labels, in any order, and come out in it."""
    new = stream.drop("TX_FRAUD").sample(fraction=1.0, shuffle=True, seed=1)
    new.write_csv(tmp_path / "new.csv")
    scored = evenhand.predict(ran.path, tmp_path / "new.csv", tmp_path / "scored.parquet")
    table = pl.read_parquet(scored.path)
    assert table["TRANSACTION_ID"].cast(pl.Int64).to_list() == new["TRANSACTION_ID"].to_list()
    assert table["score"].is_between(0, 1).all()
    assert {"customer_band", "amount_band"} <= set(table.columns)


def test_days_are_divided_in_order_with_the_delay_between(stream, tmp_path):
    stream.write_parquet(tmp_path / "stream.parquet")
    splits = load(RECIPE, tmp_path / "stream.parquet")
    train, validation, test = (
        (min(part["TX_DATETIME"]).date(), max(part["TX_DATETIME"]).date())
        for part in (splits.train, splits.validation, splits.test)
    )
    assert (train[1] - train[0]).days == (validation[1] - validation[0]).days == (test[1] - test[0]).days == 6
    assert (validation[0] - train[1]).days == (test[0] - validation[1]).days == 1


def test_a_card_whose_fraud_is_known_is_left_out_and_not_a_day_earlier():
    day = pl.date_range(pl.date(2026, 1, 1), pl.date(2026, 1, 21), eager=True)
    whole = pl.DataFrame({"(day)": day, "(card)": 1, "(fraud)": [0] * 8 + [1] + [0] * 12})
    whole = pl.concat(
        [whole, whole.with_columns(pl.lit(2, pl.Int32).alias("(card)"), pl.lit(0, pl.Int64).alias("(fraud)"))]
    )
    parts, notes = divide(RECIPE, whole, "stream")
    kept = parts["test"].filter(pl.col("(card)") == 1)["(day)"].dt.day().to_list()
    assert kept == [15, 16]  # the fraud of the 9th is known from the 17th on
    assert parts["test"].filter(pl.col("(card)") == 2).height == 7
    assert "5 transactions" in notes[1]


def test_a_stream_that_goes_backwards_is_sorted_and_said(stream, tmp_path):
    stream.reverse().write_parquet(tmp_path / "back.parquet")
    stream.write_parquet(tmp_path / "stream.parquet")
    back, plain = (load(RECIPE, tmp_path / f"{name}.parquet") for name in ("back", "stream"))
    assert any("went backwards" in note for note in back.notes)
    assert not any("went backwards" in note for note in plain.notes)
    assert sorted(back.test["TRANSACTION_ID"]) == sorted(plain.test["TRANSACTION_ID"])


def test_a_column_that_tells_the_label_is_refused_and_can_be_allowed(stream, tmp_path):
    leaky = stream.with_columns(TX_FRAUD_SCENARIO=pl.col("TX_FRAUD") * (1 + pl.col("TX_FRAUD").cum_count() % 3))
    leaky.write_parquet(tmp_path / "leaky.parquet")
    inputs = [*RECIPE.schema.input, "TX_FRAUD_SCENARIO"]
    asked = f"schema.input={json.dumps(inputs)}"
    with pytest.raises(BadInput, match=r"'TX_FRAUD_SCENARIO'.*gives the label away.*options.allow"):
        load(RECIPE.with_settings([asked]), tmp_path / "leaky.parquet")
    allowed = RECIPE.with_settings([asked, 'options.allow=["TX_FRAUD_SCENARIO"]'])
    assert "TX_FRAUD_SCENARIO" in load(allowed, tmp_path / "leaky.parquet").train.column_names


def test_an_id_that_orders_by_label_tells_it_and_an_honest_column_does_not():
    fraud = pl.Series([0] * 60 + [1] * 6)
    assert "order" in telling(pl.Series(range(66)), fraud)
    assert "values" in telling(pl.Series([0, 2] * 30 + [1] * 6), fraud)
    assert telling(pl.Series([i % 7 for i in range(66)]), fraud) == ""


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_window_without_fraud_is_named_by_its_days(stream, tmp_path, part):
    day = pl.col("TX_DATETIME").dt.date()
    last = stream["TX_DATETIME"].max().date()
    first = pl.lit(last) - pl.duration(days=20 if part == "train" else 6)
    inside = day.is_between(first, first + pl.duration(days=6))
    none = stream.with_columns(TX_FRAUD=pl.when(inside).then(0).otherwise("TX_FRAUD"))
    none.write_parquet(tmp_path / "none.parquet")
    with pytest.raises(BadInput, match=rf"no of .* transactions of the {part} days \(2026-.*options.{part}_days"):
        load(RECIPE, tmp_path / "none.parquet")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("options.train_days=400", "spans 50 days"),
        ("options.delay_days=0", "options.delay_days is 0"),
        ("options.customer=CARD", "'CARD' is not in"),
        ("schema.label=FRAUD", "label column 'FRAUD'"),
        ('schema.input=["amount", "nonsense"]', "'nonsense' is not in"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(stream, tmp_path, setting, says):
    stream.write_parquet(tmp_path / "stream.parquet")
    with pytest.raises(BadInput, match=says):
        load(RECIPE.with_settings([setting]), tmp_path / "stream.parquet")
