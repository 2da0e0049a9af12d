"""One film under two patients: found by what it looks like, since files are written anew and ids are mistyped.

dHash (Krawetz 2013): a film is shrunk to 16 x 17 grey cells, and each bit says whether a cell is brighter than its left
neighbour. Two films whose 256 bits differ in at most ALIKE are taken for one. Of 1,000 films of ChestX-ray14, no two of
different patients differ in fewer than 18; films that were shrunk by a third, brightened and saved as poor JPEG differ
from themselves in 9 (the median). So what is found is nearly sure, and what is not found may still be there.

options.copies   say (as the recipe has it), drop (rows to learn from or choose by go where another patient's film of
                 the same looks is tested on), or off
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from evenhand import BadInput, Recipe, Schema, Splits, pictures

CELLS = 16
ALIKE = 14  # of 256 bits
AT_ONCE = 2_000  # films that are compared with all others at a time
ANSWERS = ("say", "drop", "off")


def looked_for(recipe: Recipe, splits: Splits) -> Splits:
    """The splits with a note on films that stand under two patients, without them where the options say so."""
    said = recipe.options.get("copies", "say")
    if said not in ANSWERS:
        raise BadInput(f"options.copies is {said!r}; say {', '.join(ANSWERS[:-1])} or {ANSWERS[-1]}")
    patient = splits.schema.group_id
    if said == "off" or patient is None:
        return splits
    parts = [splits.train, splits.validation, splits.test]
    who = np.concatenate([np.array([str(value) for value in part[patient]]) for part in parts])
    side = np.repeat([0, 1, 2], [len(part) for part in parts])
    pairs = same(np.concatenate([hashes(part, splits.schema) for part in parts]), who)
    if not len(pairs):
        return splits
    if len(pairs) > len(who):
        alike = (
            f"films are too much alike to look for copies among them: {len(pairs):,} pairs of different patients are"
        )
        return replace(splits, notes=(*splits.notes, alike))
    across = pairs[(side[pairs] == 2).sum(axis=1) == 1]
    notes = [
        f"films that look the same and stand under two patients: {len(pairs):,} pairs, {len(across):,} of them with one"
        " film to learn from or choose by and one to test on; they make the test easier than new patients would"
    ]
    if said == "drop" and len(across):
        gone = {int(row) for row in across.ravel() if side[row] < 2}
        starts = (0, len(parts[0]))
        kept = [
            part.select([row for row in range(len(part)) if start + row not in gone])
            for part, start in zip(parts, starts, strict=False)
        ]
        if not all(len(part) for part in kept):
            raise BadInput(f"every film of {splits.source} to learn from or choose by is also among the test's")
        splits = replace(splits, train=kept[0], validation=kept[1])
        notes.append(f"left out, as their film is tested on under another patient: {len(gone):,} rows")
    return replace(splits, notes=(*splits.notes, *notes))


def hashes(rows: Any, schema: Schema) -> np.ndarray:
    """Bool [rows, CELLS * CELLS]."""
    if not len(rows):
        return np.empty((0, CELLS * CELLS), dtype=bool)
    return np.stack([dhash(picture) for picture in pictures(rows, schema)])


def dhash(picture: Any) -> np.ndarray:
    """Whether each cell is brighter than its left neighbour: bool [CELLS * CELLS]."""
    from PIL import Image

    grey = picture.convert("L").resize((CELLS + 1, CELLS), Image.Resampling.BOX)
    cells = np.asarray(grey, dtype=np.int16)
    return np.asarray(cells[:, 1:] > cells[:, :-1]).reshape(-1)


def same(bits: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Pairs of rows [pairs, 2] of different patients whose bits are alike; films without any contrast are left out."""
    seen = np.flatnonzero(bits.any(axis=1))
    on = bits[seen].astype(np.float32)
    counts = on.sum(axis=1)
    found = []
    for start in range(0, len(seen), AT_ONCE):
        some = on[start : start + AT_ONCE]
        apart = counts[start : start + AT_ONCE, None] + counts[None, :] - 2 * some @ on.T
        one, other = np.nonzero(apart <= ALIKE + 0.5)
        one = one + start
        kept = (one < other) & (who[seen[one]] != who[seen[other]])
        found.append(np.stack([seen[one[kept]], seen[other[kept]]], axis=1))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)
