"""A tabular domain, whole: a generated mixed table with missing values, gradient boosting, its own fairness metric.

Planted: women's incomes are recorded with more noise, so the model is wrong about them more often.
"""

import random

from evenhand import Adapted, Recipe, hookimpl, rate_metric, splits_from_rows

RECIPE = """
name = "loan"
domain = "toy_tables"
title = "Loans repaid"
task = "binary"
modality = "table"
audit = { tolerance = { fnr = 0.1 } }

[schema]
input = ["income", "debt", "job"]
label = "repaid"
positive = 1
sensitive = ["sex", "region"]
group_id = "customer"
"""


@hookimpl
def recipes():
    return [Recipe.from_toml(RECIPE, "toy_tables")]


@hookimpl
def load_data(recipe, source):
    return splits_from_rows(recipe, applicants(recipe.seed), "generated applicants") if source is None else None


@hookimpl
def finetune(recipe, splits, backbone, run):
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder, StandardScaler

    rows, label = splits.train.to_pandas(), splits.schema.label
    jobs = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((jobs, ["job"]), remainder="passthrough")
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=40, random_state=recipe.seed))
    model.fit(rows[list(splits.schema.input)], rows[label])
    filled = make_column_transformer(("passthrough", ["debt"]), remainder="drop")
    simple = make_pipeline(filled, StandardScaler(), LogisticRegression()).fit(
        rows[list(splits.schema.input)], rows[label]
    )
    return Adapted(model, classes=(0, 1), strategy="gradient-boosting", baselines={"debt only": simple})


@hookimpl
def audit_bias(recipe, predictions):
    return [
        rate_metric(
            "wrongly_refused",
            of="fn",
            among=("fn", "tp"),
            better="lower",
            source="Hardt et al. 2016",
            says="good payers whom the model refuses",
        )
    ]


def applicants(seed, rows=900):
    rng = random.Random(seed)
    table = {name: [] for name in ("customer", "income", "debt", "job", "sex", "region", "repaid")}
    for number in range(rows):
        sex = rng.choice(["f", "m"])
        income, debt = rng.gauss(40, 12), rng.gauss(15, 6)
        seen = income + rng.gauss(0, 40 if sex == "f" else 1)
        values = (
            number // 2,
            None if rng.random() < 0.1 else seen,
            debt,
            rng.choice(["office", "shop", "farm"]),
            sex,
            rng.choice(["north", "south"]),
        )
        for name, value in zip(table, (*values, int(income - debt + rng.gauss(0, 2) > 25)), strict=True):
            table[name].append(value)
    return table
