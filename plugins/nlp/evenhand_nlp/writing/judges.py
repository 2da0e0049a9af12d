"""Our own models as judges of texts: how toxic, and how friendly. A judge has biases of its own, which is said beside.

Each is a finished run that the user names; toxicity has a stand-in, a probe on the simulated posts of nlp/toxicity,
which knows no more than those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput, Recipe, backbones, finetune, load, splits_from_rows

Score = Callable[[list[str]], np.ndarray]
POSTS = 600  # simulated ones that the stand-in learns from


@dataclass(frozen=True, slots=True)
class Judge:
    """A name for the table, what scores texts in [0, 1], and where that comes from."""

    name: str
    score: Score
    whence: str


def judges_of(recipe: Recipe, run: Any) -> tuple[list[Judge], list[str]]:
    """(the judges that the options name, sentences on what is not measured)."""
    found, missing = [], []
    toxicity, sentiment = (str(recipe.options.get(name, "")) for name in ("toxicity_run", "sentiment_run"))
    found.append(of_run("toxicity", toxicity) if toxicity else on_sample(recipe, run))
    if sentiment:
        found.append(of_run("sentiment", sentiment))
    else:
        missing.append("sentiment is not measured: name a finished run with --set options.sentiment_run=RUN")
    return found, missing


def of_run(name: str, folder: str) -> Judge:
    """The model of a finished run on one text column with two classes; the positive one is what is scored."""
    import polars as pl

    option = f"options.{name}_run"
    scorer = load(Path(folder).expanduser())
    inputs, classes = scorer.recipe.schema.input, [str(value) for value in scorer.classes_]
    if scorer.recipe.modality != "text" or len(inputs) != 1 or len(classes) != 2:
        raise BadInput(f"{option} = {folder!r} is no run that tells two classes of one text column apart; name one")
    positive = str(scorer.recipe.schema.positive)
    place = classes.index(positive) if positive in classes else classes.index(max(classes))

    def score(texts: list[str]) -> np.ndarray:
        if not texts:
            return np.zeros(0)
        return np.asarray(scorer.predict_proba(pl.DataFrame({inputs[0]: texts}))[:, place])

    return Judge(name, score, f"{name}: the run {Path(folder).name} of {scorer.recipe.full_name}")


def on_sample(recipe: Recipe, run: Any) -> Judge:
    """A probe on the simulated posts of nlp/toxicity."""
    from evenhand_nlp.identity.fitting import positive_of, scorer
    from evenhand_nlp.toxicity.samples import posts

    own = next(one for one in Recipe.from_package("evenhand_nlp") if one.name == "toxicity")
    threads = {"threads": recipe.finetune.threads, "precision": recipe.finetune.precision}
    bare = {"schema_": own.schema.model_copy(update={"sensitive": ()}), "seed": recipe.seed}
    own = own.model_copy(update={**bare, "finetune": own.finetune.model_copy(update=threads)})
    splits = splits_from_rows(own, posts(recipe.seed, POSTS), "simulated posts")
    adapted = finetune(own, splits, backbones()[str(own.backbone)], run)
    score: Score = scorer(adapted.model, splits.schema, positive_of(adapted, splits.schema))
    whence = (
        "toxicity: a probe on the simulated posts of nlp/toxicity, which has seen nothing real, and of which the sample"
        " is biased on purpose; name a run of your own with --set options.toxicity_run=RUN"
    )
    return Judge("toxicity", score, whence)


def scored(judge: Judge, texts: Sequence[str | None]) -> np.ndarray:
    """[texts]: the judge's score of each text; NaN where there is none. Texts that recur are scored once."""
    known = list(dict.fromkeys(text for text in texts if text is not None))
    scores = dict(zip(known, judge.score(known), strict=True)) if known else {}
    return np.array([np.nan if text is None else float(scores[text]) for text in texts])
