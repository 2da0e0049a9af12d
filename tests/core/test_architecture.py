"""Imports point one way, in the order of LAYERS; plugins use what evenhand exports, and nothing else."""

import ast
import sys
from pathlib import Path

import pytest

import evenhand

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core" / "evenhand"
PLUGINS = [
    *(ROOT / "plugins").rglob("evenhand_*/**/*.py"),
    *(ROOT / "docs").glob("*-plugin/**/*.py"),
    *(ROOT / "tests" / "plugins").glob("toy_*.py"),
]


# From the lowest to the highest: a package or module imports only those before it. Inside a package, modules form no
# circle.
LAYERS = (
    "errors",
    "json_values",
    "figures",
    "console",
    "files",
    "statistics",
    "schema",
    "sections",
    "values",
    "portable",
    "asking",
    "recipe_rules",
    "recipe_mitigation",
    "recipe_space",
    "recipe",
    "reporting",
    "showing",
    "recorded.writing",
    "recorded.words",
    "recorded.audit_files",
    "auditing.table",
    "auditing.counting",
    "auditing.metrics",
    "auditing.evidence",
    "auditing.question",
    "auditing.judging",
    "auditing.slices",
    "auditing.remedies",
    "auditing.result",
    "auditing.answering",
    "auditing.several_labels",
    "auditing.conducting",
    "auditing",
    "selecting",
    "data",
    "recorded",
    "privacy",
    "hookspecs",
    "pretrained",
    "pretraining",
    "mitigating.groups",
    "mitigating.deciding",
    "mitigating.augmenting",
    "adapting",
    "predicting",
    "extending",
    "comparing",
    "mitigating",
    "running",
    "scoring",
    "publishing",
    "living",
    "deploying",
    "testing",
    "commands",
    "__main__",
)


def imports(path):
    """(module, name) of every import in a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plugin_imports_only_what_evenhand_exports(path):
    mine = next((part for part in path.parts if part.startswith("evenhand_")), "")
    for module, name in imports(path):
        if module == "evenhand":
            assert name in evenhand.__all__
        elif module.startswith("evenhand"):
            assert module.split(".")[0] == mine, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE)))
def test_core_imports_no_plugin(path):
    assert not [module for module, _ in imports(path) if module.startswith("evenhand_")]


AUDIT_SIDE = sorted([*(CORE / "auditing").rglob("*.py"), *(CORE / "reporting").rglob("*.py")])


@pytest.mark.parametrize("path", AUDIT_SIDE, ids=lambda path: str(path.relative_to(CORE)))
def test_the_audit_side_imports_nothing_heavy(path):
    heavy = {"torch", "transformers", "pandas", "sklearn", "scipy", "datasets", "fairlearn", "timm"}
    if path.name == "randomised.py":  # only where --mitigation fairlearn asks for it
        heavy -= {"fairlearn", "sklearn"}
        assert not {"fairlearn", "sklearn"} & {
            node.module for node in ast.parse(path.read_text()).body if isinstance(node, ast.ImportFrom)
        }
    assert not [module for module, _ in imports(path) if module.split(".")[0] in heavy]


def name_of(path):
    """The module's dotted name below evenhand; a package's own is that of its folder."""
    parts = path.relative_to(CORE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in CORE.rglob("*.py") if path != CORE / "__init__.py"}


def layer_of(module):
    """The place in LAYERS of the longest entry that holds the module."""
    entries = [entry for entry in LAYERS if module == entry or module.startswith(f"{entry}.")]
    assert entries, f"{module} is in no layer; give it a place in LAYERS"
    return LAYERS.index(max(entries, key=len))


def imported_modules(path):
    """Modules of the core that a file imports, also inside functions and for the type checker alone."""
    for module, name in imports(path):
        if module == "evenhand" and name in MODULES:
            yield name
        elif module.startswith("evenhand."):
            below = module.removeprefix("evenhand.")
            yield f"{below}.{name}" if f"{below}.{name}" in MODULES else below


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_point_downwards(module):
    for imported in imported_modules(MODULES[module]):
        assert layer_of(imported) <= layer_of(module), f"{module} imports {imported}, which is above it"


def test_no_modules_import_each_other_in_a_circle():
    waiting = {module: {*imported_modules(path)} - {module} for module, path in MODULES.items()}
    while free := [module for module, needs in waiting.items() if not needs & waiting.keys()]:
        for module in free:
            del waiting[module]
    assert not waiting, f"these wait for each other: {', '.join(sorted(waiting))}"


def test_statistics_imports_numpy_alone():
    for path in (CORE / "statistics").glob("*.py"):
        for module, _ in imports(path):
            top = module.split(".")[0]
            assert top in {"numpy", *sys.stdlib_module_names} or module.startswith("evenhand.statistics"), (
                f"{path.name} imports {module}"
            )


def test_every_public_name_is_there():
    for name in evenhand.__all__:
        assert getattr(evenhand, name) is not None


def test_nothing_is_unpickled():
    words = (
        "import pickle",
        "import joblib",
        "torch.load(",
        "weights_only=False",
        "trust_remote_code=True",
        "yaml.load(",
    )
    for path in [*CORE.rglob("*.py"), *PLUGINS]:
        text = path.read_text().replace("torch.load(file, weights_only=True,", "")  # tensors alone; conversion.py
        assert not [word for word in words if word in text], path


def test_no_module_takes_the_place_of_a_public_name():
    """`import evenhand.x` would put the module where evenhand.x was."""
    import evenhand

    modules = {path.stem if path.is_file() else path.name for path in CORE.iterdir()}
    assert not set(evenhand.__all__) & modules
