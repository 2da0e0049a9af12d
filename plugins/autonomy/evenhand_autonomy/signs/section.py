"""The sign recipe's part of the report: the settings in one table, simulated beside real pictures, and the errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import BadInput, Picture, Section
from evenhand_autonomy.signs.intervals import clustered_share
from evenhand_autonomy.signs.model import SEEN
from evenhand_autonomy.signs.pictures import decoded, stored
from evenhand_autonomy.signs.sheets import PER_ROW, gallery, names_of
from evenhand_autonomy.signs.slices import RULES
from evenhand_autonomy.simulator.classes import NAMES

SHOWN = 24  # pictures in the error gallery


def sections(run: Any) -> list[Section]:
    """Settings, pictures, errors, and how the slices were made."""
    import polars as pl

    facts = run.manifest["stages"]["predict"]
    table = pl.read_parquet(run.path / "predictions.parquet")
    return [_settings(run, facts, table), *_pictures(run), *_errors(run, facts, table), _slices()]


def _settings(run: Any, facts: dict[str, Any], table: Any) -> Section:
    """Accuracy of every setting on the same test rows, with intervals that know of tracks."""
    kept = run.manifest["stages"]["finetune"]["strategy"]
    told = facts["facts"]
    columns = {**told["baselines"], kept: told["prediction"]}
    cluster = facts["schema"]["group_id"]
    truth = table[told["label"]].to_numpy()
    signs = table[cluster].to_list() if cluster else list(range(table.height))
    rows = []
    for name, column in sorted(columns.items(), key=_turn):
        share, lower, upper = clustered_share(table[column].to_numpy() == truth, signs)
        rows.append((name, f"{share:.2%}", f"{lower:.2%} to {upper:.2%}"))
    clusters = (
        f"They show {len(set(signs))} physical signs; photographs of one are one cluster of the intervals."
        if cluster and len(set(signs)) < table.height
        else "The data does not tell which test pictures show the same physical sign, so each counts as its own, and"
        " the true intervals are wider."
    )
    text = (
        f"Three settings, always together, on the same {table.height:,} test pictures: what simulation alone teaches,"
        " what real pictures add without labels, and what labels add. The labels of test pictures were never used."
        f" {clusters}"
    )
    return Section("From simulation to the road", text, ("setting", "accuracy", "95 % interval"), tuple(rows))


def _turn(item: tuple[str, str]) -> tuple[int, int]:
    """Simulation, no label, one label, more, all: a manifest that was read again has its names by the alphabet."""
    first = item[0].split()[0]
    return {"simulation": 0, "no": 1, "all": 3}.get(first, 2), int(first) if first.isdigit() else 0


def _pictures(run: Any) -> list[Section]:
    """The sheet that the model was stored with."""
    file = Path(run.path) / "model" / "model" / SEEN
    if not file.is_file():
        return []
    classes = json.loads((file.parent / "sign-model.json").read_text("utf-8")).get("seen") or []
    named = f" From above: {names_of(classes)}." if classes else ""
    says = "rows of one class each: four simulated signs on the left, up to four training pictures on the right"
    return [
        Section(
            "Simulated beside real",
            "Each row is one class. Left half: drawn and photographed by the plugin's simulator. Right half: pictures"
            f" of the training data. Where they differ in kind, so will what the model has learnt.{named}",
            pictures=(Picture(file.read_bytes(), says),),
        )
    ]


def _errors(run: Any, facts: dict[str, Any], table: Any) -> list[Section]:
    """Test pictures that the kept model names wrongly, where the data can still be read."""
    told = facts["facts"]
    wrong = np.flatnonzero((table[told["prediction"]] != table[told["label"]]).to_numpy())
    if not len(wrong):
        return [Section("Errors", f"All {table.height} test pictures were named right.")]
    from evenhand_autonomy.signs.data import load

    inputs = run.manifest["inputs"]
    source = None if inputs["source"] == "the recipe's sample" else inputs["source"]
    try:
        splits = load(run.recipe, source)
    except (BadInput, OSError):
        return []  # the data is no longer where it was; the rest of the report stands
    if splits.fingerprint != inputs["sha256"]:
        return []
    rows = splits.test
    chosen = wrong[np.unique(np.linspace(0, len(wrong) - 1, min(SHOWN, len(wrong))).round().astype(int))]
    values = stored(rows.select(chosen), run.recipe.schema.input[0])
    tiles = [decoded(value, f"row {index}") for value, index in zip(values, chosen, strict=True)]
    named = []
    for place, index in enumerate(chosen):
        truth, said = table[told["label"]][int(index)], table[told["prediction"]][int(index)]
        named.append((place + 1, NAMES[int(truth)], NAMES[int(said)]))
    says = (
        f"{len(chosen)} of {len(wrong)} wrongly named test pictures, numbered, {PER_ROW} in a row; the table names them"
    )
    return [
        Section(
            "Errors",
            f"{len(chosen)} of the {len(wrong)} test pictures that the kept model names wrongly, evenly drawn. Each is"
            " shown as it is and, on its right, with its contrast stretched, which the model has not seen.",
            ("number", "is", "was named"),
            tuple(named),
            pictures=(Picture(gallery(tiles), says),),
        )
    ]


def _slices() -> Section:
    return Section(
        "How the slices were made",
        "Computed slices are properties of a picture: brightness stands in for the hour, contrast for fog and glare,"
        " sharpness for speed and focus, size for distance. Weather, time of day and road type are audited only where"
        " the data tells them; from pixels they cannot be known.",
        ("slice", "rule"),
        RULES,
    )
