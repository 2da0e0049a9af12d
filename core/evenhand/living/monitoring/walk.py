"""`evenhand monitor`: a walk from the rows that a model met at work to windows, a proposal and a report."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand.console import Progress
from evenhand.errors import BadInput
from evenhand.extending import discovering
from evenhand.extending.discovering import Plugins
from evenhand.files import digest, own
from evenhand.living.monitoring import history, labelled, proposing, reference, telling
from evenhand.living.monitoring.judging import judged, kept, seen, window_facts
from evenhand.living.monitoring.measuring import CLASSES, caching
from evenhand.living.monitoring.reading import LABELS, Log, labels_of, late_labels, later, read_log
from evenhand.living.monitoring.windows import KEY, Size
from evenhand.living.sites.ground import UNKNOWN
from evenhand.predicting.classes import positive_class
from evenhand.recorded import provenance
from evenhand.recorded.finished import MANIFEST, FinishedRun, open_run, read_manifest
from evenhand.recorded.run_folder import Run
from evenhand.recorded.writing import sweep
from evenhand.running.walking import Outcome, Stage, Walk, walk, writes
from evenhand.scoring.scorer import Scorer, load

ROWS, DAY = "500 rows", "1d"  # windows that nobody asked for otherwise


@dataclass(frozen=True, slots=True)
class Monitored:
    """What a call found. found: what proposal.json holds; news: what the call left out, a sentence each."""

    path: Path
    found: Mapping[str, Any]
    news: tuple[str, ...]

    @property
    def report(self) -> Path:
        """The HTML report over the whole history."""
        return self.path / "report.html"

    @property
    def proposal(self) -> Mapping[str, Any]:
        """action, proven, why, command, diff and gains."""
        found: Mapping[str, Any] = self.found["proposal"]
        return found

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """The alarms of this call's windows, and of the labels of the whole history."""
        return list(self.found["alarms"])

    def windows(self) -> pl.DataFrame:
        """Every window of the history, a row each: its rows, its alarms, and the accuracy that is estimated."""
        rows = [
            {
                **{name: one[name] for name in ("name", "start", "end", "rows", "judged")},
                "alarms": len(one["alarms"]),
                **{f"accuracy by {each['how']}": each["value"] for each in one["estimated"]},
            }
            for one in history.told(self.path)
        ]
        return pl.DataFrame(rows, infer_schema_length=None)

    def exit_code(self, strict: bool = False) -> int:
        """0: nothing; 1: an alarm; 3, if `strict`: there was too little to judge."""
        if self.alarms:
            return 1
        return 3 if strict and not self.found["judged"] else 0

    def __str__(self) -> str:
        return "\n".join(telling.sentences(self.found, self.news))


@dataclass(frozen=True)
class State:
    """What the stages share. late: labels from a file of their own; told: what the call was given."""

    run: Run
    scorer: Scorer
    source: FinishedRun
    log: Log
    late: pl.DataFrame
    news: history.News
    told: Mapping[str, Any]

    @property
    def seed(self) -> int:
        """The recipe's."""
        return self.scorer.recipe.seed


def monitor(
    run: str | Path,
    data: Any,
    labels: str | None = None,
    labels_late: Any = None,
    window: str | None = None,
    out: str | Path | None = None,
    source: str | Path | None = None,
    plugins: Plugins | None = None,
    progress: Progress | None = None,
) -> Monitored:
    """Whether the rows that the model of the finished `run` meets at work are still those it was made for.

    data: a file, a frame, or a folder of Parquet files such as `evenhand serve` writes; what has no score is scored.
    labels: the column of what turned out to be true; labels_late: a file of labels that came later, by request and row
    or the schema's id. window: '1d', '6h', '500 rows'; None: a day where rows have a time, else 500 rows. out: the
    folder that keeps the history; None: RUN-monitored beside the run. source: the run's data, where it has moved.
    Called again it adds the windows that it has not seen. All alarms together have a level of 5% over all windows there
    will ever be. Raises BadInput.
    """
    found = open_run(run)
    plugins = plugins or discovering.load()
    scorer = caching(load(found.path, plugins))
    path = Path(out) if out is not None else beside(found.path)
    if path.resolve() == found.path.resolve():
        raise BadInput(f"{path} is the run itself; name another folder (--out)")
    log = read_log(scorer, data, labels, found.manifest["identity"])
    log = later(log, scorer, own(found.path, "predictions.parquet"))
    if not log.rows.height:
        raise BadInput(f"{log.where} has no rows; there is nothing to watch")
    late = pl.DataFrame(schema=LABELS) if labels_late is None else late_labels(scorer, labels_late, labels)
    size = _size(path, log, window)
    told = {"data": str(data) if isinstance(data, str | Path) else "ROWS", "labels": labels, "source": source}
    with Run(path, scorer.recipe, _identity(found, size), progress, walk="monitor", stages=writes(MONITOR)) as folder:
        _begin(folder, scorer, found, told, labels_late, size)
        news = history.news(path, log, size, dt.datetime.now(dt.UTC))
        walk(MONITOR, folder, State(folder, scorer, found, log, late, news, told), plugins)
        return Monitored(path, folder.read_json("proposal.json"), (*news.says, *_unplaced(folder, late)))


def beside(run: Path) -> Path:
    """Where the history lies that nobody named a folder for.

    >>> beside(Path("runs/heart/3f2a")).as_posix()
    'runs/heart/3f2a-monitored'
    """
    named = run.resolve() if run.name in ("", "..") else run
    return named.with_name(f"{named.name}-monitored")


def _size(path: Path, log: Log, window: str | None) -> Size:
    """The window that is asked for, else that of the history, else what the rows allow."""
    before = read_manifest(path).get("window") if (path / MANIFEST).exists() else None
    size = Size.parse(window or before or (DAY if log.timed else ROWS))
    if before is not None and str(size) != before:
        raise BadInput(f"{path} keeps windows of {before}, not of {size}; leave --window out, or name another --out")
    if size.seconds is not None and not log.timed:
        raise BadInput(
            f"{log.where} has no column of times, which windows of {size} need; ask for rows (--window '500 rows'), or"
            " name the column in the recipe (schema.time)"
        )
    return size


def _identity(found: FinishedRun, size: Size) -> str:
    parts = ["monitor", found.manifest["identity"], digest(own(found.path, "model")), str(size)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _begin(run: Run, scorer: Scorer, found: FinishedRun, told: Mapping[str, Any], late: Any, size: Size) -> None:
    """Record what is watched; windows, labels and what follows are due at every call."""
    options = ["--data", told["data"]]
    options += ["--labels", told["labels"]] if told["labels"] else []
    options += ["--labels-late", str(late)] if isinstance(late, str | Path) else []
    stages = run.manifest["stages"]
    run.record(
        command=shlex.join(["evenhand", "monitor", str(found.path), *options, "--window", str(size)]),
        recipe=scorer.recipe.full_name,
        seed=scorer.recipe.seed,
        plugins=[f"{name} ({about})" if about else name for name, about in scorer.plugins.names()],
        versions=provenance.versions(),
        window=str(size),
        stages={name: stages[name] for name in ("reference",) if name in stages},
    )
    (run.path / history.FOLDER).mkdir(exist_ok=True)
    sweep(run.path / history.FOLDER)


def keep_reference(state: State) -> Outcome:
    """A compact copy of what windows are compared with."""
    rows, about = reference.made(state.scorer, state.source, state.told["source"], state.seed)
    state.run.write_with(reference.ROWS, lambda path: rows.write_parquet(path))
    state.run.write(reference.ABOUT, json.dumps(about, indent=1) + "\n")
    return Outcome(notes=tuple(about["notes"]))


def watch(state: State) -> Outcome:
    """Judge every window that was not seen before."""
    run, before = state.run, reference.read(state.run.path)
    calibrated = before.calibrated()
    number = len(history.told(run.path))
    for place, window in enumerate(state.news.fresh):
        number += 1
        here = seen(state.scorer, before, window, state.log.scored, state.log.where)
        found = judged(before, here, number, calibrated, state.seed)
        history.keep(run, {**window_facts(window, number), **found}, kept(window, here))
        run.progress(place + 1, len(state.news.fresh), "windows")
    return Outcome(facts={"windows": number})


def label(state: State) -> Outcome:
    """Every label that is known by now, and what they prove of each window and of all together."""
    run, classes = state.run, tuple(state.scorer.adapted.classes)
    before = reference.read(run.path)
    labels = _known_labels(state)
    run.write_with("labels.parquet", lambda path: labels.write_parquet(path))
    binary = state.scorer.recipe.task == "binary"
    positive = positive_class(state.scorer.recipe.schema, classes) if binary else None
    rules, was = rules_of(state.scorer), labelled.of_reference(before, positive)
    windows, parts = [], []
    for one in history.told(run.path):
        rows = history.rows_of(run.path, one["name"]).join(labels, on=KEY, how="left", maintain_order="left")
        windows.append(labelled.of_window(rows, was, positive, rules, one["number"], one["name"]))
        parts.append(rows.with_columns(pl.concat_str(pl.lit(one["name"]), pl.lit(" "), "cluster").alias("cluster")))
    whole = pl.concat(parts, how="diagonal_relaxed") if parts else None
    together = labelled.together(whole, was, positive, rules)
    run.write("labelled.json", json.dumps({"windows": windows, **together}, indent=1) + "\n")
    return Outcome()


def _known_labels(state: State) -> pl.DataFrame:
    """KEY, label, known: those of before, overruled by those of this call."""
    if state.scorer.recipe.task not in CLASSES:
        return pl.DataFrame(schema=LABELS)
    file = state.run.path / "labels.parquet"
    parts = [pl.read_parquet(file)] if file.exists() else []
    parts.append(labels_of(state.news.keyed, state.log.label, state.scorer.adapted.classes, state.log.where))
    whole = pl.concat([*parts, state.late])
    return whole.unique(KEY, keep="last").sort(KEY)


def _unplaced(run: Run, late: pl.DataFrame) -> list[str]:
    if not late.height:
        return []
    names = [one["name"] for one in history.told(run.path)]
    known = {key for name in names for key in history.rows_of(run.path, name)[KEY].to_list()}
    lost = sum(key not in known for key in late[KEY])
    return [f"{lost:,} of {late.height:,} labels belong to no row of the history"] if lost else []


def rules_of(scorer: Scorer) -> list[labelled.Rule]:
    """The gaps that the recipe tolerates, by its policy and its own tolerance."""
    from evenhand.auditing.question.policy import load_policy

    policy = load_policy(scorer.recipe.audit.policy)
    asked = scorer.recipe.audit.tolerance
    tolerated = {**(policy.tolerance if policy else {}), **(asked if isinstance(asked, dict) else {})}
    return [labelled.Rule(metric, float(largest)) for metric, largest in tolerated.items()]


def propose(state: State) -> Outcome:
    """What to do, from this call's windows and all labels."""
    run, scorer = state.run, state.scorer
    labels = run.read_json("labelled.json")
    touched = set(state.news.touched)
    windows = [one for one in history.told(run.path) if one["name"] in touched]
    told = [one for one in labels["windows"] if one["name"] in touched]
    alarms = [{**alarm, "window": one["name"]} for one in (*windows, *told) for alarm in one["alarms"]]
    alarms += [{**alarm, "window": "all windows"} for alarm in labels["alarms"]]
    rows = state.news.keyed.join(
        pl.read_parquet(run.path / "labels.parquet"), on=KEY, how="left", maintain_order="left", suffix="·late"
    )
    targets = _targets(rows, scorer)
    proof = (
        proposing.proved(scorer, state.source, rows, targets, state.log.where)
        if scorer.recipe.task in CLASSES
        else None
    )
    readable = all(name in rows.columns for name in scorer.recipe.schema.input)
    context = proposing.Context(state.source.path, state.told["data"], scorer.recipe.task in CLASSES, _settings(state))
    made = proposing.proposal(alarms, proof, proposing.too_few(targets, readable), context)
    about = {
        "proposal": made,
        "alarms": alarms,
        "windows": len(windows),
        "rows": sum(one["rows"] for one in windows),
        "labelled": sum(one["labelled"] for one in told),
        "history": len(labels["windows"]),
        "accuracy": _accuracy(reference.read(run.path), windows, labels),
        "judged": sum(one["judged"] for one in windows),
        "notes": run.read_json(reference.ABOUT)["notes"],
    }
    run.write("proposal.json", json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    return Outcome()


def _accuracy(before: reference.Reference, windows: list[dict[str, Any]], labels: dict[str, Any]) -> dict[str, Any]:
    """The run's own, the last window's without labels, and that of every label; None where there is none."""
    right = before.right[np.isfinite(before.right)]
    shares = [one for one in labels["shares"] if one["metric"] == "accuracy" and one["group"] == labelled.EVERYBODY]
    last = next((one for one in reversed(windows) if one["estimated"]), None)
    return {
        "run": float(right.mean()) if len(right) else None,
        "window": last and last["name"],
        "estimated": last["estimated"] if last else [],
        "labels": shares[0] if shares and shares[0]["rows"] else None,
    }


def _targets(rows: pl.DataFrame, scorer: Scorer) -> np.ndarray:
    name = "label·late" if "label·late" in rows.columns else "label"
    return rows[name].fill_null(UNKNOWN).to_numpy()


def _settings(state: State) -> dict[str, Any]:
    """The recipe diff of a recalibration, by all labelled rows of the history."""
    run = state.run
    labels = pl.read_parquet(run.path / "labels.parquet")
    if state.scorer.recipe.task != "binary" or not labels.height:
        return {}
    positive = positive_class(state.scorer.recipe.schema, tuple(state.scorer.adapted.classes))
    touched = [history.rows_of(run.path, name).join(labels, on=KEY) for name in state.news.touched]
    whole = pl.concat(touched, how="diagonal_relaxed") if touched else None
    if whole is None or not whole.height:
        return {}
    return proposing.new_threshold(state.scorer, whole["score"].to_numpy(), (whole["label"] == positive).to_numpy())


def render(state: State) -> Outcome:
    """The report over the whole history, from the artefacts alone."""
    from evenhand.reporting import render_monitoring

    run = state.run
    page = render_monitoring(
        title=state.scorer.recipe.title,
        about=run.read_json("proposal.json"),
        windows=history.told(run.path),
        labels=run.read_json("labelled.json"),
        manifest=run.manifest,
    )
    run.write("report.html", page)
    return Outcome()


MONITOR: Walk[State] = (
    Stage("reference", (reference.ROWS, reference.ABOUT), keep_reference),
    Stage("windows", (history.FOLDER,), watch),
    Stage("labels", ("labels.parquet", "labelled.json"), label),
    Stage("proposal", ("proposal.json",), propose),
    Stage("report", ("report.html",), render),
)
