"""The checks themselves, each one promise of the contract."""

from __future__ import annotations

import contextlib
import errno
import inspect
import json
import os
import socket
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from evenhand import hookspecs
from evenhand.data import fingerprint
from evenhand.errors import BadInput, PluginFault, did_you_mean
from evenhand.extending.discovering import Plugins, load
from evenhand.recipe import Recipe
from evenhand.recorded.run_folder import Run
from evenhand.running.pipeline import RUN, Corridor, predict, run
from evenhand.running.walking import walk, writes
from evenhand.values import Splits

Plugin = str | ModuleType


def hooks_follow_the_contract(plugin: Plugin) -> None:
    """Every hook is one of the contract's, names only its parameters, and annotates them alike if at all."""
    _, name, module = opened(plugin)
    hooks = [hook for hook in dir(module) if hasattr(getattr(module, hook), "evenhand_impl")]
    assert hooks, f"plugin '{name}' marks no function with @hookimpl; import it from evenhand and mark its hooks"
    known = [hook for hook in vars(hookspecs) if hasattr(getattr(hookspecs, hook), "evenhand_spec")]
    for hook in hooks:
        assert hook in known, f"plugin '{name}': '{hook}' is no hook of evenhand.{did_you_mean(hook, known)}"
        promised = inspect.signature(getattr(hookspecs, hook)).parameters
        for parameter in inspect.signature(getattr(module, hook)).parameters.values():
            assert parameter.name in promised, (
                f"plugin '{name}': {hook}() has a parameter '{parameter.name}' that evenhand does not pass; it passes"
                f" {', '.join(promised) or 'none'}"
            )
            _same_type(name, hook, parameter.name, parameter.annotation, promised[parameter.name].annotation)


def _same_type(name: str, hook: str, parameter: str, given: Any, promised: Any) -> None:
    """Annotations are compared by their last word, since plugins import the names from `evenhand`."""
    if given is inspect.Parameter.empty:
        return
    given_name = given if isinstance(given, str) else getattr(given, "__name__", str(given))
    words = {part.strip().rsplit(".", 1)[-1] for part in str(promised).split("|")}
    given_words = {part.strip().rsplit(".", 1)[-1] for part in str(given_name).split("|")}
    assert given_words & (words | {"Any"}), (
        f"plugin '{name}': {hook}({parameter}: {given_name}) should be annotated {promised}, which is what evenhand"
        " passes"
    )


def recipes_are_complete(plugin: Plugin) -> None:
    """Every recipe is listed, has a title, a label and inputs, and a backbone that exists where it names one."""
    plugins, name, _ = opened(plugin)
    for recipe in recipes_of(plugins, name):
        where = f"recipe '{recipe.full_name}'"
        assert recipe.title.strip(), f"{where} has no title"
        assert recipe.schema.label, f"{where} names no label column (schema.label)"
        assert recipe.schema.input, f"{where} names no input column (schema.input)"
        assert recipe.schema.sensitive, (
            f"{where} names no sensitive column, so its audit has nothing to compare (schema.sensitive)"
        )
        both = set(recipe.schema.input) & {recipe.schema.label, recipe.schema.site, recipe.schema.group_id}
        assert not both, (
            f"{where}: {', '.join(sorted(map(str, both)))} is an input and also the label, site or group id"
        )
        if recipe.backbone is not None:
            assert recipe.backbone in plugins.backbones(), (
                f"{where} names backbone '{recipe.backbone}', which no plugin brings"
            )


def sample_data_loads(plugin: Plugin) -> None:
    """Every recipe without --data gives three splits with rows, its columns, no group on two sides, the same ones
    again."""
    plugins, name, _ = opened(plugin)
    for recipe in recipes_of(plugins, name):
        first, second = (_sample_digests(plugins, recipe) for _ in range(2))
        for part, rows in first.items():
            row = next((i for i, (a, b) in enumerate(zip(rows, second[part], strict=False)) if a != b), len(rows))
            assert rows == second[part], (
                f"recipe '{recipe.full_name}': load_data gives other rows the second time, first in row {row + 1} of"
                f" the {part} split; draw everything from recipe.seed"
            )


def _sample_digests(plugins: Plugins, recipe: Recipe) -> dict[str, list[bytes]]:
    """One digest for each row of the checked sample, by split, over the columns that have a role."""
    with isolated(recipe):
        splits = plugins.first(recipe, "load_data", recipe=recipe, source=None)
        assert isinstance(splits, Splits), (
            f"recipe '{recipe.full_name}': load_data returned {type(splits).__name__}, not Splits"
        )
        parts = _check_splits(recipe, splits)
        columns = list(dict.fromkeys(column for _, column in splits.schema.columns()))
        return {part: fingerprint.inputs(rows, columns) for part, rows in parts.items()}


def _check_splits(recipe: Recipe, splits: Splits) -> dict[str, Any]:
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    for part, rows in parts.items():
        assert len(rows), f"recipe '{recipe.full_name}': the sample's {part} split has no rows"
        splits.schema.check(rows.column_names, f"the {part} split of '{recipe.full_name}'")
    group = splits.schema.group_id
    seen = {part: set(rows[group]) if group else set() for part, rows in parts.items()}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = seen[one] & seen[other]
        assert not shared, (
            f"recipe '{recipe.full_name}': {group} {next(iter(shared), '')!r} is in both {one} and {other}"
        )
    return parts


def sample_run_works_offline(plugin: Plugin) -> None:
    """Every recipe runs from sample to report with every network connection refused, and no hook fails on the way."""
    plugins, name, _ = opened(plugin)
    heard = _hear_faults(plugins)
    for recipe in recipes_of(plugins, name):
        with isolated(recipe) as folder:
            result = run(recipe, out=folder / "run", plugins=plugins)
            assert not heard, f"recipe '{recipe.full_name}': {heard[0]}"
            assert result.report.stat().st_size > 0, f"recipe '{recipe.full_name}' left no report"
            assert result.evaluation, f"recipe '{recipe.full_name}' left no performance metric"


def _hear_faults(plugins: Plugins) -> list[str]:
    """A list that every fault is put into from here on: a run names them in its report, and goes on."""
    heard: list[str] = []
    collect, tell = plugins.collect, plugins.tell

    def collecting(recipe: Recipe, hook: str, /, **arguments: Any) -> tuple[list[Any], list[str]]:
        answers, faults = collect(recipe, hook, **arguments)
        heard.extend(faults)
        return answers, faults

    def telling(recipe: Recipe | None, hook: str, /, **arguments: Any) -> list[str]:
        heard.extend(faults := tell(recipe, hook, **arguments))
        return faults

    plugins.collect, plugins.tell = collecting, telling  # type: ignore[method-assign]
    return heard


def deterministic_under_a_seed(plugin: Plugin) -> None:
    """Two runs with one seed, each with an empty cache, give the same test rows, predictions, metrics and audit."""
    plugins, name, _ = opened(plugin)
    for recipe in recipes_of(plugins, name):
        first, second = (_numbers(recipe, plugins) for _ in range(2))
        for artefact, (hook, content) in first.items():
            assert content == second[artefact][1], (
                f"recipe '{recipe.full_name}': {artefact} differs between two runs with seed {recipe.seed}, while what"
                f" {hook} was given is the same; draw everything from recipe.seed"
            )


def _numbers(recipe: Recipe, plugins: Plugins) -> dict[str, tuple[str, bytes | str]]:
    """What a run computed, in the order of the corridor, each with the hook that decides it."""
    with isolated(recipe) as folder:
        path = run(recipe, out=folder / "run", plugins=plugins).path
        rows = json.loads((path / "data.json").read_text("utf-8"))["test_sha256"]
        hooks = {"predictions.parquet": "finetune", "evaluation.json": "evaluate", "audit.json": "audit_bias"}
        made = {name: (hook, (path / name).read_bytes()) for name, hook in hooks.items()}
        return {"the test split": ("load_data", rows), **made}


def stored_model_scores_alike(plugin: Plugin) -> None:
    """The stored model, read again, predicts the same to the last bit, and no file of it is a pickle."""
    plugins, name, _ = opened(plugin)
    for recipe in recipes_of(plugins, name):
        where = f"recipe '{recipe.full_name}'"
        with isolated(recipe) as folder, Run(folder, recipe, "kit", walk="run", stages=writes(RUN)) as kept:
            fitted, read = (Corridor(kept, recipe, plugins, None) for _ in range(2))
            walk(RUN[: [stage.name for stage in RUN].index("predict") + 1], kept, fitted, plugins)
            for file in (kept.path / "model").rglob("*"):
                assert not _pickled(file), f"{where}: its model's save wrote {file.name}, which is a pickle"
            told, read.splits = (kept.path / "predictions.parquet").read_bytes(), fitted.splits
            predict(read)
            assert told == (kept.path / "predictions.parquet").read_bytes(), (
                f"{where}: the stored model, read again, predicts otherwise; save must write all that scores depends on"
            )


def _pickled(path: Path) -> bool:
    """Whether a file is a pickle, or an archive or array that holds one."""
    if not path.is_file():
        return False
    if zipfile.is_zipfile(path):
        return any(name.endswith(".pkl") for name in zipfile.ZipFile(path).namelist())
    head = path.read_bytes()[:1000]
    return (head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5") or (b"NUMPY" in head[:6] and b"|O" in head)


def backbones_have_cards(plugin: Plugin) -> None:
    """Every backbone says what it was pretrained on, its licence and its size; embedded weights have a sha256."""
    plugins, name, module = opened(plugin)
    brought = module.backbones() if hasattr(getattr(module, "backbones", None), "evenhand_impl") else []
    for backbone in brought:
        where = f"backbone '{backbone.name}'"
        card = backbone.card
        assert card.pretrained_on.strip(), f"{where}: its card does not say what it was pretrained on"
        assert card.licence.strip(), f"{where}: its card names no licence"
        assert card.parameters > 0, f"{where}: its card gives no number of parameters"
        if backbone.source.startswith("embedded:"):
            assert len(card.sha256) == 64, f"{where}: embedded weights need the sha256 of their file in the card"
        assert backbone.name in plugins.backbones(), (
            f"{where} is not listed: {plugins.faults.get(name, 'another plugin brought the name')}"
        )


OF_RUNS: tuple[Callable[[Plugin], None], ...] = (
    hooks_follow_the_contract,
    recipes_are_complete,
    sample_data_loads,
    sample_run_works_offline,
    deterministic_under_a_seed,
    stored_model_scores_alike,
    backbones_have_cards,
)


def opened(plugin: Plugin) -> tuple[Plugins, str, Any]:
    """(all plugins, the plugin's name, its module); a quarantined plugin fails every check but the first with its
    reason."""
    if isinstance(plugin, str):
        plugins, name = load(), plugin
    else:
        name = plugin.__name__.rsplit(".", 1)[-1]
        plugins = load({name: plugin})
        if name in plugins.faults:
            caller = inspect.stack()[1].function
            assert caller == "hooks_follow_the_contract", f"plugin '{name}' is quarantined: {plugins.faults[name]}"
        return plugins, name, plugin
    assert name not in plugins.faults, f"plugin '{name}' is quarantined: {plugins.faults.get(name)}"
    module = plugins.manager.get_plugin(name)
    assert module is not None, f"no plugin '{name}' is installed; its entry point must be in the group 'evenhand'"
    return plugins, name, module


def recipes_of(plugins: Plugins, name: str) -> list[Recipe]:
    """The recipes that the plugin of this name brings."""
    mine = [recipe for recipe in plugins.recipes().values() if recipe.domain == name]
    assert mine, f"plugin '{name}' brings no recipe; return some from recipes()"
    return mine


@contextlib.contextmanager
def isolated(recipe: Recipe) -> Iterator[Path]:
    """An empty folder, an empty cache, hubs offline, every connection refused; what fails is one sentence.

    A refused connection fails the check also where the plugin lives with the refusal. Native code is not watched.
    """
    reached: list[str] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, EVENHAND_CACHE=f"{folder}/cache", HF_HUB_OFFLINE="1"))
        _refuse_network(stack, reached)
        try:
            yield Path(folder)
        except (AssertionError, PluginFault, BadInput, OSError) as error:
            if reached or isinstance(error, AssertionError):
                _assert_offline(recipe, reached)
                raise
            raise AssertionError(f"recipe '{recipe.full_name}': {error}") from error
        _assert_offline(recipe, reached)


def _assert_offline(recipe: Recipe, reached: list[str]) -> None:
    assert not reached, f"recipe '{recipe.full_name}' reached for the network ({reached[0]}); samples must work offline"


def _refuse_network(stack: contextlib.ExitStack, reached: list[str]) -> None:
    """Until `stack` closes, nothing in Python looks up a host or connects to one; what tries is put into `reached`."""

    def refuse(address: Any) -> None:
        reached.append(str(address))
        raise OSError(errno.ENETUNREACH, "refused by evenhand.testing")

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        def ask(self: socket.socket, *arguments: Any) -> Any:
            return method(self, *arguments) if self.family == socket.AF_UNIX else refuse(arguments[-1])

        return ask

    for name in ("connect", "connect_ex", "sendto"):
        stack.enter_context(patch.object(socket.socket, name, guarded(getattr(socket.socket, name))))
    for name in ("getaddrinfo", "gethostbyname"):
        stack.enter_context(patch.object(socket, name, lambda host, *_, **__: refuse(host)))
