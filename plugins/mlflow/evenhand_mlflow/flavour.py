"""A finished run's model as an MLflow model folder: MLflow's pyfunc, whose loader is evenhand's. Nothing is pickled."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LOADER, RUN = "evenhand_mlflow.model", "run"
PARTS = ("recipe.toml", "manifest.json", "data.json", "model")  # what evenhand.load reads
ALWAYS = ("evenhand", "evenhand-mlflow", "mlflow-skinny", "pandas")
TYPES = {"bool": "boolean", "int": "double", "uint": "double", "float": "double", "double": "double"}


def holds_rows(path: Path) -> str | None:
    """What in a run's model holds rows that it was trained on, as its model.json says; None where nothing does."""
    try:
        about = json.loads((path / "model" / "model.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    kept = [about.get("model"), *(about.get("baselines") or {}).values()]
    return next((str(one["holds_rows"]) for one in kept if isinstance(one, dict) and "holds_rows" in one), None)


@contextmanager
def model_folder(run: Any, run_id: str) -> Iterator[Path]:
    """A folder that `mlflow models serve` takes and mlflow.pyfunc.load_model reads; it goes when the block ends."""
    from mlflow.models import Model

    with tempfile.TemporaryDirectory(prefix="evenhand-mlflow-") as place:
        folder = Path(place) / "model"
        (folder / RUN).mkdir(parents=True)
        for name in PARTS:
            _copy(run.path / name, folder / RUN / name)
        schema = run.recipe.schema
        types = json.loads((run.path / "data.json").read_text("utf-8")).get("types", {})
        model = Model(artifact_path="model", run_id=run_id, signature=_signature(schema.input, types, run.recipe))
        model.add_flavor(
            "python_function",
            loader_module=LOADER,
            data=RUN,
            env={"virtualenv": "python_env.yaml"},
            python_version=_python(),
        )
        model.add_flavor("evenhand", version=version("evenhand"), recipe=run.recipe.full_name, identity=run.identity)
        _example(model, schema.input, types, run.recipe, folder)
        _requirements(run, folder)
        model.save(str(folder / "MLmodel"))
        yield folder


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copyfile(source, target, follow_symlinks=False)


def _python() -> str:
    import platform

    return platform.python_version()


def _kind(name: str, types: dict[str, str], recipe: Any) -> str:
    """MLflow's type of an input. Numbers are double: a whole one may be missing."""
    if recipe.modality == "text":
        return "string"
    found = types.get(name, "")
    return next((kind for start, kind in TYPES.items() if found.startswith(start)), "string")


def _signature(inputs: Any, types: dict[str, str], recipe: Any) -> Any:
    """Inputs by name and type; an image's is the text of its path, where evenhand.load reads it."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    names = [inputs] if isinstance(inputs, str) else list(inputs)
    # `required` is not asked: evenhand says itself which column is missing, and a missing value is one that it knows
    columns = [ColSpec(_kind(name, types, recipe), name, required=False) for name in names]
    return ModelSignature(Schema(columns))


def _example(model: Any, inputs: Any, types: dict[str, str], recipe: Any, folder: Path) -> None:
    """An input example that is nobody's row: one of each type, as MLflow's own JSON."""
    names = [inputs] if isinstance(inputs, str) else list(inputs)
    made = {"double": 1.0, "boolean": True, "string": "a text"}
    row = [made[_kind(name, types, recipe)] for name in names]
    (folder / "input_example.json").write_text(json.dumps({"columns": names, "data": [row]}), "utf-8")
    served = {"dataframe_split": {"columns": names, "data": [row]}}
    (folder / "serving_input_example.json").write_text(json.dumps(served), "utf-8")
    model.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "pandas_orient": "split",
        "serving_input_path": "serving_input_example.json",
        "type": "dataframe",
    }


def _requirements(run: Any, folder: Path) -> None:
    """requirements.txt with the versions that made the model, and the Python beside it."""
    named = dict.fromkeys([*ALWAYS, *run.manifest.get("versions", {}), *_distribution(run)])
    lines = sorted(line for name in named if (line := _pinned(name)))
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    python_env = f"python: {_python()}\nbuild_dependencies: [pip]\ndependencies: [-r requirements.txt]\n"
    (folder / "python_env.yaml").write_text(python_env, "utf-8")


def _distribution(run: Any) -> list[str]:
    """The distribution of the recipe's plugin, without which its model cannot be read."""
    about = dict(run.manifest.get("plugins", {})) if isinstance(run.manifest.get("plugins"), dict) else {}
    return [text.split(" ")[0] for name, text in about.items() if name == run.recipe.domain and text]


def _pinned(name: str) -> str:
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return ""
