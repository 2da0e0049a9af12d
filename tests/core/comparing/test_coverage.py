"""Do the intervals of changes hold? Samples are drawn from a population whose changes are known, many times over."""

import numpy as np
import polars as pl
import pytest

from evenhand.asking.question import Question
from evenhand.auditing.question.plan import make_plan
from evenhand.auditing.table.checks import take_roles
from evenhand.auditing.table.rows import Roles
from evenhand.auditing.table.source import open_source
from evenhand.comparing.counted import both_sides_of, divisions
from evenhand.comparing.gap_changes import gap_changes
from evenhand.comparing.limits import paired_shares
from evenhand.comparing.pairing import pair
from evenhand.comparing.rows import by_row
from evenhand.comparing.simultaneous import criticals

METRICS = ["accuracy", "ppv", "f1", "auc", "brier"]
SIZE, PER_CLUSTER = 6000, 4


@pytest.fixture(scope="module")
def population():
    """People in households of four whose scores go together; the second model is better, for m more so."""
    rng = np.random.default_rng(0)
    home = np.repeat(np.arange(SIZE // PER_CLUSTER), PER_CLUSTER)
    alike = 0.15 * rng.normal(size=SIZE // PER_CLUSTER)[home]
    y = (rng.random(SIZE) < 0.4).astype(int)
    m = rng.random(SIZE) < 0.35
    old = 0.4 + 0.2 * y - 0.08 * m + alike + 0.18 * rng.normal(size=SIZE)
    new = old + 0.08 * (2 * y - 1) * (1 + m) + 0.1 * rng.normal(size=SIZE)
    columns = {"y": y, "old": np.clip(old, 0, 1), "new": np.clip(new, 0, 1), "sex": np.where(m, "m", "f")}
    return pl.DataFrame({**columns, "home": home})


def families(one, two, cluster, metrics=METRICS, paired=None):
    sides = []
    for frame, score in ((one, "old"), (two, "new")):
        rows = take_roles(open_source(frame), Roles(("sex",), "y", score, cluster=cluster))
        plan = make_plan(rows, Question(task="binary", threshold=0.5, positive=1, metrics=metrics))
        sides.append(by_row(rows, plan))
    samples = pair(*sides, ["sex"], paired)
    return [both_sides_of(division, m, "f") for division in divisions(samples, ["sex"], 1) for m in plan.metrics]


def drawn(population, rng, rows, cluster):
    if not cluster:
        return population[rng.integers(0, SIZE, rows)]
    homes = rng.integers(0, SIZE // PER_CLUSTER, rows // PER_CLUSTER)
    places = (homes[:, None] * PER_CLUSTER + np.arange(PER_CLUSTER)).ravel()
    names = np.repeat(np.arange(len(homes)) + rng.integers(1, 10**9), PER_CLUSTER)  # a home drawn twice is two homes
    return population[places].with_columns(home=names)


@pytest.mark.simulation
@pytest.mark.parametrize("paired", [True, False], ids=["paired", "independent"])
@pytest.mark.parametrize("cluster", [None, "home"], ids=["rows", "clusters"])
def test_intervals_of_changes_cover_what_changed(population, paired, cluster):
    rng, rows, times = np.random.default_rng(3), 160, 300
    truth = families(population, population, None)
    hits: dict[tuple, list[bool]] = {}
    together, gaps_together = [], []
    for _ in range(times):
        one = drawn(population, rng, rows, cluster)
        two = one if paired else drawn(population, rng, rows, cluster)
        found = families(one, two, cluster)
        at = criticals(found, 0.95)
        held, gaps_held = [], []
        for levels, true, family in zip(found, truth, at.largest, strict=True):
            lower, upper = levels.limits(at.pointwise)
            joint = levels.limits(at.overall if levels.attribute is None else at.groups)
            for i, (name, change) in enumerate(zip(levels.names, true.change, strict=True)):
                hits.setdefault((levels.metric.name, name), []).append(lower[i] <= change <= upper[i])
                held.append(joint[0][i] <= change <= joint[1][i])
            if levels.attribute is not None:
                grown = np.diff([abs(float(np.diff(side.value)[0])) for side in (true.one, true.two)])[0]
                for gap in gap_changes(levels, at.pointwise, family, at.gaps):
                    hits.setdefault((levels.metric.name, gap.kind), []).append(gap.lower <= grown <= gap.upper)
                    gaps_held.append(gap.lower_simultaneous <= grown <= gap.upper_simultaneous)
        together.append(all(held))
        gaps_together.append(all(gaps_held))
    covered = {key: float(np.mean(found)) for key, found in hits.items()}
    print(covered, np.mean(together), np.mean(gaps_together))
    assert min(covered.values()) >= 0.91, covered
    of_changes = [share for (_, name), share in covered.items() if name in ("all rows", "f", "m")]
    assert 0.93 <= np.mean(of_changes) <= 0.985
    assert np.mean(together) >= 0.87  # overall and by group: two families of 95 % each
    assert np.mean(gaps_together) >= 0.93


@pytest.mark.simulation
def test_the_change_of_the_largest_of_many_equal_gaps_is_not_taken_for_evidence():
    """Six equal groups under two equal models: the largest gap is chosen after looking, and still nothing is
    claimed."""
    rng, wrong = np.random.default_rng(4), 0
    for _ in range(200):
        sides = [
            pl.DataFrame({"y": rng.integers(0, 2, 300), name: rng.random(300), "sex": rng.integers(0, 6, 300)})
            for name in ("old", "new")
        ]
        found = families(*sides, None, metrics=["tpr"])
        at = criticals(found, 0.95)
        largest = [g for levels in found for g in gap_changes(levels, at.pointwise, at.gaps, at.gaps)][-1]
        wrong += largest.verdict != "not enough evidence"
    assert wrong <= 10


@pytest.mark.parametrize(("up", "down", "rows"), [(5, 1, 40), (0, 0, 25), (3, 0, 12), (0, 9, 60), (20, 13, 44)])
@pytest.mark.parametrize("c", [1.96, 3.3])
def test_paired_limits_are_where_the_score_is_c(up, down, rows, c):
    """Against the definition (Tango 1998): the likeliest table with that difference, found by trying them all."""

    def score(difference):
        fewer = np.linspace(max(0.0, -difference), (1 - difference) / 2, 200_001)[1:-1]
        with np.errstate(divide="ignore"):
            likely = (
                up * np.log(fewer + difference)
                + down * np.log(fewer)
                + (rows - up - down) * np.log(np.maximum(1 - 2 * fewer - difference, 1e-300))
            )
        best = fewer[np.argmax(likely)]
        return (up - down - rows * difference) / np.sqrt(rows * (2 * best + difference - difference**2))

    lower, upper = (float(limit[0]) for limit in paired_shares(*(np.array([float(x)]) for x in (up, down, rows)), c))
    assert lower < (up - down) / rows < upper
    assert score(lower) == pytest.approx(c, rel=2e-3)
    assert score(upper) == pytest.approx(-c, rel=2e-3)


def test_the_paired_error_of_auc_is_that_of_delong(population):
    """Against the placement values, pair of rows by pair of rows (DeLong, DeLong & Clarke-Pearson 1988)."""
    frame = population[:240]
    levels = next(found for found in families(frame, frame, None) if found.metric.name == "auc")
    y = frame["y"].to_numpy() == 1
    placed = []
    for name in ("old", "new"):
        score = frame[name].to_numpy()
        above = (score[y][:, None] > score[~y][None]) + 0.5 * (score[y][:, None] == score[~y][None])
        placed.append((above.mean(axis=1), above.mean(axis=0)))
    moved = [placed[1][i] - placed[0][i] for i in (0, 1)]
    variance = sum(part.var(ddof=1) / len(part) for part in moved)
    assert levels.change[0] == pytest.approx(moved[0].mean())
    assert levels.error(1.96)[0] == pytest.approx(np.sqrt(variance), rel=0.03)  # a little wider, as few rows ask for
