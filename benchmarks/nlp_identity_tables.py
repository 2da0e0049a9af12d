"""Prints what benchmarks/nlp_identity.py measured, as Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nlp_beside import lines, mean

METHODS = ("none", "augment", "reweight", "dfr", "reductions")


def table(results: Path) -> None:
    """Print every table."""
    told = lines(results)
    print("| method | accuracy, % | AUC | wall s | processor s | peak MB |\n|---|---:|---:|---:|---:|---:|")
    for method, audited in (
        ("evenhand probe", "none"),
        ("evenhand lp-ft", ""),
        ("the report's own TF-IDF", "tfidf"),
        ("tfidf", ""),
        ("setfit", ""),
    ):
        some = [line for line in told if line["what"] == "beside" and line["method"] == method]
        known = {line["seed"] for line in some}  # accuracy of the other seeds is that of the audited models
        some += [
            line for line in told if line["what"] == "audit" and line["method"] == audited and line["seed"] not in known
        ]
        if not some:
            print(f"| {method} | not run | | | | |")
            continue
        costs = [[line[c] for line in some if c in line] for c in ("wall", "cpu", "mb")]
        cost = " | ".join(f"{np.mean(values):,.0f}" if values else "–" for values in costs)
        print(f"| {method} | {_of(some, 'accuracy')} | {_of(some, 'auc', points=False)} | {cost} |")
    audits_ = [line for line in told if line["what"] == "audit"]
    by = {m: [line for line in audits_ if line["method"] == m] for m in ("none", "tfidf", *METHODS[1:])}
    _identity(by)
    _mitigations(by)
    _dialect([line for line in told if line["what"] == "dialect"])


def _of(some: list[dict[str, Any]], *path: str, points: bool = True, at: int | None = None) -> str:
    return mean([_value(line, path, at) for line in some], points)


def _value(line: dict[str, Any], path: tuple[str, ...], at: int | None = None) -> float:
    found: Any = line
    for name in path:
        found = found[name]
    return float(found if at is None else found[at])


def _identity(by: dict[str, list[dict[str, Any]]]) -> None:
    """HateCheck by target, the templates' power means, Winogender, of the probe and of TF-IDF."""
    both = [(name, by[key]) for name, key in (("probe", "none"), ("TF-IDF", "tfidf")) if by[key]]
    print("\n| HateCheck, % passed | " + " | ".join(f"{n}: hateful | harmless | kind" for n, _ in both) + " |")
    print("|---|" + "---:|" * (3 * len(both)))
    for target in both[0][1][0]["targets"]:
        cells = [_of(some, "targets", target, kind) for _, some in both for kind in ("hateful", "harmless", "kind")]
        print(f"| {target} | {' | '.join(cells)} |")
    print("| all 3,728 cases | " + " | ".join(f"{_of(some, 'hatecheck')} | |" for _, some in both) + " |")
    print("\n| same sentences, 50 terms | subgroup | BPSN | BNSP |\n|---|---:|---:|---:|")
    for name, some in both:
        print(
            f"| {name} | {' | '.join(_of(some, 'templates', k, points=False) for k in ('subgroup', 'bpsn', 'bnsp'))} |"
        )
    print("\n| Winogender | pronouns | decisions that turn, % | score moves by |\n|---|---|---:|---:|")
    for name, some in both:
        for pair in some[0]["pronouns"]:
            flips, moved = _of(some, "pronouns", pair, at=0), _of(some, "pronouns", pair, points=False, at=1)
            print(f"| {name} | {pair} | {flips} | {moved} |")
    groups: dict[str, list[float]] = {}
    for line in by["none"]:
        for group, value in line["named"].items():
            groups.setdefault(group, []).append(value)
    print("\n| its name adds to the score | seeds with five texts or more | mean |\n|---|---:|---:|")
    for group, values in sorted(groups.items(), key=lambda item: -np.mean(item[1])):
        print(f"| {group} | {len(values)} | {mean(values, False) if len(values) == 5 else f'{np.mean(values):+.3f}'} |")


def _mitigations(by: dict[str, list[dict[str, Any]]]) -> None:
    """Every mitigation against none, seed by seed."""
    print(
        "\n| mitigation | accuracy, % | AUC | mean move by a name | decisions that hang on a name, % | kind cases"
        " passed, worst target, % | best less worst, points | templates BPSN |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|"
    )
    for method in METHODS:
        if some := by[method]:
            cells = [_of(some, "accuracy"), _of(some, "auc", points=False), _of(some, "moved", points=False)]
            cells += [
                _of(some, "hangs"),
                mean([min(_passed(line)) for line in some]),
                mean([_kind(line) for line in some]),
                _of(some, "templates", "bpsn", points=False),
            ]
            print(f"| {method} | {' | '.join(cells)} |")
    print(
        "\n| change against none, paired by seed | accuracy | AUC | move | hang | worst target | kind gap | BPSN |\n"
        "|---|---:|---:|---:|---:|---:|---:|---:|"
    )
    base = {line["seed"]: line for line in by["none"]}
    for method in METHODS[1:]:
        pairs = [(base[line["seed"]], line) for line in by[method] if line["seed"] in base]
        if not pairs:
            continue
        cells = []
        for path, points in ((("accuracy",), True), (("auc",), False), (("moved",), False), (("hangs",), True)):
            cells.append(mean([_value(b, path) - _value(a, path) for a, b in pairs], points))
        cells.append(mean([min(_passed(b)) - min(_passed(a)) for a, b in pairs]))
        cells.append(mean([_kind(b) - _kind(a) for a, b in pairs]))
        cells.append(
            mean([_value(b, ("templates", "bpsn")) - _value(a, ("templates", "bpsn")) for a, b in pairs], False)
        )
        print(f"| {method} | {' | '.join(cells)} |")


def _passed(line: dict[str, Any]) -> list[float]:
    """Pass rates of HateCheck's kind cases, target by target."""
    return [cell["kind"] for cell in line["targets"].values()]


def _kind(line: dict[str, Any]) -> float:
    return max(_passed(line)) - min(_passed(line))


def _dialect(told: list[dict[str, Any]]) -> None:
    print(
        "\n| Davidson | harmless tweets stopped: with marks of dialect, % | without, % | gap, points | the audit says"
        " |\n|---|---:|---:|---:|---|"
    )
    for method in ("none", "reweight"):
        some = [line for line in told if line["method"] == method]
        if some:
            gap = mean([line["fpr"]["marked"] - line["fpr"]["others"] for line in some])
            verdicts = [line["verdict"] for line in some]
            says = ", ".join(f"{name} {verdicts.count(name)} of {len(verdicts)}" for name in dict.fromkeys(verdicts))
            cells = [_of(some, "fpr", "marked"), _of(some, "fpr", "others"), gap]
            cells.append(says)
            print(f"| {method} | {' | '.join(cells)} |")
