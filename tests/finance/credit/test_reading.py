"""Bad input to credit-default: what is mended, what is refused, and by which name."""

import polars as pl
import pytest

from evenhand import BadInput
from evenhand_finance.credit.amounts import as_amounts, read_amounts
from evenhand_finance.credit.inputs import Inputs
from evenhand_finance.credit.leaks import told_alone
from evenhand_finance.credit.reading import load, prepare


def rows_of(splits):
    return [row for part in (splits.train, splits.validation, splits.test) for row in part]


@pytest.mark.parametrize(
    ("decimal", "written", "meant"),
    [
        (".", "1,234.50", 1234.5),
        (".", "€ 12,000", 12000.0),
        (".", "12 000 EUR", 12000.0),
        (".", "USD -1'250.25", -1250.25),
        (",", "1.234,50", 1234.5),
        (",", "NT$1.234.567", 1234567.0),
    ],
)
def test_amounts_written_as_text_are_numbers(decimal, written, meant):
    assert as_amounts([written, None, ""], decimal) == [meant, None, None]
    rows = pl.LazyFrame({"income": [written, "7", None]})
    assert rows.select(read_amounts(rows, ["income"], decimal, "x")["income"]).collect()["income"].to_list()[0] == meant


def test_names_and_plain_numbers_are_left_alone():
    rows = pl.LazyFrame({"kind": ["A1", "B 2", "car"], "zip": ["12345", "90210", "10115"]})
    assert read_amounts(rows, ["kind", "zip"], ".", "x") == {}


def test_a_column_of_amounts_and_something_else_is_refused_with_that():
    rows = pl.LazyFrame({"income": ["1,000.00"] * 20 + ["a lot"]})
    with pytest.raises(BadInput, match=r"'income' of x holds amounts such as '1,000.00', and also 'a lot'"):
        read_amounts(rows, ["income"], ".", "x")


def test_amounts_that_may_be_thousands_or_parts_are_refused():
    rows = pl.LazyFrame({"income": ["€ 1.200", "€ 3.450"]})
    with pytest.raises(BadInput, match=r"'income' .* can be read as thousands .*options.decimal=','"):
        read_amounts(rows, ["income"], ".", "x")
    found = rows.select(read_amounts(rows, ["income"], ",", "x")["income"]).collect()
    assert found["income"].to_list() == [1200.0, 3450.0]


def test_new_rows_are_read_as_training_rows_were(small, table):
    path = table(income=lambda made: [f"{int(value):,}.00" for value in made["income"]])
    assert {type(row["income"]) for row in rows_of(load(small(), path))} == {float}
    new = prepare(small(), pl.LazyFrame({"income": ["12,500.00", None], "purpose": ["car", "car"]}))
    assert new.collect()["income"].to_list() == [12500.0, None]


@pytest.mark.parametrize(
    "leak",
    [
        lambda made: ["late" if one == "yes" else "in time" for one in made["defaulted"]],
        lambda made: ["2024-05-01" if one == "yes" else "" for one in made["defaulted"]],
        lambda made: [i + 100_000 * (one == "yes") for i, one in enumerate(made["defaulted"])],
        lambda made: [f"{'A' if one == 'yes' else 'B'}{i:05d}" for i, one in enumerate(made["defaulted"])],
    ],
    ids=["in other words", "filled in after default", "numbered by label", "an id that orders by label"],
)
def test_a_column_that_gives_the_label_away_is_refused_by_name_and_allowed_by_name(small, table, leak):
    path, inputs = table(told=leak), 'schema.input=["income", "told"]'
    with pytest.raises(BadInput, match=r"the input 'told' alone gives 'defaulted' away .*options.allow='\[\"told\"\]'"):
        load(small(inputs), path)
    notes = load(small(inputs, 'options.allow=["told"]'), path).notes
    assert any("'told' alone gives 'defaulted' away" in note for note in notes)


def test_the_label_is_never_an_input_allowed_or_not(small, table):
    with pytest.raises(BadInput, match="'defaulted' is the label and an input at once"):
        load(small('schema.input=["income", "defaulted"]', 'options.allow=["defaulted"]'), table())


def test_an_id_in_the_order_of_arrival_is_no_leak(small, table):
    load(small('schema.input=["income", "number"]'), table(number=lambda made: list(range(len(made["income"])))))


def test_a_column_of_chance_tells_nothing():
    label = pl.Series([i % 3 == 0 for i in range(600)]).to_numpy()
    assert 0.3 < told_alone(pl.Series("x", [i * 7919 % 601 for i in range(600)]), label) < 0.7


def test_a_value_that_nearly_always_defaults_is_pointed_at(small, table):
    def told(made):
        worst = [i for i, one in enumerate(made["defaulted"]) if one == "yes"][:60]
        return ["refused" if i in worst else "granted" for i in range(len(made["income"]))]

    notes = load(small('schema.input=["income", "insurance"]'), table(insurance=told)).notes
    assert any("'insurance' = 'refused'" in note and "known before the decision" in note for note in notes)


def test_a_declared_proxy_is_no_input(small, table):
    with pytest.raises(BadInput, match=r"'purpose' is declared a proxy .* and an input"):
        load(small('options.proxies=["purpose"]'), table())


def test_a_direction_of_a_column_that_is_no_input_is_refused(small, table):
    with pytest.raises(BadInput, match=r"options.monotone names 'incom', which is no input"):
        load(small("options.monotone.incom=-1"), table())


def test_the_label_that_is_declined_is_the_positive_one(small, table):
    with pytest.raises(BadInput, match=r"audit.favourable is 'no'.*schema.positive"):
        load(small("schema.positive=no"), table())


def test_values_never_seen_are_unknown_not_an_error():
    inputs = Inputs.learn(
        pl.DataFrame({"purpose": ["car", "car", "home", "home", "boat"], "n": [1, 2, 3, 4, 5]}), ["purpose", "n"]
    )
    made = inputs.matrix(pl.DataFrame({"purpose": ["rocket", None, "home"], "n": [1.5, None, 9]}))
    assert pl.Series(made[:, 0]).is_nan().to_list() == [True, True, False]
    assert Inputs.from_dict(inputs.as_dict()) == inputs
