"""An imaging domain, whole: a generated image folder with site and sex columns, a small random timm network.

Everything but the images is the core's: its reader, its probe, its audit. Planted: site B's camera is noisy.
"""

import csv
import random
from pathlib import Path

from evenhand import Backbone, BackboneCard, Recipe, hookimpl, read_splits

RECIPE = """
name = "spots"
domain = "toy_images"
title = "Bright spots"
task = "binary"
modality = "image"
backbone = "toy-random"
schema = { input = "filename", label = "spot", positive = "yes", sensitive = ["site", "sex"], group_id = "patient" }
finetune = { strategy = "probe", image_size = 32 }
"""


@hookimpl
def recipes():
    return [Recipe.from_toml(RECIPE, "toy_images")]


@hookimpl
def backbones():
    card = BackboneCard(
        pretrained_on="nothing: random weights", licence="Apache-2.0", parameters=4_900_000, size_mb=0.0
    )
    return [Backbone("toy-random", "image", "timm:resnet10t", card)]


@hookimpl
def load_data(recipe, source):
    if source is not None:
        return None
    from evenhand import cache_folder

    return read_splits(recipe, photograph(cache_folder() / "toy-images", recipe.seed))


def photograph(folder: Path, seed: int, images: int = 160) -> Path:
    """Write `images` small pictures and metadata.csv into `folder`, the same ones for the same seed."""
    import numpy as np
    from PIL import Image

    rng, noise = random.Random(seed), np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    with (folder / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("filename", "spot", "site", "sex", "patient"))
        for number in range(images):
            site, spot = rng.choice("AB"), rng.random() < 0.5
            pixels = noise.normal(90, 110 if site == "B" else 10, (32, 32, 3))
            if spot:
                pixels[8:16, 8:16] += 60
            Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(folder / "images" / f"{number}.png")
            writer.writerow((f"{number}.png", "yes" if spot else "no", site, rng.choice("fm"), number // 2))
    return folder
