"""A plugin's metric is no second-class citizen: what a built-in one gets, it gets; what it does wrong stays its own."""

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from slice_tables import table
from tables import ASK, group_of, simulated

import evenhand
from evenhand import GroupMetric, rate_metric
from evenhand.auditing import audit
from evenhand.auditing.evidence.of_plugins import PROBED
from evenhand.auditing.metrics.built_in import BINARY, MULTICLASS, REGRESSION
from evenhand.auditing.metrics.ranking import AUC

CORE = Path(evenhand.__file__).parent
FALSE_ALARMS = rate_metric("false_alarms", of="fp", among=("tp", "fp"), better="lower")


def jaccard_limits(evidence):
    def at(c):
        lower, upper = evidence.parts[0].limits(c)
        return 2 * lower / (1 + lower), 2 * upper / (1 + upper)

    return at


OWN_F1 = GroupMetric(
    "own_f1",
    lambda counts: 2 * counts.tp / (2 * counts.tp + counts.fp + counts.fn),
    "2 TP / (2 TP + FP + FN)",
    "higher",
    needs=("label", "decision"),
    parts=(rate_metric("jaccard", of="tp", among=("tp", "fp", "fn"), better="higher"),),
    limits=jaccard_limits,
)


def decisions(path):
    """Strings that a file compares with, or looks for in a list of strings."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            yield from (n.value for side in sides for n in ast.walk(side) if isinstance(n, ast.Constant))


@pytest.mark.parametrize("room", ["auditing", "comparing"])
def test_nothing_asks_a_metric_for_its_name(room):
    names = {*BINARY, *MULTICLASS, *REGRESSION}
    asked = {str(path): names & {*decisions(path)} for path in (CORE / room).rglob("*.py")}
    assert len(asked) > 5
    assert not {path: found for path, found in asked.items() if found}


@pytest.mark.parametrize("choice", [{}, {"cluster": "c"}, {"weight": "w"}])
def test_own_limits_are_as_good_as_built_in_ones(choice):
    frame = simulated(600, c=[i // 3 for i in range(600)])
    found = audit(frame, **ASK, extra=[OWN_F1], **choice).data
    groups = found["attributes"][0]["groups"]
    assert groups
    assert all(g["metrics"]["own_f1"] == g["metrics"]["f1"] for g in groups)
    assert found["overall"]["own_f1"] == found["overall"]["f1"]


def test_a_metric_without_limits_has_those_that_resampling_gives(own_metrics):
    frame = simulated(900, groups=1)
    entry = audit(frame, **ASK, extra=[own_metrics["f2"]]).data["overall"]["f2"]
    y, d = frame["y"].to_numpy(), (frame["s"] >= 0.5).to_numpy()
    rows = np.random.default_rng(0).integers(0, 900, (4000, 900))
    tp, fn, fp = ((y[rows] == a) & (d[rows] == b) for a, b in ((1, True), (1, False), (0, True)))
    drawn = 5 * tp.sum(1) / (5 * tp.sum(1) + 4 * fn.sum(1) + fp.sum(1))
    assert (entry["upper"] - entry["lower"]) / (2 * 1.96) == pytest.approx(drawn.std(), rel=0.1)


def test_limits_of_a_part_are_carried_over(own_metrics):
    found = audit(simulated(), **ASK, extra=list(own_metrics.values()))
    metrics = group_of(found, "a")["metrics"]
    for end in ("value", "lower", "upper", "lower_simultaneous"):
        missed = metrics["underdiagnosis"][end]
        assert metrics["missing_odds"][end] == pytest.approx(missed / (1 - missed))


def test_several_parts_bring_their_quantities_with_them():
    """A part may be the mean of what no metric of the audit needs."""
    part = GroupMetric(
        "mean_surprise",
        lambda counts: counts.sums["surprise"] / counts.weights["surprise"],
        "mean",
        mean_of="surprise",
        needs=("label", "score"),
        bounded=False,
    )
    perplexity = GroupMetric(
        "perplexity",
        lambda counts: np.exp(part.function(counts)),
        "exp(mean surprise)",
        "lower",
        unit="classes",
        needs=("label", "score"),
        bounded=False,
        parts=(part,),
        limits=lambda evidence: lambda c: tuple(np.exp(end) for end in evidence.parts[0].limits(c)),
    )
    found = audit(simulated(), **ASK, metrics=["tpr"], extra=[perplexity]).data["overall"]["perplexity"]
    assert found["lower"] < found["value"] < found["upper"]


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (lambda evidence: 1 / 0, "ZeroDivisionError"),
        (lambda evidence: lambda c: {}["gone"], "KeyError"),
        (lambda evidence: lambda c: (np.zeros(7), np.ones(7)), "shapes (7,) and (7,)"),
        (lambda evidence: lambda c: (evidence.own.value + 0.1, evidence.own.value + 0.2), "do not enclose"),
        (
            lambda evidence: lambda c: (evidence.own.value - (1 if c in PROBED else 1 / 0), evidence.own.value),
            "ZeroDivisionError",
        ),
    ],
)
def test_limits_that_fail_leave_the_metric_undefined_and_everything_else_audited(limits, says):
    odd = replace(OWN_F1, name="odd", limits=limits)
    found = audit(simulated(groups=2), **ASK, extra=[odd]).data
    about = next(m for m in found["metrics"] if m["name"] == "odd")
    assert not about["defined"]
    assert says in about["why"]
    assert found["attributes"] == audit(simulated(groups=2), **ASK).data["attributes"]


def test_a_definition_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="metric 'x': its part 'auc' is read from scores"):
        replace(OWN_F1, name="x", parts=(AUC,))
    with pytest.raises(ValueError, match="metric 'own_f1': only what a curve reads"):
        replace(OWN_F1, influence=lambda block: (block.positive, block.negative))


def test_a_number_in_the_labels_unit_is_no_share():
    price = GroupMetric("price", lambda counts: counts.tp, "TP", unit="label")
    assert not price.bounded
    assert not price.share


def test_slices_are_searched_for_a_plugins_share_and_told_with_its_words(own_metrics):
    bad = pl.col("sex") == "f"
    ask = {"label": "y", "prediction": "d", "sensitive": "sex", "slices": ["site"]}
    usual = audit(table(bad=bad), **ask).data["slices"]
    found = audit(table(bad=bad), **ask, extra=[own_metrics["underdiagnosis"], FALSE_ALARMS]).data["slices"]
    assert usual["metrics"] == ["error_rate", "fnr", "fpr"]
    assert found["metrics"] == ["error_rate", "underdiagnosis", "fpr", "false_alarms"]
    assert found["tests"] == usual["tests"] * 4 / 3  # the same rows are not looked at twice
    said = {entry["metric"]: entry["says"] for entry in found["found"]}
    assert "truly positive rows where sex is f" in said["underdiagnosis"]
    assert "are called healthy" in said["underdiagnosis"]
    assert "count as false alarms" in said["false_alarms"]


def test_a_search_says_which_of_a_plugins_metrics_it_cannot_look_at(own_metrics):
    found = audit(simulated(h=["u", "v"] * 200), **ASK, slices=["h"], extra=[own_metrics["f2"]]).data["slices"]
    assert "f2" not in found["metrics"]
    assert any("f2" in note for note in found["notes"])


def test_a_plugins_share_has_the_trend_of_its_cells(own_metrics):
    frame = simulated(900, age=[18 + i % 63 for i in range(900)])
    ask = {"label": "y", "score": "s", "sensitive": "age", "metrics": ["fnr"]}
    found = audit(frame, **ask, extra=list(own_metrics.values())).data["attributes"][0]["trend"]["metrics"]
    assert set(found) == {"fnr", "underdiagnosis"}
    assert found["underdiagnosis"]["value"] == found["fnr"]["value"]


@pytest.mark.parametrize("mitigation", ["sweep", "fairlearn"])
def test_other_thresholds_are_previewed_for_a_plugins_share(own_metrics, mitigation):
    named, known = (
        audit(simulated(900), **ASK, tolerance={name: 0.05}, extra=extra, mitigation=mitigation).data["mitigation"]
        for name, extra in (("underdiagnosis", [own_metrics["underdiagnosis"]]), ("fnr", []))
    )
    assert named[0]["single"]["thresholds"] == known[0]["single"]["thresholds"]
    assert (named[0]["fairlearn"] is None) == (mitigation == "sweep")


def test_a_plugins_rates_take_part_in_what_cannot_be_equal_at_once(own_metrics):
    frame = simulated(3000).with_columns(y=pl.when(pl.col("g") == "a").then(1).otherwise(pl.col("y")))
    frame = frame.with_columns(y=pl.when(pl.int_range(pl.len()) % 5 == 0).then(0).otherwise(pl.col("y")))
    ask = {**ASK, "metrics": ["base_rate", "fpr", "ppv"]}
    assert "Kleinberg" not in " ".join(audit(frame, **ask).data["notes"])
    assert "Kleinberg" in " ".join(audit(frame, **ask, extra=[own_metrics["underdiagnosis"]]).data["notes"])


@pytest.mark.parametrize("choice", [{}, {"threshold": 0.37}, {"weight": "w"}, {"cluster": "c"}])
def test_the_slider_holds_a_plugins_audited_numbers_at_the_audited_threshold(own_metrics, choice):
    frame = simulated(600, c=[i // 3 for i in range(600)])
    found = audit(frame, **ASK, extra=list(own_metrics.values()), **choice).data
    also = {entry["metric"]: entry for entry in found["histograms"]["also"]}
    assert (also["underdiagnosis"]["hits"], also["underdiagnosis"]["among"]) == (["fn"], ["fn", "tp"])
    place = int(np.argmin(np.abs(np.array(found["histograms"]["edges"]) - found["question"]["threshold"])))
    for name in ("f2", "missing_odds"):
        for group in found["attributes"][0]["groups"]:
            at, audited = also[name]["at"]["g"][group["name"]], group["metrics"][name]
            assert at["value"][place] == pytest.approx(audited["value"], abs=1e-6)
            width = audited["upper"] - audited["lower"]
            for end in ("lower", "upper"):
                exact = {"abs": 1e-5} if "weight" not in choice and "cluster" not in choice else {"abs": 0.1 * width}
                assert at[end][place] == pytest.approx(audited[end], **exact)
            assert len(at["value"]) == len(found["histograms"]["edges"])
    if choice.keys() & {"weight", "cluster"}:
        assert "underdiagnosis" in found["histograms"]["effective"]["g"]["a"]


def test_what_the_slider_cannot_work_out_is_left_out_of_it_and_of_nothing_else():
    def of_all(counts):
        return counts.tp / counts.tp.sum(axis=-1, keepdims=True)

    crossed = GroupMetric("part_of_all", of_all, "TP / TP of all", needs=("label", "decision"))
    constant = rate_metric("prevalence", of=("tp", "fn"), among=("tp", "fp", "fn", "tn"), better="")
    found = audit(simulated(), **ASK, extra=[crossed, constant]).data
    assert "also" not in found["histograms"]
    assert {m["name"] for m in found["metrics"] if m["defined"]} >= {"part_of_all", "prevalence"}
