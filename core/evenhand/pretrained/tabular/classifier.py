"""A classifier for tables that is not fitted but told: the rows with labels are the network's context.

    model = TabularClassifier(seed=0).fit(rows, labels)
    model.predict_proba(more_rows)        # [rows, classes], in the order of model.classes_
    model.save(folder); TabularClassifier.load(folder)

A saved classifier holds its context, hence the values of the rows it was given: treat the folder as you treat those
rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from evenhand.errors import BadInput
from evenhand.pretrained.tabular.columns import Columns, as_frame, as_labels
from evenhand.pretrained.tabular.contexts import MOST_ROWS, draw_contexts
from evenhand.pretrained.tabular.hints import describe
from evenhand.pretrained.tabular.scaling import SCALINGS, scale
from evenhand.pretrained.tabular.weights_file import EMBEDDED, load_network

ASKED = 2_000  # rows predicted at a time: memory grows with them, the answer does not depend on them
FORMAT = 1


class TabularClassifier:
    """In-context classification of mixed columns; several classes are one against the others.

    members: predictions averaged (as log-odds) per context, one for each of `scaling.SCALINGS` at most. The order of
    columns and of context rows changes nothing by the network's construction, so nothing is averaged over them. Of two
    classes the rarer is called 1, as in most tables of the prior; calling it 0 as well and averaging was measured to be
    worse.
    most_rows: of one context; more rows are dealt into several contexts, at most `most_contexts`, whose predictions are
    averaged.
    weights: folder of another network than the embedded one.
    """

    def __init__(
        self,
        members: int = len(SCALINGS),
        most_rows: int = MOST_ROWS,
        most_contexts: int = 8,
        seed: int = 0,
        weights: Path | str | None = None,
    ) -> None:
        if not 1 <= members <= len(SCALINGS):
            raise BadInput(f"members are 1 to {len(SCALINGS)}, not {members}")
        self.members, self.most_rows, self.most_contexts = members, most_rows, most_contexts
        self.seed, self.weights = seed, weights

    def fit(self, rows: Any, labels: Any) -> TabularClassifier:
        """Keep `rows` (see `columns.as_frame`) with their labels as context. Labels may be of any one sortable type."""
        frame, plain = as_frame(rows), as_labels(labels)
        if len(plain) != frame.height:
            raise BadInput(f"{frame.height} rows have {len(plain)} labels")
        if any(y is None or y != y for y in plain):
            raise BadInput("a label is missing; leave out rows without a label")
        self.classes_ = np.unique(np.asarray(plain))
        self.columns_ = Columns.fit(frame)
        self.context_ = self.columns_.matrix(frame)
        self.labels_ = np.searchsorted(self.classes_, np.asarray(plain))
        return self

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Probabilities of `classes_`, float64 [rows, classes], each row's summing to 1."""
        asked = self._asked(rows)
        if len(self.classes_) == 1:
            return np.ones((len(asked), 1))
        if len(self.classes_) == 2:
            rarer = int(2 * self.labels_.sum() <= len(self.labels_))
            chance = 1 / (1 + np.exp(-self._log_odds(asked, rarer)))
            return np.stack([1 - chance, chance] if rarer else [chance, 1 - chance], 1)
        each = np.stack([1 / (1 + np.exp(-self._log_odds(asked, k))) for k in range(len(self.classes_))], 1)
        total: np.ndarray = each / each.sum(1, keepdims=True)
        return total

    def predict(self, rows: Any) -> np.ndarray:
        """The likeliest class of each row."""
        likeliest: np.ndarray = self.classes_[self.predict_proba(rows).argmax(1)]
        return likeliest

    def features(self, rows: Any) -> np.ndarray:
        """What the network makes of each row before its answer, float32 [rows, width]: features for another model.

        They depend on the context's labels, hence on what is asked. Several classes: those of the largest class against
        the rest.
        """
        asked = self._asked(rows)
        network, _ = self._network()
        target = int(np.bincount(self.labels_).argmax()) if len(self.classes_) > 2 else len(self.classes_) - 1
        context = draw_contexts(self.labels_ == target, self.most_rows, 1, self.seed)[0]
        parts = [np.empty((0, network.shape.row), dtype=np.float32)]
        with torch.inference_mode():
            for start in range(0, len(asked), ASKED):
                told = self._inputs(context, asked[start : start + ASKED], target, SCALINGS[0])
                parts.append(network.encode(*told)[0, len(context) :].numpy())
        return np.concatenate(parts)

    def _asked(self, rows: Any) -> np.ndarray:
        if not hasattr(self, "columns_"):
            raise BadInput("this classifier has no context yet; call fit(rows, labels) first")
        return self.columns_.matrix(rows)

    def _network(self) -> Any:
        return load_network(Path(self.weights) if self.weights else EMBEDDED)

    def _log_odds(self, asked: np.ndarray, target: int) -> np.ndarray:
        """Mean log-odds of class `target` over contexts and members, float64 [rows]."""
        network, _ = self._network()
        total, count = np.zeros(len(asked)), 0
        for context in draw_contexts(self.labels_ == target, self.most_rows, self.most_contexts, self.seed):
            for how in SCALINGS[: self.members]:
                count += 1
                for start in range(0, len(asked), ASKED):
                    part = slice(start, start + ASKED)
                    with torch.inference_mode():
                        total[part] += network(*self._inputs(context, asked[part], target, how))[0].double().numpy()
        return total / count

    def _inputs(
        self, context: np.ndarray, asked: np.ndarray, target: int, how: str
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Cells, rows and labels as the network takes them, of one table."""
        values = torch.from_numpy(np.concatenate([self.context_[context], asked]))[None]
        known = torch.from_numpy(self.labels_[context] == target)[None].long()
        categorical = torch.from_numpy(self.columns_.categorical)[None]
        cells, rows = describe(values, scale(values, len(context), how), categorical, known.float())
        return cells, rows, known

    def save(self, folder: Path | str) -> None:
        """Write classifier.json and context.safetensors. The weights stay where they are, known by their sha256."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        knobs = {k: getattr(self, k) for k in ("members", "most_rows", "most_contexts", "seed")}
        told = {
            "format": FORMAT,
            **knobs,
            "weights_sha256": self._network()[1],
            "classes": self.classes_.tolist(),
            "columns": self.columns_.as_dict(),
        }
        text = json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / "classifier.json").write_text(text + "\n", encoding="utf-8")
        tensors = {"context": torch.from_numpy(self.context_), "labels": torch.from_numpy(self.labels_)}
        save_file(tensors, folder / "context.safetensors")

    @classmethod
    def load(cls, folder: Path | str, weights: Path | str | None = None) -> TabularClassifier:
        """What `save` wrote, with the network in `weights` (None: the embedded one); BadInput where it is another."""
        folder = Path(folder)
        told = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        if told.get("format") != FORMAT:
            raise BadInput(f"{folder / 'classifier.json'} has format {told.get('format')}; this version reads {FORMAT}")
        knobs = {k: told[k] for k in ("members", "most_rows", "most_contexts", "seed")}
        model = cls(**knobs, weights=weights)
        if model._network()[1] != told["weights_sha256"]:
            raise BadInput(
                f"{folder} was saved with weights of sha256 {told['weights_sha256']}, which are not here now"
            )
        tensors = load_file(folder / "context.safetensors")
        model.classes_ = np.array(told["classes"])
        model.columns_ = Columns.from_dict(told["columns"])
        model.context_, model.labels_ = tensors["context"].numpy(), tensors["labels"].numpy()
        return model
