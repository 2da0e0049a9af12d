"""What every strategy of `evenhand update` keeps, gains and costs: a stream of card transactions, and a text set.

python benchmarks/updating.py --fraud transactions_raw.parquet --texts train.parquet --results updating.jsonl
python benchmarks/updating.py --results updating.jsonl --table

Fraud: the recipe finance/fraud on a fifth of the cards, the stream up to three weeks before its end, then up to its
end, `seed` days earlier for each seed. Texts: nlp/support-intent (a probe) on half of the messages, drawn by seed, then
on the other half. Test rows chose nothing.
"""

import argparse
import json
import tempfile
from datetime import timedelta
from pathlib import Path

import polars as pl

import evenhand
from evenhand.console import Progress

SEEDS = (0, 1, 2)
HISTORY = 60  # days of the stream before a period's end, for features that look back
CARDS = 5  # one card in so many: audits of all 60,000 rows of a test week, paired, would take hours


def of_fraud(file, seed, folder):
    """The stream up to two days, and the recipe's settings."""
    rows = pl.read_parquet(file).filter(pl.col("CUSTOMER_ID") % CARDS == 0).sort("TX_DATETIME")
    last = rows["TX_DATETIME"].max() - timedelta(days=seed)
    for name, back in (("old", 21), ("new", 0)):
        end = last - timedelta(days=back)
        begin = end - timedelta(days=HISTORY)
        rows.filter(pl.col("TX_DATETIME").is_between(begin, end)).write_parquet(folder / f"{name}.parquet")
    return "finance/fraud", [f"seed={seed}", "options.models=1"]


def of_texts(file, seed, folder):
    """Two halves of the messages."""
    rows = pl.read_parquet(file) if Path(file).suffix == ".parquet" else pl.read_csv(file)
    rows = rows.sample(fraction=1.0, shuffle=True, seed=seed)
    half = rows.height // 2
    rows[:half].write_parquet(folder / "old.parquet")
    rows[half:].write_parquet(folder / "new.parquet")
    return "nlp/support-intent", [f"seed={seed}"]


def measured(kind, make, file, seed):
    """One update by every strategy, as records."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        recipe, settings = make(file, seed, folder)
        evenhand.run(recipe, data=folder / "old.parquet", settings=settings, out=folder / "run")
        found = evenhand.update(folder / "run", folder / "new.parquet", out=folder / "update", progress=Progress())
        about = found.found
        for name, one in about["models"].items():
            told = about["transfers"].get(name)
            yield {
                "set": kind,
                "seed": seed,
                "strategy": name,
                "chosen": about["chosen"],
                "verdict": about["verdict"],
            } | {
                "merit": about["merit"],
                "gap": about["gap"],
                **{key: one[key] for key in ("old", "new", "gap_old", "gap_new", "seconds")},
                "transfers": told,
            }


def table(records):
    """The records as a Markdown table."""
    head = [
        "set",
        "seed",
        "strategy",
        "old",
        "new",
        "BWT [interval]",
        "FWT",
        "gap old",
        "gap new",
        "BWT of gap [interval]",
        "s",
    ]
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for one in records:
        told = one["transfers"] or {}
        back = told.get("backward", {})
        marked = f"{one['strategy']}, {one['verdict']}" if one["strategy"] == one["chosen"] else one["strategy"]
        forward = told.get("forward", {}).get("merit")
        cells = [one["set"], one["seed"], marked, _number(one["old"]), _number(one["new"])]
        cells += [_limits(back.get("merit")), _number(forward), _number(one["gap_old"]), _number(one["gap_new"])]
        cells += [_limits(back.get("gap")), "" if one["seconds"] is None else f"{one['seconds']:.0f}"]
        yield f"| {' | '.join(map(str, cells))} |"


def _number(value):
    return "" if value is None else f"{value:.3f}"


def _limits(found):
    if not found or found["lower"] is None:
        return ""
    return f"{found['change']:+.3f} [{found['lower']:+.3f}, {found['upper']:+.3f}]"


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--fraud")
    asked.add_argument("--texts")
    asked.add_argument("--results", type=Path, required=True)
    asked.add_argument("--table", action="store_true")
    asked.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    told = asked.parse_args()
    if told.table:
        print("\n".join(table([json.loads(line) for line in told.results.read_text().splitlines()])))
        return
    for seed in told.seeds:
        for kind, make, file in (("fraud", of_fraud, told.fraud), ("texts", of_texts, told.texts)):
            if file:
                with told.results.open("a") as results:
                    results.writelines(json.dumps(one) + "\n" for one in measured(kind, make, file, seed))


if __name__ == "__main__":
    main()
