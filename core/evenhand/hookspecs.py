"""What evenhand asks of a plugin. Every hook is optional; implement those your domain needs.

A plugin is a Python module named by an entry point in the group `evenhand`; the entry point's name is the
plugin's domain. Hooks are plain functions marked `@hookimpl` whose parameters are any of those named here,
by name. In a run only the plugin that owns the recipe, the core's defaults and plugins without recipes
(trackers) are asked. A plugin that fails to import, has a hook with an unknown parameter, or raises, is
quarantined: named with its reason by `evenhand plugins`, while everything else works.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import polars
    from datasets import Dataset

    from evenhand.auditing import Estimate, GroupMetric
    from evenhand.recipe import Recipe
    from evenhand.recorded.run_folder import Run
    from evenhand.sections import Section
    from evenhand.values import Adapted, Backbone, Lesson, Metric, Predictions, Splits

hookspec = pluggy.HookspecMarker("evenhand")
hookimpl = pluggy.HookimplMarker("evenhand")


@hookspec
def recipes() -> list[Recipe]:
    """The recipes this plugin brings.

    Called by `evenhand recipes`, `show` and `run`, before anything heavy is imported: keep the module's own
    imports light. Usually `return Recipe.from_package(__name__)`. A recipe whose `domain` is not the
    entry point's name, or that another plugin already brought, quarantines the plugin that came later.
    """
    raise NotImplementedError


@hookspec
def backbones() -> list[Backbone]:
    """The pretrained networks this plugin brings, each with its card.

    Called by `evenhand backbones` and once per run. Return descriptions only; weights are read, and their
    sha256 checked, when a run needs them.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def pretrain(backbone: Backbone, data: Path | str | None, run: Run) -> Lesson | None:
    """What `evenhand pretrain BACKBONE [--data PATH]` teaches the backbone: a simulation, formulas, data.

    Called once in every process. Only the plugin that brings the backbone, the core and plugins
    without recipes are asked. `run.recipe` holds the settings: `seed`, `pretrain` (steps, batch_size, …) and `options`,
    which are yours. Return a `Lesson`, whose examples the core trains on, with checkpoints and exact resume, or which
    writes the weights itself; or None for the core's kinds: supervised, formulas, self-supervised, masked tokens. A
    plugin with a network of its own making brings it in `backbones()`, named DOMAIN/NAME, and answers here by
    `backbone.name`. Exceptions: as for `load_data`.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def load_data(recipe: Recipe, source: Path | str | None) -> Splits | None:
    """Read `source` (None: the recipe's own sample) into train, validation and test splits.

    Called once per run, first of all stages, before torch is imported. Return None to leave it to the core's
    reader, which handles CSV, Parquet, JSON lines, image folders and a hub data set's name by the recipe's
    schema; call `evenhand.read_splits(recipe, source)` to use that reader and add columns to what it returns.
    Must be deterministic: the same source and `recipe.seed` give the same rows in the same order.
    Raise `BadInput` with what is wrong, where, and how to mend it (exit code 2); any other exception is
    reported as this plugin's fault.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def prepare_rows(recipe: Recipe, rows: polars.LazyFrame) -> polars.LazyFrame | None:
    """New rows with the columns that your `load_data` makes from others, such as features or groups.

    Called by `evenhand predict` and `evenhand.load(run)` with rows as their source has them (from CSV every column is
    text), before the model's inputs are looked for. Return the rows with more columns, in the same number and order, or
    None where your reader makes none. Only needed beside a `load_data` of your own. Exceptions: as for `load_data`.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def finetune(recipe: Recipe, splits: Splits, backbone: Backbone | None, run: Run) -> Adapted | None:
    """Fit a model on `splits.train`, choosing on `splits.validation` only.

    Called once per run, after `load_data`; under torchrun once in every process. Return None for the core's
    strategies (`recipe.finetune.strategy`). `run.log(...)` records events, `run.progress(...)` shows progress;
    write nothing else: the core stores the returned model (`evenhand.Model` says what it must be). `splits.test` is
    there for shape only: looking at its labels is the one unforgivable fault. Exceptions: as for `load_data`.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def augment(recipe: Recipe, rows: Dataset, columns: list[str]) -> Dataset | None:
    """Rows as they would be if whom they are about were of another group: what `mitigation.method = "augment"` adds.

    Called for train and for validation. `columns`: the sensitive columns whose groups are exchanged. Return the new
    rows alone, with the same columns as `rows` and the labels that they had, several of a row where there are several
    other groups; the core adds them, at most twice as many as there are rows. Must be deterministic. Return None to
    leave it to the core, which exchanges a table's sensitive columns where they are inputs. Exceptions: as for
    `load_data`.
    """
    raise NotImplementedError


@hookspec
def evaluate(recipe: Recipe, predictions: Predictions) -> list[Metric]:
    """Performance metrics of the domain, over all test rows.

    Called once per run, after predictions were written; every answer is collected, the core's own first.
    A hook that raises is named in the report and the run goes on without it.
    """
    raise NotImplementedError


@hookspec
def audit_bias(recipe: Recipe, predictions: Predictions) -> list[GroupMetric | Estimate]:
    """The domain's fairness metrics (`rate_metric`, `GroupMetric`), and estimates of its own (`Estimate`).

    Called once per run, before the audit counts. Metrics are arithmetic over counts, so the core computes
    their values, intervals and verdicts; an `Estimate` brings its own numbers and is shown as it is.
    A hook that raises is named in the report and the audit goes on without it.
    """
    raise NotImplementedError


@hookspec
def report_sections(run: Run) -> list[Section]:
    """Extra sections of the report, plain text and tables.

    Called whenever a run's report is rendered (also by `evenhand report RUN`), with everything written
    before. All text is escaped. A hook that raises is named in the report.
    """
    raise NotImplementedError


@hookspec
def stage_started(run: Run, stage: str) -> None:
    """Told before each stage that is about to be computed (not one that a resumed run skips).

    `stage` is one of `run.stages`, which names the stages of the walk that `run.walk` is, in order, with what each
    writes; `run.recipe` is None in a walk without one. For trackers, energy meters and notebooks. Every plugin is
    told; what is returned is ignored; a hook that raises is quarantined.
    """
    raise NotImplementedError


@hookspec
def stage_finished(run: Run, stage: str, seconds: float) -> None:
    """Told after each computed stage, with its wall time in seconds. Otherwise as `stage_started`."""
    raise NotImplementedError
