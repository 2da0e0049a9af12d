"""A third-party domain in one file: its recipe, its sample, its model, its fairness metric."""

import random

from evenhand import Adapted, Recipe, hookimpl, rate_metric, splits_from_rows


@hookimpl
def recipes():
    return Recipe.from_package(__name__)


@hookimpl
def load_data(recipe, source):
    if source is not None:
        return None  # the core reads the user's own file
    rng, rows = random.Random(recipe.seed), {"months": [], "calls": [], "region": [], "left": []}
    for _ in range(800):
        months, calls, region = rng.randint(1, 60), rng.randint(0, 9), rng.choice(["city", "country"])
        left = calls * 4 - months * 0.6 + rng.gauss(0, 12 if region == "country" else 3) > 0
        for name, value in zip(rows, (months, calls, region, "yes" if left else "no"), strict=True):
            rows[name].append(value)
    return splits_from_rows(recipe, rows, "simulated subscribers")


@hookimpl
def finetune(recipe, splits):
    from sklearn.ensemble import HistGradientBoostingClassifier

    train = splits.train.to_pandas()
    model = HistGradientBoostingClassifier(random_state=recipe.seed)
    model.fit(train[list(splits.schema.input)], train["left"])
    return Adapted(model, classes=("no", "yes"), strategy="gradient-boosting")


@hookimpl
def audit_bias():
    return [rate_metric("overlooked", of="fn", among=("fn", "tp"), better="lower", source="ours", says="unforeseen")]
