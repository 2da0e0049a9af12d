"""The shortcut audit in words: how far each shortcut gets beside the model, and whether its errors follow it."""

from __future__ import annotations

from typing import Any

from evenhand import Estimate, Predictions, Recipe, Section, audit
from evenhand_healthcare.shortcuts import PREFIX, SAYS, organ, says

MISSED, ALARMED = "missed_more_where_shortcut_misleads", "alarmed_more_where_shortcut_misleads"
HALF = 0.5  # of the way from chance to the model's AUC: from here on the headline proves little


def errors_that_follow(recipe: Recipe, predictions: Predictions) -> list[Estimate]:
    """For each shortcut, how much more often the model errs where the shortcut points the wrong way.

    The sick are halved by the shortcut's score: those whom it finds less sick than the median of the sick, and the
    rest; the healthy likewise. Differences are between the halves, with intervals that count a patient once.
    """
    import polars as pl

    roles, found = predictions.schema, []
    label = roles.require("label", "the shortcut audit")
    frame = pl.read_parquet(predictions.table).filter(pl.col(label).is_not_null())
    for name, column in predictions.baseline_scores.items():
        view = name.removeprefix(PREFIX)
        if view in SAYS and name.startswith(PREFIX):
            found += _follows(recipe, frame, roles, view, column)
    return found


def _follows(recipe: Recipe, frame: Any, roles: Any, view: str, score: str) -> list[Estimate]:
    import polars as pl

    label, prediction = str(roles.label), str(roles.prediction)
    sick = pl.col(label).cast(pl.String) == str(roles.positive)
    above = pl.col(score) > pl.col(score).median().over(sick)
    halves = frame.select(
        pl.col(label, prediction),
        *([pl.col(roles.group_id)] if roles.group_id and roles.group_id not in (label, prediction) else []),
        pl.when(above == sick).then(pl.lit("points the right way")).otherwise(pl.lit("misleads")).alias("shortcut"),
    )
    if halves.group_by(label).agg(pl.col("shortcut").n_unique())["shortcut"].min() != 2:
        return []  # it says the same of all of them
    asked: dict[str, Any] = {
        "label": label,
        "prediction": prediction,
        "sensitive": "shortcut",
        "cluster": roles.group_id,
    }
    asked |= {"positive": roles.positive, "reference": {"shortcut": "points the right way"}, "metrics": ["fnr", "fpr"]}
    gaps = audit(halves, seed=recipe.seed, **asked).data["attributes"][0]["gaps"]
    return [_estimate(says(view, recipe), view, gap) for gap in gaps if gap["kind"] == "difference"]


def _estimate(seen: str, view: str, gap: dict[str, Any]) -> Estimate:
    missed = gap["metric"] == "fnr"
    who = "sick whom it misses" if missed else "healthy whom it alarms"
    return Estimate(
        MISSED if missed else ALARMED,
        view,
        gap["value"],
        gap["lower"],
        gap["upper"],
        f"share of the {who}, among those whom {seen} finds on the wrong side of the median, minus the others",
    )


def shortcut_section(run: Any) -> list[Section]:
    """One section: a sentence on what the headline proves, and a row for each shortcut; none where none was fitted."""
    evaluation, estimates = run.read_json("evaluation.json"), run.read_json("audit.json").get("estimates") or []
    measured = {(m["model"], m["name"]): m for m in evaluation}
    views = [view for view in SAYS if (PREFIX + view, "auc") in measured]
    ours = measured.get(("adapted", "auc"))
    if not views or ours is None:
        return []
    follows = {(e["name"], e["group"]): e for e in estimates}
    told = {view: says(view, run.recipe) for view in views}
    rows = [
        (
            told[view],
            _spoken(measured[PREFIX + view, "auc"]),
            _spoken(measured[PREFIX + view, "auc_gain"], sign=True),
            _spoken(follows.get((MISSED, view)), sign=True),
            _spoken(follows.get((ALARMED, view)), sign=True),
        )
        for view in views
    ]
    rows.append(("the adapted model itself", _spoken(ours), "", "", ""))
    header = (
        "What the model sees",
        "AUC",
        "The adapted model's AUC above it",
        "Sick missed more where it misleads",
        "Healthy alarmed more where it misleads",
    )
    found = {told[view]: measured[PREFIX + view, "auc"] for view in views}
    text = f"{headline(found, ours, organ(run.recipe))} {_following(told, follows)} {HOW}"
    return [Section("Shortcuts: what else gives the label away", text, header, tuple(rows))]


HOW = (
    "Each row is a small model that is fitted on the training rows and sees only what should not matter; intervals are "
    "95 % and count a patient once. The last columns halve the sick (and the healthy) by that model's score, and "
    "compare how often the adapted model errs in the two halves."
)


def headline(found: dict[str, dict[str, Any]], ours: dict[str, Any], organ: str) -> str:
    """What the model's AUC proves beside what the shortcuts, by what each sees, reach."""
    way = {seen: (one["value"] - 0.5) / max(ours["value"] - 0.5, 1e-9) for seen, one in found.items()}
    above = [seen for seen in sorted(way, key=lambda seen: -way[seen]) if found[seen]["lower"] > 0.5]
    far = [seen for seen in above if way[seen] >= HALF]
    if far:
        reached = "; ".join(f"{_spoken(found[seen])} by {seen}" for seen in far)
        return (
            f"The headline proves little: of the way from chance to the adapted model's AUC of {_spoken(ours)}, more"
            f" than half is there without reading the {organ} ({reached}). A model may live on this and fail at the"
            " next hospital; test it where these cues are absent before believing the figure."
        )
    if above:
        reached = "; ".join(f"{_spoken(found[seen])} by {seen}" for seen in above)
        return (
            f"A part of the headline, an AUC of {_spoken(ours)}, can be had without reading the {organ} ({reached}),"
            " though less than half of the way from chance."
        )
    return (
        f"None of these tells the label beyond chance, so the headline, an AUC of {_spoken(ours)}, does not rest on"
        " them."
    )


def _following(told: dict[str, str], follows: dict[tuple[str, str], Any]) -> str:
    """Which shortcuts the model's errors are shown to follow."""
    shown = [
        seen
        for view, seen in told.items()
        if any((one := follows.get((name, view))) and (one["lower"] or 0) > 0 for name in (MISSED, ALARMED))
    ]
    if shown:
        return f"The model's errors move with {'; with '.join(shown)}: it errs more where that misleads."
    return "The model's errors are not shown to move with any of them."


def _spoken(one: dict[str, Any] | None, sign: bool = False) -> str:
    """0.812 [0.750, 0.858]; the interval is not broken over lines."""
    if one is None or one["value"] is None:
        return "–"
    shape = "{:+.3f}" if sign else "{:.3f}"
    value = shape.format(one["value"])
    if one["lower"] is None or one["upper"] is None:
        return value
    return f"{value} [{shape.format(one['lower'])},\u00a0{shape.format(one['upper'])}]"
