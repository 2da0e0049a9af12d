"""A recipe's table [mitigation]: what makes the model more even between groups, and what that may cost a group."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evenhand.recipe_rules import Part

Method = Literal["none", "reweight", "reductions", "thresholds", "postprocess", "dfr", "augment"]
Constraint = Literal["auto", "selection_rate", "tpr", "fpr", "equalized_odds", "error_rate", "loss"]


class MitigationRule(Part):
    """What is done so that groups are treated more evenly; the model without it stands beside, as `unmitigated`."""

    method: Method = Field(
        "none",
        description=(
            "`reweight`: rows count so that group and label are independent; `reductions`: fairlearn's search under a"
            " constraint; `thresholds`: decisions made at other scores, chosen on validation; `postprocess`:"
            " fairlearn's threshold optimizer, with chance between two thresholds; `dfr`: the last layer fitted again"
            " on validation rows with as many of each class in every group; `augment`: rows learnt again as they would"
            " be of another group."
        ),
    )
    columns: tuple[str, ...] = Field(
        (),
        description=(
            "Sensitive columns whose groups are made alike, crossed where there are several; not set: the first of"
            " `schema.sensitive`. Numbers are cut where `audit.bins` cuts them, else into four parts."
        ),
    )
    constraint: Constraint = Field(
        "auto",
        description=(
            "What `reductions`, `thresholds` and `postprocess` make even; `loss`: no group's squared error above"
            " `most` (regression). `auto`: what the audit's tolerance is about, else `equalized_odds` (of a regression,"
            " `loss`)."
        ),
    )
    most: float | None = Field(
        None,
        ge=0,
        description=(
            "How far apart groups may stay in it; not set: the audit's tolerance, else 0.02. Of `loss`: the largest"
            " squared error of a group; not set: what the most even model reaches."
        ),
    )
    weights: Literal["independent", "balanced"] = Field(
        "independent",
        description=(
            "Of `reweight`: group and label independent, with the shares of both as they are, or every class in every"
            " group counting the same."
        ),
    )
    search: Literal["gradient", "grid"] = Field(
        "gradient",
        description="Of `reductions`: exponentiated gradient, a mixture of models, or one model out of a grid.",
    )
    per_group: bool = Field(
        True,
        description=(
            "Of `thresholds`: one for each group, which needs the group of everybody who is decided on and is unlawful"
            " in many uses; false: one for all, the one that meets the constraint best."
        ),
    )
    least_rows: int = Field(
        30, ge=1, description="Groups with fewer rows to learn the method from are treated as one, named `others`."
    )
    margin: float = Field(
        0.05,
        ge=0,
        description=(
            "How much worse a group may be proven to fare than without the method, in accuracy and in what the audit's"
            " tolerance is about. Beyond it the run is refused, with the numbers (exit code 1)."
        ),
    )
