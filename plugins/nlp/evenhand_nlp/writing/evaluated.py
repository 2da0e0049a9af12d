"""Performance of written texts by the field's own measures, with limits; the core counts none of them.

BLEU and chrF are of the whole test set, by sacreBLEU, with its bootstrap's limits; ROUGE, F1 and exact match are means
over rows, with limits by Student's t.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from statistics import NormalDist
from typing import Any

import numpy as np

from evenhand import Metric, Predictions, wilson
from evenhand_nlp.identity.lexicon import UNSPACED
from evenhand_nlp.identity.swapping import mean_of
from evenhand_nlp.writing.measures import SAYS, graded

Z = NormalDist().inv_cdf(0.975)
CORPUS = ("bleu", "corpus_chrf")
PACKAGES = {"bleu": "sacrebleu", "corpus_chrf": "sacrebleu", "chrf": "sacrebleu"}
DRAWS = 500


def of_given(predictions: Predictions) -> list[Metric]:
    """The share of rows that get a text, and among those the share that is acceptable."""
    import polars as pl

    table = pl.read_parquet(predictions.table)
    roles = predictions.schema
    given = table[roles.require("prediction", "evaluating")].is_not_null().to_numpy()
    good = table[roles.require("score", "evaluating")].to_numpy() >= (predictions.threshold or 0.5)
    metrics = [share("answered", given, "share of rows that get a text; for the others the model abstains")]
    if given.any() and not given.all():
        says = "share of the given texts whose quality reaches the threshold"
        metrics.append(share("acceptable_of_given", good[given], says))
    return metrics


def share(name: str, hits: np.ndarray, says: str, model: str = "adapted") -> Metric:
    """A share with its score interval."""
    count, among = int(hits.sum()), len(hits)
    lower, upper = (float(bound) for bound in wilson(np.array(count), np.array(among), Z))
    return Metric(name, count / among, lower, upper, among, model=model, says=says)


def by_field(predictions: Predictions, names: Sequence[str]) -> list[Metric]:
    """These measures of the adapted model and of every baseline; those whose package is missing are left out."""
    import polars as pl

    table = pl.read_parquet(predictions.table)
    roles = predictions.schema
    references = [str(value) for value in table[roles.require("label", "evaluating")]]
    columns = {"adapted": roles.require("prediction", "evaluating"), **predictions.baselines}
    metrics = []
    for name in names:
        if name not in ("f1", "exact") and find_spec(PACKAGES.get(name, "rouge_score")) is None:
            continue
        for model, column in columns.items():
            texts = table[column].to_list()
            metrics.append(
                _corpus(name, texts, references, model) if name in CORPUS else _mean(name, texts, references, model)
            )
    return metrics


def _mean(name: str, texts: Sequence[str | None], references: Sequence[str], model: str) -> Metric:
    values = graded(name, texts, references)
    value, lower, upper, _ = mean_of(values)
    known = len(values) > 1
    return Metric(
        name,
        value,
        lower if known else None,
        upper if known else None,
        len(values),
        model=model,
        says=f"{SAYS[name]}, mean",
    )


def _corpus(name: str, texts: Sequence[str | None], references: Sequence[str], model: str) -> Metric:
    from sacrebleu.metrics import BLEU, CHRF

    metric: Any = BLEU(tokenize=tokens_of(references)) if name == "bleu" else CHRF()
    hypotheses = ["" if text is None else text for text in texts]
    draws = DRAWS if len(references) > 1 else 1
    found: Any = metric.corpus_score(hypotheses, [list(references)], n_bootstrap=draws)
    value = float(found.score) / 100
    reach = float(found._ci) / 100 if draws > 1 else 0.0
    how = str(metric.get_signature().format(short=True)).replace("|", ", ")
    says = f"{'BLEU' if name == 'bleu' else 'chrF'} of all texts together, of 1 (sacreBLEU: {how})"
    return Metric(name, value, max(0.0, value - reach), min(1.0, value + reach), len(texts), model=model, says=says)


def tokens_of(references: Sequence[str]) -> str:
    """sacreBLEU's tokenizer: characters where the references are mostly of scripts without blanks, else its own."""
    text = "".join(references)
    unspaced = sum(UNSPACED.match(character) is not None for character in text[:20_000])
    return "char" if unspaced > 0.3 * max(1, len(text[:20_000])) else "13a"
