"""Networks for tables that come with their own Python package: `package:tabicl` and `package:tabpfn`.

Their weights are fetched by the package itself, once, online; nothing of them is in evenhand. What is stored of such a
model is its context, since nothing is fitted to a table: the same package, told the same rows, says the same again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand.errors import BadInput
from evenhand.pretrained.tabular.columns import CATEGORY, Columns
from evenhand.values import Backbone, BackboneCard

MOST_ROWS = 10_000  # of context; both packages take more, at a cost that grows with its square
CONTEXT, ABOUT, TARGET = "context.parquet", "about.json", "(target)"
OWN_LICENCE = "the package's own for its weights, which may exclude commercial use: read it there"


@dataclass(frozen=True, slots=True)
class Packaged:
    """A package that brings a scikit-learn classifier which reads labelled rows as they are."""

    package: str
    classifier: str
    card: BackboneCard
    told_categories: str = ""  # the argument that says which columns are categories

    def check(self) -> None:
        """BadInput where the package is not installed."""
        if find_spec(self.package) is None:
            raise BadInput(
                f"backbone 'package:{self.package}' needs the Python package {self.package}; install it: pip install"
                f" 'evenhand[{self.package}]'"
            )


PACKAGES = {
    "tabicl": Packaged(
        "tabicl",
        "TabICLClassifier",
        BackboneCard(
            "synthetic tables (Qu et al. 2025, arXiv 2502.05564)",
            OWN_LICENCE,
            0,
            0.0,
            known_bias="whatever its authors' prior holds; see the package",
            url="https://arxiv.org/abs/2502.05564",
        ),
    ),
    "tabpfn": Packaged(
        "tabpfn",
        "TabPFNClassifier",
        BackboneCard(
            "synthetic tables; newer weights also real ones (Hollmann et al. 2025, Nature 637)",
            OWN_LICENCE,
            0,
            0.0,
            known_bias="whatever its authors' prior holds; see the package",
            url="https://arxiv.org/abs/2207.01848",
        ),
        "categorical_features_indices",
    ),
}


def packaged_backbone(name: str) -> Backbone:
    """The backbone that `package:NAME` is; BadInput for a package that is not known here."""
    if name not in PACKAGES:
        raise BadInput(f"there is no backbone 'package:{name}'; those that come as packages are {', '.join(PACKAGES)}")
    return Backbone(f"package:{name}", "table", f"package:{name}", PACKAGES[name].card)


@dataclass(slots=True)
class PackagedClassifier:
    """A package's classifier with its context, with the methods of `TabularClassifier`."""

    packaged: Packaged
    seed: int
    frame: pl.DataFrame
    targets: np.ndarray
    columns: Columns
    fitted: Any

    @classmethod
    def fit(cls, packaged: Packaged, frame: pl.DataFrame, targets: np.ndarray, seed: int) -> PackagedClassifier:
        """Tell the package the rows, at most MOST_ROWS of them; BadInput where it or its weights are not there."""
        packaged.check()
        if len(targets) > MOST_ROWS:
            rows = np.sort(np.random.default_rng(seed).permutation(len(targets))[:MOST_ROWS])
            frame, targets = frame[rows], targets[rows]
        columns = Columns.fit(frame)
        told: dict[str, Any] = {"random_state": seed}
        if packaged.told_categories:
            told[packaged.told_categories] = [i for i, f in enumerate(columns.features) if f.kind == CATEGORY]
        try:
            made = getattr(import_module(packaged.package), packaged.classifier)(**told)
            made.fit(columns.matrix(frame), targets)
        except Exception as error:  # offline, a gated licence, a version with other arguments …
            raise BadInput(
                f"{packaged.package} could not be told the rows ({type(error).__name__}: {str(error)[:200]}); its"
                " weights are fetched by the package itself: go online once, or choose another backbone"
            ) from None
        return cls(packaged, seed, frame, targets, columns, made)

    @property
    def classes_(self) -> np.ndarray:
        """The targets that the columns of `predict_proba` stand for."""
        return np.asarray(self.fitted.classes_)

    def predict_proba(self, frame: Any) -> np.ndarray:
        """Probabilities [rows, classes]."""
        return np.asarray(self.fitted.predict_proba(self.columns.matrix(frame)), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """The context and what the package was told."""
        folder.mkdir(parents=True, exist_ok=True)
        self.frame.with_columns(pl.Series(TARGET, self.targets)).write_parquet(folder / CONTEXT)
        about = {"package": self.packaged.package, "version": metadata_of(self.packaged.package), "seed": self.seed}
        (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path, packaged: Packaged) -> PackagedClassifier:
        """Tell the package the stored rows again; BadInput where another package made the model."""
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        if about["package"] != packaged.package:
            raise BadInput(f"the model was made with {about['package']}, not with {packaged.package}; run it again")
        rows = pl.read_parquet(folder / CONTEXT)
        return cls.fit(packaged, rows.drop(TARGET), rows[TARGET].to_numpy(), about["seed"])


def metadata_of(package: str) -> str:
    """The installed version; "" for a package without one."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
