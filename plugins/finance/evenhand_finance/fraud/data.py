"""Loads a stream of card transactions for finance/fraud: features, then days to learn from, to wait, and to be tested.

The protocol is the Fraud Detection Handbook's. Cards that are known to be compromised when a day begins are blocked
already, so that day's rows of theirs are left out.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand import BadInput, Recipe, Splits
from evenhand_finance.fraud.features import COMPUTED, HANDBOOK, features
from evenhand_finance.fraud.stream import backwards, read, role, stream_of

if TYPE_CHECKING:
    import polars as pl
    from datasets import Dataset

BANDS = {  # group column -> (feature, upper ends, names)
    "customer_band": ("customer_n_30d", (15, 60), ("1-15 a month", "16-60 a month", "more than 60 a month")),
    "terminal_band": ("terminal_n_30d", (30, 90), ("0-30 a month", "31-90 a month", "more than 90 a month")),
    "amount_band": ("amount_ratio", (1, 2), ("up to the usual", "up to twice the usual", "more")),
}
PARTS = ("train", "validation", "test")


def load(recipe: Recipe, source: Path | str | None) -> Splits:
    """The last weeks of the stream (None: the simulated sample) as splits; validation is the delay, labels unused."""
    if source is None:
        from evenhand_finance.fraud.samples import card_transactions, content_of

        rows = card_transactions(recipe.seed)
        where, content = "simulated card transactions", content_of(rows)
    else:
        rows, content = read(Path(source))
        where = str(source)
    label = recipe.schema.require("label", "training")
    if label not in rows.columns:
        raise BadInput(
            f"the label column '{label}' is not in {where}; it has: {', '.join(rows.columns[:20])}"
            "  (--set schema.label=COLUMN)"
        )
    stream = stream_of(recipe, rows, where)
    schema, notes = _present(recipe, rows, where)
    moved = backwards(stream)
    if moved:
        notes.append(f"sorted by time, as it went backwards: {moved:,} of {rows.height:,} rows came after a later one")
    whole = with_features(recipe, rows, stream, schema, where)
    parts, told = divide(recipe, whole, where)
    check_windows(parts, label, where)
    refuse_leaks(recipe, parts["train"], where)
    kept = list(dict.fromkeys([*(column for _, column in schema.columns()), role(recipe, "customer"), *HANDBOOK]))
    kept += [column for _, column in recipe.audit.columns() if column not in kept]
    datasets = {name: _dataset(part, kept, label) for name, part in parts.items()}
    return Splits(**datasets, schema=schema, source=where, fingerprint=content, notes=(*notes, *told))


def prepare(recipe: Recipe, rows: pl.LazyFrame) -> pl.LazyFrame:
    """New transactions with their features: give the stream with its history, since only what is there is looked back.

    Labels that are already known may stand in the label column; each is used from the delay on.
    """
    frame = rows.collect()
    stream = stream_of(recipe, frame, "the new transactions")
    whole = with_features(recipe, frame, stream, recipe.schema, "the new transactions")
    return whole.sort("(row)").drop("(row)", "(day)", "(fraud)", "(card)").lazy()


def days(recipe: Recipe, name: str) -> int:
    """A whole number of days, or of something else, that is set in options."""
    value = recipe.options.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise BadInput(f"options.{name} is {value!r}; give a whole number of 1 or more (--set options.{name}=7)")
    return value


def divide(recipe: Recipe, whole: pl.DataFrame, where: str) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """(train, validation and test days at the end of the stream without cards known to be compromised, notes)."""
    import polars as pl

    train, delay, test = (days(recipe, f"{part}_days") for part in ("train", "delay", "test"))
    last = whole["(day)"].max()
    start = last - timedelta(days=train + delay + test - 1)
    if start < whole["(day)"].min():
        raise BadInput(
            f"{where} spans {(last - whole['(day)'].min()).days + 1} days, and {train} to learn from, {delay} of delay"
            f" and {test} to test on are {train + delay + test}; give more, or set options.train_days, delay_days and"
            " test_days"
        )
    begin = {"train": start, "validation": start + timedelta(train), "test": start + timedelta(train + delay)}
    length = dict(zip(PARTS, (train, delay, test), strict=True))
    parts, gone = {}, 0
    for name in PARTS:
        found = whole.filter(pl.col("(day)").is_between(begin[name], begin[name] + timedelta(length[name] - 1)))
        if name != "train":
            kept = found.join(_blocked(whole, start, delay), on="(card)", how="left")
            kept = kept.filter(pl.col("blocked").is_null() | (pl.col("(day)") < pl.col("blocked"))).drop("blocked")
            gone += found.height - kept.height if name == "test" else 0
            found = kept
        parts[name] = found
    dates = ", ".join(f"{name} {begin[name]} to {begin[name] + timedelta(length[name] - 1)}" for name in PARTS)
    return parts, [
        f"days: {dates}; no label of the {delay} days before a transaction is used for it",
        f"left out, as their card was known to be compromised: {gone} transactions of the test days",
    ]


def _blocked(whole: pl.DataFrame, start: Any, delay: int) -> pl.DataFrame:
    """(card) and `blocked`, the first day on which a fraud since `start` of the card is known."""
    import polars as pl

    frauds = whole.filter((pl.col("(fraud)") == 1) & (pl.col("(day)") >= start))
    return frauds.group_by("(card)").agg(blocked=pl.col("(day)").min() + timedelta(delay + 1))


def with_features(recipe: Recipe, rows: pl.DataFrame, stream: pl.DataFrame, schema: Any, where: str) -> pl.DataFrame:
    """The rows in time order with features and bands; `(row)`, `(day)`, `(card)` and `(fraud)` are for dividing."""
    import polars as pl

    made = features(stream, days(recipe, "delay_days"))
    made = made.with_columns(pl.col("time").dt.date().alias("(day)")).drop("time", "terminal")
    made = made.rename({"row": "(row)", "customer": "(card)", "fraud": "(fraud)"})
    made = made.with_columns(band(name).alias(name) for name in BANDS if name not in rows.columns)
    ours = [column for column in rows.columns if column not in made.columns]
    more = [numbers(rows[column], where) for column in schema.input if column in ours]
    return pl.concat([made, rows.select(ours).with_columns(more)[made["(row)"].to_list()]], how="horizontal")


def numbers(column: pl.Series, where: str) -> pl.Series:
    """An input of the user's own as numbers; BadInput for text."""
    import polars as pl

    found = column.cast(pl.Float64, strict=False)
    bad = column.filter(found.is_null() & column.is_not_null())
    if bad.len():
        raise BadInput(
            f"the input column '{column.name}' of {where} holds {str(bad[0])[:40]!r}, which is no number; write it as"
            " numbers, or leave it out of schema.input"
        )
    return found


def band(name: str) -> Any:
    """The group column of that name as an expression over features."""
    import polars as pl

    column, (low, high), names = BANDS[name]
    value = pl.col(column).fill_nan(1.0)
    return (
        pl.when(value <= low)
        .then(pl.lit(names[0]))
        .when(value <= high)
        .then(pl.lit(names[1]))
        .otherwise(pl.lit(names[2]))
    )


def check_windows(parts: dict[str, pl.DataFrame], label: str, where: str) -> None:
    """BadInput where the days to learn from or to be tested on cannot be learnt from or tested on."""
    for name in ("train", "test"):
        part = parts[name]
        if not part.height:
            raise BadInput(f"{where} has no transaction on the {name} days; set options.{name}_days or give more days")
        missing, frauds = part["(fraud)"].null_count(), int(part["(fraud)"].sum() or 0)
        span = f"{part['(day)'].min()} to {part['(day)'].max()}"
        if missing:
            raise BadInput(
                f"{missing:,} transactions of the {name} days ({span}) of {where} have no label in '{label}'; give the"
                " stream up to the last day whose labels are known"
            )
        if frauds in (0, part.height):
            raise BadInput(
                f"{frauds or 'no'} of {part.height:,} transactions of the {name} days ({span}) of {where} are fraud, so"
                f" there is nothing to tell apart; set more days (--set options.{name}_days=28)"
            )


def refuse_leaks(recipe: Recipe, train: pl.DataFrame, where: str) -> None:
    """BadInput for an input of the user's own that tells the label by itself, unless options.allow names it."""
    from evenhand_finance.fraud.leaks import telling

    allowed = recipe.options.get("allow") or []
    given = [column for column in recipe.schema.input if column not in COMPUTED and column not in allowed]
    roles = {"label": recipe.schema.label, "id": recipe.schema.id, "time": recipe.schema.time}
    for column in given:
        same = next((name for name, other in roles.items() if column == other), None)
        why = f"it is the {same}" if same else telling(train[column], train["(fraud)"])
        if why:
            raise BadInput(
                f"the input column '{column}' of {where} gives the label away ({why}), as something known only"
                " after the decision would; leave it out of schema.input, or allow it with"
                f" --set 'options.allow=[\"{column}\"]'"
            )


def _present(recipe: Recipe, rows: pl.DataFrame, where: str) -> tuple[Any, list[str]]:
    """(the schema with those roles that the source can fill, notes on what it cannot)."""
    schema, notes = recipe.schema, []
    absent = [column for column in schema.sensitive if column not in rows.columns and column not in BANDS]
    if absent:
        kept = tuple(column for column in schema.sensitive if column not in absent)
        if not kept:
            raise missing(absent[0], "schema.sensitive", rows, where)
        schema = schema.model_copy(update={"sensitive": kept})
        notes.append(f"not audited by {', '.join(absent)}: {where} has no such column")
    unknown = [column for column in schema.input if column not in COMPUTED and column not in rows.columns]
    if unknown:
        raise missing(unknown[0], "schema.input", rows, where)
    if schema.id is not None and schema.id not in rows.columns:
        schema = schema.model_copy(update={"id": None})
    return schema, notes


def missing(column: str, option: str, rows: pl.DataFrame, where: str) -> BadInput:
    """The error for a column that is not there."""
    return BadInput(f"column '{column}' is not in {where}, which has: {', '.join(rows.columns[:20])}  ({option})")


def _dataset(part: pl.DataFrame, columns: list[str], label: str) -> Dataset:
    """Arrow rows of these columns, with the label as 0 and 1."""
    import polars as pl
    from datasets import Dataset

    found = part.with_columns(pl.col("(fraud)").cast(pl.Int64).alias(label)).select(columns)
    return Dataset(found.to_arrow(compat_level=pl.CompatLevel.oldest()))
