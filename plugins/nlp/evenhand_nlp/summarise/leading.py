"""The first sentences of a text, the baseline that summaries have to beat; how many, validation rows say."""

from __future__ import annotations

from evenhand import Recipe, Splits
from evenhand_nlp.writing.measures import graded, measure_of
from evenhand_nlp.writing.model import LeadSentences

COUNTS = (1, 2, 3, 4)


def baselines(recipe: Recipe, splits: Splits) -> dict[str, LeadSentences]:
    """The first sentence, and as many first sentences as are best on validation rows where that is more than one."""
    inputs, measure, rows = list(splits.schema.input), measure_of(recipe.options), splits.validation
    label = [str(value) for value in rows[splits.schema.require("label", "summaries")]]
    found = {}
    for count in COUNTS:
        model = LeadSentences(count, inputs)
        found[count] = float(graded(measure, model.write(rows)[0], label).mean())
    best = max(COUNTS, key=lambda count: (found[count], -count))
    made = {"lead_1": LeadSentences(1, inputs)}
    return made if best == 1 else {**made, f"lead_{best}": LeadSentences(best, inputs)}
