"""What MLflow calls to read a model that this plugin logged: MLmodel names this module."""

from typing import Any

from evenhand import load


class Model:
    """A finished run's model in MLflow's words. path: the copy of the run's folder."""

    def __init__(self, path: str) -> None:
        self.scorer = load(path)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """A pandas frame, a row each: prediction and score, beside the columns that have a role in the recipe."""
        import pandas as pd

        del params
        frame = model_input if hasattr(model_input, "columns") else pd.DataFrame(model_input)
        return self.scorer.table(frame)


def _load_pyfunc(path: str) -> Model:
    """MLflow's name for reading a model."""
    return Model(path)
