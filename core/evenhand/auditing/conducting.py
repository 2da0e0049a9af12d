"""The audit from start to end: open, plan, count, estimate, compare, judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from evenhand.asking.question import PARTS, Question
from evenhand.auditing.answering import answered, data_of, versions
from evenhand.auditing.counting.aggregation import count
from evenhand.auditing.judging.notes import binning_notes, notes_of
from evenhand.auditing.judging.trend import trends_of
from evenhand.auditing.judging.verdicts import worst
from evenhand.auditing.metrics.metric import Estimate, GroupMetric
from evenhand.auditing.metrics.of_plugins import read_extra
from evenhand.auditing.question.plan import make_plan
from evenhand.auditing.question.policy import Policy, load_policy
from evenhand.auditing.question.taking import searched_columns, take_asked
from evenhand.auditing.result import Audit, Origin
from evenhand.auditing.several_labels import conduct_labels
from evenhand.auditing.slices.search import find_slices
from evenhand.auditing.table.arrays import FEATURES, ROLES, from_arrays
from evenhand.auditing.table.source import open_source
from evenhand.errors import BadInput
from evenhand.json_values import json_value
from evenhand.showing.frames import kind_of


def audit(
    source: Any = None,
    *,
    y_true: Any = None,
    y_pred: Any = None,
    y_score: Any = None,
    sensitive_features: Any = None,
    sample_weight: Any = None,
    sensitive: str | Sequence[str] = (),
    label: str | None = None,
    labels: str | Sequence[str] = (),
    score: str | None = None,
    prediction: str | None = None,
    threshold: float | None = None,
    operating_point: Mapping[str, float] | None = None,
    positive: Any = None,
    positive_prediction: Any = None,
    favourable: Any = None,
    cluster: str | None = None,
    weight: str | None = None,
    id: str | None = None,
    task: str | None = None,
    tolerance: Mapping[str, float] | float | None = None,
    policy: str | Path | Policy | None = None,
    metrics: str | Sequence[str] | None = None,
    reference: Mapping[str, Any] | None = None,
    intersections: int = 1,
    bins: Mapping[str, int | str | Sequence[float]] | None = None,
    names: Mapping[str, str] | None = None,
    top: int | float | None = None,
    within: str | None = None,
    slices: str | Sequence[str] = (),
    mitigation: str = "sweep",
    confidence: float = 0.95,
    exact: bool = False,
    replicates: int = 2000,
    seed: int = 0,
    look: int | None = None,
    title: str | None = None,
    question: Question | None = None,
    extra: Sequence[GroupMetric | Estimate] = (),
    on_plan: Callable[[dict[str, Any]], None] | None = None,
) -> Audit:
    """Audit predictions by group: rates, gaps, intervals and verdicts.

    Parameters
    ----------
    source : path, or frame of pandas, Polars, Arrow, DuckDB, Dask or PySpark
        One row per example: a CSV, Parquet or JSON-lines file, or a table; refused where it cannot be read. None: the
        arrays below are audited, in the words of scikit-learn and Fairlearn.
    y_true : array, default None
        Instead of `source` and `label`: what turned out to be true. Arrays are of numpy, pandas, Polars, Arrow or
        lists, matched by position; refused where lengths or shapes differ, or numbers and text are mixed in one. The
        columns are called as these parameters are. Refused where a value is missing.
    y_pred : array, default None
        Instead of `prediction`: the model's decisions; refused where one is missing.
    y_score : array, default None
        Instead of `score`: the scores of the positive class, one for each row; refused where one is missing.
    sensitive_features : array, series, frame or dict of arrays, default None
        Instead of `sensitive`: who belongs to which group; a column of a frame, or a key of a dict, for each attribute.
        Arrays without a name are called sensitive_feature_0, sensitive_feature_1 and so on. A missing value is a row
        whose group is not known.
    sample_weight : array, default None
        Instead of `weight`: sampling weights.
    sensitive : column or columns
        Groups to compare; refused where none is named, one is not there, or one makes more than 1,000 groups.
    label : column, default None
        What turned out to be true; without it only selection and score rates are audited.
    labels : columns, default none
        Instead of `label`, of a multi-label task: a column of 0 and 1 for each label. Each label is audited by itself,
        all in one family of comparisons; in `score` and `prediction` `{}` stands for the label's column.
    score : column, default None
        The model's score in [0, 1] (with `top`: any number); refused where one is missing, infinite or outside.
    prediction : column, default None
        The model's decision, instead of or beside a score; refused where neither of the two is named.
    threshold : share in [0, 1], default None
        Decides positive from this score on; None: 0.5 where only a score is given. Refused beside `top`.
    operating_point : measure -> figure, default None
        Of a recipe's audit, whose validation rows choose the threshold; refused here, where there are none.
    positive : value, default None
        The label that counts as positive; refused where None and 0/1, yes/no or true/false do not tell.
    positive_prediction : value, default None
        The decision that predicts the positive label. None: the same word, 0/1, yes/no and true/false being the same
        words; refused where decisions are in others.
    favourable : value, "positive" or "negative", default None
        Which decision is good for the person: ratios compare how often it is taken. None: the positive one, and said.
    cluster : column, default None
        Names rows that belong together, which count as one; refused where a row has none.
    weight : column, default None
        Sampling weights of 0 or more; refused where one is missing, negative or infinite.
    id : column, default None
        Names each row, so that audits can be compared row by row; refused where a name comes twice.
    task : "binary", "multiclass", "multilabel", "regression" or "selection", default None
        What is predicted; None: seen from the label. Refused where the columns contradict it.
    tolerance : metric -> gap in the metric's unit, or one gap, default None
        Largest acceptable gap; one: of selection rate, TPR and FPR, or accuracy. None: nothing is judged.
    policy : name, path or Policy, default None
        Rules to judge by: a shipped profile, or a TOML file of your own; refused where there is none of that name.
    metrics : name or names, default None
        What is shown; None: what is usual for the task. Refused where there is no such metric.
    reference : column -> group, default None
        Whom to compare with; None: the group with the most rows. Refused where there is no such group.
    intersections : 1, 2 or 3, default 1
        How many sensitive columns meet: 2 audits every pair of them too.
    bins : column -> number of groups, edges between them, or "each", default None
        Cuts numbers into groups (an edge belongs to the one above); None: quartiles where there are many values.
    names : "column.group" -> name, default None
        What groups are called: {"afam.yes": "African American"}; refused where there is no such group, or two of a
        column would be called alike.
    top : rows, or share of them in (0, 1), default None
        Selects the best by score in place of a threshold; ties at the cut are selected together or not at all.
    within : column, default None
        Names the lists of which `top` selects each one's best; refused without `top`.
    slices : column or columns, default none
        Where to look, beside the sensitive columns, for groups that nobody named and that fare worse.
    mitigation : "sweep" or "fairlearn", default "sweep"
        Preview of other thresholds: our own, or fairlearn's ThresholdOptimizer beside it.
    confidence : share in (0.5, 1), default 0.95
        Confidence of every interval, pointwise and simultaneous.
    exact : bool, default False
        Counts every distinct score, also beyond 50,000 rows, where else 4,096 bins of the score are counted.
    replicates : 200 to 1,000,000 draws, default 2000
        What the simultaneous intervals rest on.
    seed : whole number of 0 or more, default 0
        Where the draws start: the same seed gives the same bytes.
    look : whole number of 1 or more, default None
        Which look at the question it is: look k spends 1 / (k (k + 1)) of the budget. None: looks are not counted.
    title : text, default None
        Heading of the report; None: the name of the data.
    question : Question, default None
        All of the above at once, such as from a file; refused beside any of them (`question.but` changes a part).
    extra : GroupMetric or Estimate, default none
        What a plugin adds; a metric that fails is undefined, and everything else is audited.
    on_plan : function of a dict, default None
        Called with the plan once it is fixed, before anything is counted.

    Returns
    -------
    Audit
        What audit.json holds; prints itself, shows itself in a notebook, and knows its exit code.

    Raises
    ------
    BadInput
        Where the rows or the question cannot be audited, in one sentence: what, where, how to mend it.

    Examples
    --------
    >>> import polars as pl
    >>> hired = pl.DataFrame({"hired": [1] * 60 + [0] * 40 + [1] * 30 + [0] * 70, "sex": ["m"] * 100 + ["f"] * 100})
    >>> found = audit(hired, prediction="hired", sensitive="sex", tolerance={"selection_rate": 0.1})
    >>> found.verdict, found.exit_code()
    ('exceeded', 1)
    >>> audit(y_pred=[1, 1, 0, 0], sensitive_features={"sex": ["m", "m", "f", "f"]}).groups()["value"].to_list()
    [0.0, 1.0]
    >>> audit(hired, prediction="hired", sensitive="sex", confidence=95)
    Traceback (most recent call last):
    ...
    evenhand.asking.checks.WrongPart: the confidence 95 is not a number between 0.5 and 1; 0.95 is usual (--confidence)
    """
    given = locals()
    asked = Question(**{part: given[part] for part in PARTS})
    if question is not None and asked != Question():
        raise BadInput("either a whole question is given or its parts; change one with question.but(confidence=0.9)")
    asked = question or asked
    arrays = {name: given[name] for name in (*ROLES, FEATURES)}
    if any(array is not None for array in arrays.values()):
        if source is not None:
            raise BadInput("a table and arrays are given; leave out one of them: arrays have their groups with them")
        source, asked = from_arrays(arrays, asked)
    elif source is None:
        raise BadInput("there is nothing to audit: give a file or a table, or y_true, y_pred and sensitive_features")
    return conduct(source, asked, extra, on_plan)


def conduct(
    source: Any,
    asked: Question,
    extra: Sequence[GroupMetric | Estimate] = (),
    on_plan: Callable[[dict[str, Any]], None] | None = None,
) -> Audit:
    """The audit that answers a question, as `audit` does."""
    with np.errstate(all="ignore"):  # what is not defined is NaN, and said; a warning besides says nothing more
        found = _conducted(source, asked, extra, on_plan)
    file = str(Path(source).resolve()) if isinstance(source, str | Path) else None
    return replace(found, origin=Origin(asked.anchored(Path.cwd()), file, kind_of(source)))


def _conducted(
    source: Any,
    asked: Question,
    extra: Sequence[GroupMetric | Estimate],
    on_plan: Callable[[dict[str, Any]], None] | None,
) -> Audit:
    if asked.operating_point:
        raise BadInput(
            "an operating point is chosen on validation rows, which a table of predictions does not have: give the "
            "threshold (--threshold), or ask in a recipe's [audit] (--operating-point)"
        )
    opened = open_source(source)
    own, told = read_extra(extra)
    if asked.labels:
        return conduct_labels(opened, asked, own, told, on_plan)
    rows, binnings, chosen = take_asked(opened, asked)
    rules = load_policy(asked.policy)
    plan = make_plan(rows, asked, extra=own, policy=rules, bins=binnings, top=chosen)
    if on_plan is not None:
        on_plan({"question": dict(plan.question), "plan_sha256": plan.sha256, "data_sha256": opened.sha256})
    wanted = {q for m in plan.metrics if m.name not in plan.undefined for q in m.quantities}
    table = count(rows, plan.task, plan.positive, plan.decided, plan.threshold, wanted, asked.exact)
    if table.n.sum() == 0:
        empty = asked.prediction or asked.score
        raise BadInput(f"no row of {opened.where} has a decision; column '{empty}' is empty throughout")
    answer, undefined = answered(table, plan, rules)
    trends = trends_of(rows, plan, binnings, [m for m in plan.metrics if m.name not in undefined])
    for part in answer["attributes"]:
        part["trend"] = trends.get(part["name"]) if len(part["columns"]) == 1 else None
    notes = notes_of(rows, table, plan, answer["attributes"], undefined)
    notes += binning_notes(binnings, table, rows)
    notes += chosen.notes(asked.cluster is not None) if chosen is not None else ()
    searched = searched_columns(asked)
    return Audit(
        json_value(
            {
                "format": "evenhand-audit",
                "version": 1,
                "title": asked.title or f"Audit of {opened.where}",
                "question": plan.question,
                "plan_sha256": plan.sha256,
                "data": data_of(rows, table, opened.where, opened.sha256),
                "notes": notes,
                **answer,
                "slices": find_slices(rows, plan, searched) if searched else None,
                "verdict": worst([v["verdict"] for v in answer["verdicts"]]),
                "estimates": [asdict(e) for e in told],
                "sections": [],
                "versions": versions(),
            }
        )
    )
