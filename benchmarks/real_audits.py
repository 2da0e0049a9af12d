"""Writes the predictions of a scikit-learn model on two real data sets, for `evenhand audit` to look at.

    python benchmarks/real_audits.py ../shared/data/finance real/      hmda.parquet and adult.parquet into real/

HMDA Boston 1990 (2,380 mortgage applications): five-fold out-of-fold scores of gradient boosting, the sensitive columns
left out of the inputs. Adult 1994: trained on the official train split, scores on the official test split.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import polars as pl
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder


def boosting() -> Any:
    """Gradient boosting that takes text columns as categories and missing values as they are."""
    text = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
    encode = make_column_transformer((text, make_column_selector(dtype_exclude="number")), remainder="passthrough")
    return make_pipeline(encode, HistGradientBoostingClassifier(random_state=0, learning_rate=0.05, max_iter=150))


def hmda(folder: Path) -> pl.DataFrame:
    """The score is the chance that the application is approved."""
    frame = pl.read_parquet(folder / "hmda-boston" / "hmda_boston.parquet")
    sensitive = ["afam", "single", "hschool"]
    inputs = frame.drop("deny", *sensitive).to_pandas()
    label = (frame["deny"] == "no").cast(pl.Int8).to_numpy()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    score = cross_val_predict(boosting(), inputs, label, cv=folds, method="predict_proba")[:, 1]
    return frame.with_columns(approved=pl.Series(label), score=pl.Series(score))


def adult(folder: Path) -> pl.DataFrame:
    """The score is the chance of an income above 50,000 dollars."""
    frame = pl.read_parquet(folder / "adult-income" / "adult.parquet")
    train, test = (frame.filter(pl.col("split") == name) for name in ("train", "test"))
    inputs = [c for c in frame.columns if c not in ("income", "split", "sex", "race", "native_country", "fnlwgt")]
    model = boosting().fit(train.select(inputs).to_pandas(), (train["income"] == ">50K").to_numpy())
    score = model.predict_proba(test.select(inputs).to_pandas())[:, 1]
    return test.drop("split").with_columns(score=pl.Series(score))


def main() -> None:
    """Parse, train, write, and print the audits to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with hmda-boston and adult-income")
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    hmda(options.data).write_parquet(options.out / "hmda.parquet")
    adult(options.data).write_parquet(options.out / "adult.parquet")
    print(f"evenhand audit {options.out}/hmda.parquet --label approved --score score --sensitive afam,single \\")
    print(f"    --policy us-four-fifths --tolerance tpr=0.05 --intersections 2 --out {options.out}/hmda-report")
    print(f"evenhand audit {options.out}/adult.parquet --label income --positive '>50K' --score score \\")
    print(f"    --sensitive sex,race,age --policy equalised-odds --intersections 2 --out {options.out}/adult-report")


if __name__ == "__main__":
    main()
