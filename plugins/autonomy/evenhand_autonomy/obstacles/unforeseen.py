"""What the detector does with scenes of a kind that it was never trained on, and whether it could tell that it was not.

A picture's strangeness is the Mahalanobis distance of its pooled features from those of training pictures (Lee et al.
2018, NeurIPS), with a shrunk covariance (Ledoit & Wolf 2004).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from evenhand import Chart, Line, Section
from evenhand_autonomy.obstacles.safety import weighted_recall
from evenhand_autonomy.obstacles.seen_again import SeenAgain
from evenhand_autonomy.scenes.facts import PLAIN
from evenhand_autonomy.signs.intervals import clustered_share

SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # of pictures that are handed over
HANDED, DRAWS = 0.2, 400


def strangeness(features: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Distance of each row of features from the known ones."""
    from sklearn.covariance import LedoitWolf

    fitted = LedoitWolf().fit(known)
    found: np.ndarray = np.sqrt(np.maximum(fitted.mahalanobis(features), 0))
    return found


def doubt(found: Any) -> float:
    """How undecided the detector is: the sum of p (1 - p) over what it thinks it sees."""
    return float((found.sure * (1 - found.sure)).sum())


def auroc(strange: np.ndarray, usual: np.ndarray) -> float:
    """The chance that a strange picture scores above a usual one; ties count half."""
    from scipy.stats import rankdata

    n = len(strange)
    ranks = rankdata(np.concatenate([strange, usual]))
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(usual)))


def auroc_limits(strange: np.ndarray, usual: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """95 % limits: pictures of either kind drawn again."""
    rng = np.random.default_rng(seed)
    drawn = [auroc(rng.choice(strange, len(strange)), rng.choice(usual, len(usual))) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def unforeseen(seen: SeenAgain, held_out: tuple[str, ...]) -> list[Section]:
    """The section; none where no test picture is of a held-out family."""
    family = seen.of_picture("family")
    there = [name for name in held_out if (family == name).any()]
    usual = ~np.isin(family, held_out)
    if not there or not usual.any() or not len(seen.model.known):
        return []
    scores = {
        "distance of features": strangeness(np.stack([one.features for one in seen.found]), seen.model.known),
        "doubt of detections": np.array([doubt(one) for one in seen.found]),
    }
    rows = []
    for name in there:
        mine = family == name
        misses = _misses(seen, mine)
        told = []
        for score in scores.values():
            low, high = auroc_limits(score[mine], score[usual])
            told.append(f"{auroc(score[mine], score[usual]):.2f} [{low:.2f}, {high:.2f}]")
        rows.append((name, int(mine.sum()), misses, *told))
    rows.append((PLAIN + " (trained on)", int(usual.sum()), _misses(seen, usual), "", ""))
    text = (
        "Scene families that no training picture shows. The strangeness of a picture is how far its features lie from"
        " those of training pictures; doubt is how undecided the detections are. AUROC: the chance that a picture of"
        " the family is stranger than an ordinary one; 0.5 is no better than a coin. 95 % intervals by picture."
    )
    header = ("family", "pictures", "objects missed", *(f"AUROC, {name}" for name in scores))
    return [
        Section(
            "The unforeseen",
            text,
            header,
            tuple(rows),
            charts=tuple(_curve(seen, name, score, family, there) for name, score in scores.items()),
        ),
        _who_is_handed_over(seen, scores["distance of features"]),
    ]


def _misses(seen: SeenAgain, pictures: np.ndarray) -> str:
    names = seen.column("image_id")
    wanted = {names[members[0]] for members, mine in zip(seen.images.members, pictures, strict=True) if mine}
    rows = seen.object & np.isin(names, sorted(wanted))
    share, low, high = clustered_share(~seen.hit[rows], names[rows].tolist())
    return f"{share:.0%} [{low:.0%}, {high:.0%}]"


def _curve(seen: SeenAgain, by: str, strange: np.ndarray, family: np.ndarray, there: list[str]) -> Chart:
    """Misses among what is kept, as the strangest pictures are handed over."""
    place = np.empty(len(seen.images.kinds), int)
    for number, members in enumerate(seen.images.members):
        place[members] = number
    lines = []
    for name in [*there, PLAIN]:
        kept: list[tuple[float, float, float, float]] = []
        for share in SHARES:
            stays = strange <= np.quantile(strange, 1 - share)
            rows = seen.object & (stays & (family == name))[place]
            if rows.sum() < 10:
                break
            recall = weighted_recall(seen.hit[rows].astype(float), np.ones(int(rows.sum())), place[rows].tolist())
            kept.append((share, *(1 - value for value in recall)))
        if kept:
            x, y, high, low = (tuple(values) for values in zip(*kept, strict=True))
            lines.append(Line(name, x, y, low, high))
    says = "Each line ends where fewer than ten objects of the family are left. 95 % intervals by picture."
    return Chart(
        f"Missed after handing over, by {by}", "share of pictures handed over", "objects missed", tuple(lines), says
    )


def _who_is_handed_over(seen: SeenAgain, strange: np.ndarray) -> Section:
    """By group: how often a picture is handed over, and what is missed in those that stay."""
    over = strange > np.quantile(strange, 1 - HANDED)
    names = seen.column("image_id")
    rows = []
    for column in ("weather", "time_of_day", "road_type"):
        values = seen.of_picture(column)
        for value in sorted(set(values.tolist())):
            mine = values == value
            share, low, high = clustered_share(over[mine], list(range(int(mine.sum()))))
            ids = {names[members[0]] for members, yes in zip(seen.images.members, mine & ~over, strict=True) if yes}
            kept = seen.object & np.isin(names, sorted(ids))
            missed, bottom, top = clustered_share(~seen.hit[kept], names[kept].tolist())
            told = f"{missed:.0%} [{bottom:.0%}, {top:.0%}]" if kept.any() else "none left"
            rows.append((column.replace("_", " "), value, f"{share:.0%} [{low:.0%}, {high:.0%}]", told))
    return Section(
        "Who is handed over",
        f"Where the strangest {HANDED:.0%} of pictures are handed to the driver: how often that is, and what is missed"
        " in the rest. A group that is handed over more often is served less, even where nobody of it is missed.",
        ("column", "group", "handed over", "missed in the rest"),
        tuple(rows),
    )
