"""The very words beside the network: the simple model's probabilities averaged in, as far as validation rows say so.

An encoder of sentences knows what a text is about, and TF-IDF which words stand in it; with rare labels and words of a
trade the second often knows more, and both together more than each.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evenhand.adapting.models import MeanModel, as_logits
from evenhand.adapting.probe import quality
from evenhand.adapting.setting import Setting
from evenhand.values import Adapted

NAME = "tfidf_logistic"  # of the baseline that sees words
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)  # of the words
LEAST = 50  # validation rows that can choose among them


def with_words(setting: Setting, adapted: Adapted) -> Adapted:
    """The model averaged with its baseline of words, where the recipe allows it and validation rows gain by it.

    The weight is chosen by what models say of the validation rows that did not see them; the baseline is as it was
    fitted on the training rows.
    """
    words, unseen, labels = adapted.baselines.get(NAME), adapted.validation_scores, setting.labels
    if setting.recipe.finetune.words == "never" or words is None or labels.task == "regression":
        return adapted
    if isinstance(adapted.model, MeanModel):  # co-trained: words are in it
        return adapted
    if unseen is None or len(unseen) < LEAST:
        why = f"words were not averaged in: fewer than {LEAST} validation rows of known classes could choose how much"
        return replace(adapted, notes=(*adapted.notes, why))
    said = words.scores(setting.splits.validation)
    mixed = [(1 - weight) * unseen + weight * said for weight in WEIGHTS]
    merits = [quality(as_logits(scores, labels.task), labels) for scores in mixed]
    best = int(np.argmax([merit["selection"] for merit in merits]))
    setting.run.log("words", weight=WEIGHTS[best], alone=merits[0]["selection"], together=merits[best]["selection"])
    if best == 0:
        return replace(adapted, notes=(*adapted.notes, "validation rows gain nothing by averaging words in"))
    measured = {name: value for name, value in merits[best].items() if name != "selection"}
    return replace(
        adapted,
        model=MeanModel((adapted.model, words), (1 - WEIGHTS[best], WEIGHTS[best])),
        validation=measured,
        validation_scores=mixed[best],
        notes=(
            *adapted.notes,
            f"probabilities are {1 - WEIGHTS[best]:.0%} the network's and {WEIGHTS[best]:.0%} those of TF-IDF and"
            " logistic regression on the words, a weight that validation rows chose",
        ),
    )
