"""The maps of what the network looks at, and whether they may be believed."""

from __future__ import annotations

import json
from typing import Any

from evenhand import Picture, Section
from evenhand_healthcare.saliency import FACTS

TITLE = "Where the network looks"
ALIKE = 0.5  # rank correlation with random weights from which a map says little of what was learnt
HOW = (
    "Integrated gradients (Captum) on the validation films of the highest and the lowest score, sick and healthy, by "
    "the final model. Each picture shows the film, the map, and the map of the same network with weights drawn anew; "
    "all are coarse and their borders are black, so that nothing burnt into a film can be read."
)


def saliency_section(run: Any) -> list[Section]:
    """A picture for each film with the sanity check in words; a line where captum is not installed; else nothing."""
    folder = run.path / "model" / "exhibits"
    if not (folder / FACTS).is_file():
        return []
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    if "lacking" in facts:
        return [Section(TITLE, f"No maps were drawn, as Captum is not installed: {facts['lacking']}, and run again.")]
    films, read = facts["films"], lambda name: (folder / name).read_bytes()
    pictures = tuple(
        Picture(
            read(film["file"]),
            _says(film),
            f"{_who(film)}, score {film['score']:.2f}: film, map, map of random weights",
        )
        for film in films
    )
    rows = tuple((_who(film), round(film["score"], 3), round(film["alike"], 2)) for film in films)
    header = ("Validation film", "Score", "Rank correlation with random weights")
    return [Section(TITLE, f"{sanity([film['alike'] for film in films])} {HOW}", header, rows, pictures=pictures)]


def sanity(alike: list[float]) -> str:
    """What the comparison with random weights allows to be read from the maps (Adebayo et al. 2018)."""
    mean = sum(alike) / max(len(alike), 1)
    if mean >= ALIKE:
        return (
            f"Do not read these maps as what the model learnt: a network of random weights draws nearly the same (mean "
            f"rank correlation {mean:.2f}; Adebayo et al. 2018). They follow the edges of the film."
        )
    return (
        f"The maps change when the weights are drawn anew (mean rank correlation {mean:.2f}; Adebayo et al. 2018), so "
        "they depend on what was learnt. That a map is bright somewhere does not show that the reason lies there."
    )


def _who(film: dict[str, Any]) -> str:
    return "sick" if film["sick"] else "healthy"


def _says(film: dict[str, Any]) -> str:
    return (
        f"A coarse film of a {_who(film)} patient, scored {film['score']:.2f}, beside the map of where the network "
        f"looks and that of random weights; the two maps have a rank correlation of {film['alike']:.2f}"
    )
