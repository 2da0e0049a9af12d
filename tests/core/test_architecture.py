"""Dependencies point one way: cli → pipeline → stages → values; plugins use what evenhand exports, and nothing else."""

import ast
from pathlib import Path

import pytest

import evenhand

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "core" / "evenhand"
PLUGINS = [
    *(ROOT / "plugins").rglob("evenhand_*/*.py"),
    *(ROOT / "docs").rglob("*.py"),
    *(ROOT / "tests" / "plugins").glob("toy_*.py"),
]


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


@pytest.mark.parametrize(
    "path",
    [p for p in CORE.rglob("*.py") if p.name not in ("cli.py", "cli_audit.py", "__main__.py")],
    ids=lambda p: str(p.relative_to(CORE)),
)
def test_nothing_imports_the_command_line(path):
    assert not [module for module, _ in imports(path) if module in ("evenhand.cli", "evenhand.cli_audit")]


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
        text = path.read_text()
        assert not [word for word in words if word in text], path


def test_no_module_takes_the_place_of_a_public_name():
    """`import evenhand.x` would put the module where evenhand.x was."""
    import evenhand

    modules = {path.stem if path.is_file() else path.name for path in CORE.iterdir()}
    assert not set(evenhand.__all__) & modules
