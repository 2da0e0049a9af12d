"""Finds plugins by entry point, checks each, and quarantines a broken one with its reason."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

import pluggy

from evenhand import hookspecs
from evenhand.errors import BadInput, PluginFault, did_you_mean
from evenhand.extending.apart import SECONDS, apart
from evenhand.extending.claims import CORE, GIVEN, Claim, Rank, claims, package_of
from evenhand.pretrained.folders import unlisted
from evenhand.recipe import Recipe
from evenhand.sections import Section
from evenhand.values import Backbone, Metric

GROUP = "evenhand"
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}


class Plugins:
    """The registered plugins of one process, and the faults of those that are not.

    `faults`: plugin name -> why it is quarantined; the distribution's name where another has the plugin's.
    The core's own defaults are registered as "core".
    """

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self.faults: dict[str, str] = {}
        self._about: dict[str, str] = {}
        self._rank: dict[str, Rank] = {}
        self._recipes: dict[str, tuple[Recipe, str]] = {}
        self._backbones: dict[str, tuple[Backbone, str]] = {}
        self._silenced: set[tuple[str, str]] = set()  # (plugin, hook) that are not told again

    def add(self, name: str, plugin: Any, about: str = "", rank: Rank = GIVEN) -> None:
        """Register `plugin` (a module or object with hooks) as `name`; a broken one goes to `faults`.

        A name that is taken stays with its plugin. `rank` decides who keeps a backbone that two bring.
        """
        if self.manager.has_plugin(name):
            self.faults[name] = f"another plugin is already called '{name}'; rename this one"
            return
        self._about[name], self._rank[name] = about, rank
        with self._quarantine(name):
            if callable(plugin) and not hasattr(plugin, "__path__"):
                with apart("making it", SECONDS):
                    plugin = plugin()
            self._register(name, plugin)
            self._take_recipes(name, plugin)
            self._take_backbones(name, plugin)

    def add_installed(self, installed: Sequence[Claim]) -> None:
        """Register what entry points name, the eldest claim to each name; the others are not even imported."""
        holders = dict(self.names())
        names = {*holders, *(claim.point.name for claim in installed)}
        for claim in installed:
            name = claim.point.name
            if name in holders:
                loser = claim.distribution if claim.distribution not in names else claim.about
                self._refuse(loser or claim.point.value, claim.about, name, holders[name])
                continue
            holders[name] = claim.about
            with self._quarantine(name):
                self._about[name] = claim.about
                with apart("importing it", SECONDS):
                    plugin = claim.point.load()
                self.add(name, plugin, claim.about, claim.rank)

    def _refuse(self, loser: str, about: str, name: str, holder: str) -> None:
        why = (
            f"its entry point is called '{name}', which is that of {holder or 'another plugin'}; rename or uninstall it"
        )
        self._about[loser] = about
        self.faults[loser] = f"{self.faults[loser]}; {why}" if loser in self.faults else why

    def _register(self, name: str, plugin: Any) -> None:
        for hook in _hooks_of(plugin):
            if not hasattr(hookspecs, hook):
                raise PluginFault(f"implements no hook of evenhand: '{hook}'.{did_you_mean(hook, _hook_names())}")
        try:
            self.manager.register(plugin, name)
        except (pluggy.PluginValidationError, ValueError) as error:
            raise PluginFault(str(error).splitlines()[-1]) from None

    def _take_recipes(self, name: str, plugin: Any) -> None:
        brought = self._call(name, plugin, "recipes")
        for recipe in brought:
            if not isinstance(recipe, Recipe):
                raise PluginFault(f"recipes() must return a list of Recipe, not {type(recipe).__name__}")
            if recipe.domain != name:
                raise PluginFault(f"recipe '{recipe.full_name}' is not of this plugin's domain '{name}'")
            if recipe.full_name in self._recipes:
                raise PluginFault(f"recipe '{recipe.full_name}' is brought twice")
        self._recipes.update({recipe.full_name: (recipe, name) for recipe in brought})

    def _take_backbones(self, name: str, plugin: Any) -> None:
        brought = self._call(name, plugin, "backbones")
        for backbone in brought:
            if not isinstance(backbone, Backbone):
                raise PluginFault(f"backbones() must return a list of Backbone, not {type(backbone).__name__}")
            holder = self._backbones.get(backbone.name, (None, name))[1]
            if holder != name and self._rank[holder] <= self._rank[name]:
                raise PluginFault(f"backbone '{backbone.name}' was already brought by plugin '{holder}'; rename it")
        for backbone in brought:
            if backbone.name in self._backbones:
                holder = self._backbones[backbone.name][1]
                self.quarantine(holder, f"backbone '{backbone.name}' is that of plugin '{name}'; rename it")
        self._backbones.update({backbone.name: (backbone, name) for backbone in brought})

    def _call(self, name: str, plugin: Any, hook: str) -> list[Any]:
        """What one plugin answers to a hook without arguments."""
        with apart(f"{hook}()", SECONDS):
            answer = getattr(plugin, hook)() if hook in _hooks_of(plugin) else []
        if not isinstance(answer, (list, tuple)):
            raise PluginFault(f"{hook}() of plugin '{name}' must return a list, not {type(answer).__name__}")
        return list(answer)

    @contextlib.contextmanager
    def _quarantine(self, name: str) -> Iterator[None]:
        """Whatever a plugin does, also sys.exit, becomes a fault with its reason; nothing of it stays."""
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self.quarantine(name, reason_of(error))

    def quarantine(self, name: str, reason: str) -> None:
        """Take the plugin out of every later call."""
        self.faults.setdefault(name, reason)
        if self.manager.has_plugin(name):
            self.manager.unregister(name=name)
        for brought in (self._recipes, self._backbones):
            for key in [key for key, (_, owner) in brought.items() if owner == name]:
                del brought[key]

    def names(self) -> list[tuple[str, str]]:
        """(name, distribution and version) of every plugin that works, the core first."""
        return [(name, self.about(name)) for name, _ in self.manager.list_name_plugin()]

    def about(self, name: str) -> str:
        """The distribution and version that a plugin, working or quarantined, is from; "" where that is not known."""
        return self._about.get(name, "")

    def recipes(self) -> dict[str, Recipe]:
        """Every recipe by its full name."""
        return {name: recipe for name, (recipe, _) in sorted(self._recipes.items())}

    def backbones(self) -> dict[str, Backbone]:
        """Every backbone by its name."""
        return {name: backbone for name, (backbone, _) in sorted(self._backbones.items())}

    def recipe(self, name: str) -> Recipe:
        """The recipe called `name`, or BadInput with the nearest name, or with the fault of its plugin."""
        if name in self._recipes:
            return self._recipes[name][0]
        self._refuse_quarantined("recipe", name)
        known = list(self._recipes)
        there = f" `evenhand recipes` lists the {len(known)} there are."
        advice = did_you_mean(name, known) or (there if known else " Install a domain plugin, such as evenhand-nlp.")
        raise BadInput(f"there is no recipe '{name}'.{advice}")

    def _refuse_quarantined(self, what: str, name: str) -> None:
        domain = name.split("/")[0]
        if domain in self.faults:
            why = f"plugin '{domain}' is quarantined: {self.faults[domain]}"
            raise BadInput(f"{what} '{name}' is not available: {why}")

    def backbone(self, name: str) -> Backbone:
        """The backbone called `name`, or that `local:…`, `timm:…` or `package:…` is; BadInput with the nearest name."""
        if found := unlisted(name):
            return found
        if name not in self._backbones:
            self._refuse_quarantined("backbone", name)
            raise BadInput(
                f"there is no backbone '{name}'.{did_you_mean(name, self._backbones)} `evenhand backbones` lists them"
            )
        return self._backbones[name][0]

    def backbone_owner(self, name: str) -> str:
        """The plugin that brought the backbone; "core" for one that is a folder or has random weights."""
        return self._backbones[name][1] if name in self._backbones else "core"

    def owner(self, recipe: Recipe | None) -> str:
        """The plugin that brought the recipe: "core" for one that was built in Python, and where there is none."""
        if recipe is None:
            return "core"
        return self._recipes.get(recipe.full_name, (recipe, "core"))[1]

    def package(self, recipe: Recipe) -> str:
        """The package of the plugin that owns the recipe."""
        plugin = self.manager.get_plugin(self.owner(recipe))
        return package_of(plugin if isinstance(plugin, ModuleType) else sys.modules[type(plugin).__module__])

    def _foreign(self, mine: str) -> list[Any]:
        """Plugins that bring recipes of other domains than `mine`: they take no part in this run."""
        owners = {owner for _, owner in self._recipes.values()} - {mine}
        return [self.manager.get_plugin(name) for name in owners]

    def first(self, recipe: Recipe, hook: str, /, **arguments: Any) -> Any:
        """The first answer that is not None; the owner's exceptions become PluginFault (BadInput passes)."""
        answer = self.first_or_none(recipe, hook, **arguments)
        if answer is None:
            raise PluginFault(f"no plugin answered {hook} for recipe '{recipe.full_name}'")
        return answer

    def first_or_none(self, recipe: Recipe, hook: str, /, **arguments: Any) -> Any:
        """The same, or None where no plugin answers."""
        return self.first_of(self.owner(recipe), hook, **arguments)

    def first_of(self, owner: str, hook: str, /, **arguments: Any) -> Any:
        """The first answer of the plugin `owner`, of plugins without recipes or of the core; None where none is."""
        caller = self.manager.subset_hook_caller(hook, self._foreign(owner))
        for implementation in reversed(caller.get_hookimpls()):
            answer = _ask(implementation, hook, arguments)
            if answer is not None:
                return answer
        return None

    def collect(self, recipe: Recipe, hook: str, /, **arguments: Any) -> tuple[list[Any], list[str]]:
        """(every answer, core's first; one sentence for each plugin that raised). Raisers lose their answer only."""
        caller = self.manager.subset_hook_caller(hook, self._foreign(self.owner(recipe)))
        answers: list[Any] = []
        faults: list[str] = []
        for implementation in caller.get_hookimpls():
            try:
                answer = _ask(implementation, hook, arguments)
                _check_answer(implementation.plugin_name, hook, answer)
                answers.extend(answer or [])
            except PluginFault as error:
                faults.append(str(error))
        return answers, faults

    def tell(self, recipe: Recipe | None, hook: str, /, **arguments: Any) -> list[str]:
        """Tell every plugin; one that raises is quarantined. Returns a sentence for each of those.

        The recipe's owner is only not told again: without its other hooks the core's would answer in its place.
        """
        caller = self.manager.subset_hook_caller(hook, self._foreign(self.owner(recipe)))
        faults = []
        for implementation in caller.get_hookimpls():
            name = implementation.plugin_name
            if (name, hook) in self._silenced:
                continue
            try:
                _ask(implementation, hook, arguments)
            except (
                PluginFault,
                BadInput,
                OSError,
            ) as error:  # also a full disk of the tracker's: the run does not need it
                faults.append(reason_of(error))
                self._silenced.add((name, hook))
                if name != self.owner(recipe):
                    self.quarantine(name, reason_of(error))
        return faults


def load(extra: Mapping[str, Any] | None = None) -> Plugins:
    """The core's defaults, every installed plugin, and `extra` (name -> module or object)."""
    from evenhand import __version__
    from evenhand.extending import defaults

    found = Plugins()
    found.add("core", defaults, f"evenhand {__version__}", CORE)
    found.add_installed(claims(entry_points(group=GROUP)))
    for name, plugin in (extra or {}).items():
        found.add(name, plugin, "given in Python")
    return found


def reason_of(error: BaseException) -> str:
    """One line that says what a plugin did: the fault's own words, or the exception's type and message."""
    if isinstance(error, (PluginFault, BadInput)):
        return str(error)
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _ask(implementation: Any, hook: str, arguments: Mapping[str, Any]) -> Any:
    """Call one implementation with the parameters it names; what it raises becomes PluginFault."""
    function: Callable[..., Any] = implementation.function
    try:
        with apart(f"plugin '{implementation.plugin_name}' failed in {hook}: it"):
            return function(**{name: arguments[name] for name in implementation.argnames})
    except (KeyboardInterrupt, BadInput, PluginFault, MemoryError):
        raise
    except OSError as error:
        if error.filename is not None or error.errno in DISK:
            raise  # a full disk or a missing file is the user's to mend, not the plugin's fault
        raise PluginFault(f"plugin '{implementation.plugin_name}' failed in {hook}: {reason_of(error)}") from error
    except BaseException as error:
        raise PluginFault(f"plugin '{implementation.plugin_name}' failed in {hook}: {reason_of(error)}") from error


def _check_answer(name: str, hook: str, answer: Any) -> None:
    """PluginFault where a collected hook returned anything else than None or a list of what the contract asks."""
    if answer is None:
        return
    if not isinstance(answer, list | tuple):
        raise PluginFault(f"plugin '{name}': {hook} must return a list, not {type(answer).__name__}")
    promised: dict[str, tuple[type, ...]] = {"evaluate": (Metric,), "report_sections": (Section,)}
    if hook == "audit_bias":
        from evenhand.auditing import Estimate, GroupMetric

        promised["audit_bias"] = (GroupMetric, Estimate)
    for item in answer:
        if not isinstance(item, promised.get(hook, (object,))):
            wanted = " or ".join(kind.__name__ for kind in promised[hook])
            raise PluginFault(f"plugin '{name}': {hook} must return a list of {wanted}, not of {type(item).__name__}")


def _hook_names() -> list[str]:
    return [name for name in vars(hookspecs) if hasattr(getattr(hookspecs, name), "evenhand_spec")]


def _hooks_of(plugin: Any) -> list[str]:
    """Names of the functions that a plugin marked with @hookimpl."""
    return [name for name in dir(plugin) if hasattr(getattr(plugin, name, None), "evenhand_impl")]
