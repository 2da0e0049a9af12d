"""Texts that name one group, written about every other group of its axis: what the recipe's `augment` adds.

Counterfactual data augmentation (Lu et al. 2020, arXiv 1807.11714).
"""

from __future__ import annotations

from typing import Any

from evenhand import BadInput, Recipe
from evenhand_nlp.identity.lexicon import lexicon
from evenhand_nlp.support import as_text


def about_others(recipe: Recipe, rows: Any, columns: list[str]) -> Any:
    """The rows that name a group of an axis, once for every other group, with the words exchanged by role."""
    words, text = lexicon(str(recipe.options.get("terms", ""))), recipe.schema.require("input", "augmenting")
    axes = [name for name in columns if name in words.axes]
    if not axes:
        raise BadInput(
            f"mitigation.method = 'augment' exchanges groups of the term list's axes ({', '.join(words.axes)}), and"
            f" mitigation.columns names {', '.join(columns)}; name one of them"
        )
    texts = [as_text(value) for value in rows[text]]
    made = [(i, swap.text) for i, value in enumerate(texts) for name in axes for swap in words.axes[name].swaps(value)]
    changed = rows.select([i for i, _ in made])
    return changed.map(lambda _, place: {text: made[place][1]}, with_indices=True, keep_in_memory=True)
