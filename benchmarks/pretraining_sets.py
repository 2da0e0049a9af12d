"""Sets and weights of the benchmark of pretraining: what is read, and which networks are compared on it.

Local weights are made by `evenhand pretrain`, as a user would; nothing of them has seen a test row.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

TABLES = ("credit-taiwan", "adult-income", "heart-uci", "diabetes130", "hmda-boston")
ENCODED = ("gtsrb", "chest-xray-nih", "banking77")
SMALL_NET = "timm:mobilenetv2_035"
STEPS = {"masked": 60, "self-supervised": 150, "formula": 200}  # minutes of one core each; set more where you have more


@dataclass(frozen=True, slots=True)
class Read:
    """Rows to learn from and rows to test on, as an encoder takes them."""

    train: dict[str, list[Any]]
    test: dict[str, list[Any]]
    modality: str
    size: int = 64  # of images, in pixels
    measure: str = "accuracy"
    column: str = "input"


@dataclass(frozen=True, slots=True)
class Weights:
    """backbone: a name, or a folder of WORK; pretrain: the arguments of `evenhand pretrain` that make that folder."""

    backbone: str
    layers: str = "head"
    pretrain: tuple[str, ...] = field(default=())


def gtsrb(data: Path) -> Read:
    """43 traffic signs; every third frame of each sign's 30, since the others are nearly the same. Official test."""
    folder = data / "autonomy" / "gtsrb"
    train = pl.concat([pl.read_parquet(folder / f"train-{part}.parquet") for part in (0, 1)])
    train = train.filter(pl.col("frame") % 3 == 0)
    test = pl.read_parquet(folder / "devtest.parquet")
    return Read(
        *({"input": rows["image"].to_list(), "label": rows["class_id"].to_list()} for rows in (train, test)), "image"
    )


def chest(data: Path) -> Read:
    """Pneumonia group against no finding; four of ten patients are for the test, all their pictures with them."""
    folder = data / "healthcare" / "chest-xray-nih"
    rows = pl.read_csv(folder / "metadata.csv").with_columns(
        pl.format("{}/{}", pl.lit(str(folder)), "file_name").alias("input"),
        (pl.col("folder_class") == "Pneumonia").cast(int).alias("label"),
    )
    patients = rows["patientid"].unique().sort().to_numpy()
    tested = np.random.default_rng(0).permutation(patients)[: int(0.4 * len(patients))]
    sides = (rows.filter(~pl.col("patientid").is_in(tested)), rows.filter(pl.col("patientid").is_in(tested)))
    train, test = ({name: side[name].to_list() for name in ("input", "label")} for side in sides)
    return Read(train, test, "image", 128, "AUC")


def banking(data: Path) -> Read:
    """77 intents of customer messages. Official test."""
    sides = (pl.read_csv(data / "nlp" / "banking77" / f"{part}.csv") for part in ("train", "test"))
    train, test = ({"input": side["text"].to_list(), "label": side["category"].to_list()} for side in sides)
    return Read(train, test, "text")


READ = {"gtsrb": gtsrb, "chest-xray-nih": chest, "banking77": banking}


def pretraining(kind: str, steps: int, *more: str) -> tuple[str, ...]:
    """The settings of a short pretraining at low cost."""
    chosen = (f"pretrain.kind={kind}", f"pretrain.steps={steps}", "pretrain.threads=1", *more)
    return tuple(f"--set={setting}" for setting in chosen)


def weights_of(name: str, work: Path) -> dict[str, Weights]:
    """What is compared on a set, by how the table calls it."""
    if name == "banking77":
        texts = str(work / "banking77.txt")
        masked = pretraining("masked", STEPS["masked"], "pretrain.batch_size=32", "pretrain.max_length=48")
        return {
            "random: MiniLM-L6": Weights("random-minilm"),
            "embedded: all-minilm-l6-v2": Weights("all-minilm-l6-v2"),
            "local: masked tokens of the training messages, from the embedded": Weights(
                "masked-banking77", pretrain=("all-minilm-l6-v2", "--data", texts, *masked)
            ),
        }
    size = {"gtsrb": 64, "chest-xray-nih": 128}[name]
    small = ("pretrain.batch_size=64", f"pretrain.image_size={size}")
    own = pretraining("self-supervised", STEPS["self-supervised"], *small)
    formulas = pretraining(
        "formula", STEPS["formula"], "pretrain.batch_size=64", "pretrain.image_size=64", "pretrain.learning_rate=3e-3"
    )
    return {
        "random: MobileNetV2 ×0.35": Weights(SMALL_NET),
        "random: EfficientNet-lite0": Weights("timm:tf_efficientnet_lite0"),
        "embedded: efficientnet-lite0": Weights("efficientnet-lite0"),
        "embedded: efficientnet-lite0, layer blocks.5": Weights("efficientnet-lite0", "blocks.5"),
        "local: MobileNetV2 ×0.35, formulas": Weights("formulas", pretrain=(SMALL_NET, *formulas)),
        "local: MobileNetV2 ×0.35, own pictures without labels": Weights(
            f"own-{name}", pretrain=(SMALL_NET, "--data", str(work / f"{name}-pictures"), *own)
        ),
    }


def prepare(name: str, data: Path, work: Path) -> None:
    """Write what the pretrainings of a set read: training rows alone, without their labels; and random weights."""
    read = READ[name](data)
    if name == "banking77":
        (work / "banking77.txt").write_text("\n".join(text.replace("\n", " ") for text in read.train["input"]) + "\n")
        random_minilm(work / "random-minilm")
        return
    folder = work / f"{name}-pictures"
    folder.mkdir(exist_ok=True)
    for place, stored in enumerate(read.train["input"]):
        file = folder / f"{place}.jpg"
        if not file.exists():
            file.write_bytes(stored["bytes"]) if isinstance(stored, dict) else shutil.copyfile(stored, file)


def random_minilm(folder: Path) -> None:
    """The embedded text network with the weights that it had before anything was learnt."""
    import torch
    from transformers import AutoConfig, AutoModel

    from evenhand.extending.discovering import load
    from evenhand.pretrained.folders import measured, write_card
    from evenhand.pretrained.locate import locate

    if (folder / "card.json").exists():
        return
    start = locate(load().backbone("all-minilm-l6-v2"))
    shutil.copytree(start, folder, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
    torch.manual_seed(0)
    AutoModel.from_config(AutoConfig.from_pretrained(start)).save_pretrained(folder)
    write_card(folder, "random-minilm", measured(folder, "nothing", "Apache-2.0", ""), "benchmarks/pretraining.py")


def ridge(features: np.ndarray, targets: np.ndarray, held: np.ndarray, classes: int) -> Any:
    """A linear head by least squares on one-hot targets, its penalty chosen on the rows `held`, then fitted on all.

    Logistic regression, which the strategy `probe` fits, costs fifty times as much at these sizes.
    """
    fit, choose = np.flatnonzero(~held), np.flatnonzero(held)
    wanted = np.eye(classes)[targets]

    def head(rows: np.ndarray, penalties: Sequence[float]) -> list[tuple[np.ndarray, np.ndarray]]:
        centre, mean = features[rows].mean(0), wanted[rows].mean(0)
        x = (features[rows] - centre).astype(np.float64)
        x /= (spread := np.sqrt((x**2).mean()) or 1.0)
        y, tall = wanted[rows] - mean, len(x) > x.shape[1]
        values, turn = np.linalg.eigh(x.T @ x if tall else x @ x.T)  # the smaller of the two squares
        shown = turn.T @ (x.T @ y if tall else y)
        found = []
        for penalty in penalties:
            solved = turn @ (shown / (np.maximum(values, 0) + penalty)[:, None])
            weight = (solved if tall else x.T @ solved) / spread
            found.append((weight, mean - centre @ weight))
        return found

    grid = [10.0**power for power in np.arange(-1, 5.5, 0.5)]
    errors = [np.square(features[choose] @ w + b - wanted[choose]).mean() for w, b in head(fit, grid)]
    return head(np.arange(len(features)), [grid[int(np.argmin(errors))]])[0]
