"""The head of a model card as Hugging Face's hub reads it: licence, base model, task, library, data, and results.

The results (`model-index`) are the evaluation and the audit's verdicts, so that whoever sees the one sees the other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

LICENCES = (  # those of the hub's list that models are mostly under; another is `other`, with its name beside
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0"),
    *("cc-by-nc-sa-4.0", "gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0", "eupl-1.1", "openrail", "unlicense"),
)
LIBRARIES = {"text": "transformers", "image": "timm"}  # that open a trained network
PIPELINES = {"text": "text", "image": "image", "table": "tabular"}
HUB_METRICS = {"auc": "roc_auc", "macro_f1": "f1", "brier": "brier_score"}  # ours -> the hub's name of the same
HUB = re.compile(r"https://huggingface\.co/([\w.-]+/[\w.-]+)")


def card_data(
    title: str,
    settings: Mapping[str, Any],
    evaluation: Sequence[Mapping[str, Any]],
    audit: Mapping[str, Any] | None,
    source: str,
    hub_data: str | None = None,
    backbone: Mapping[str, Any] | None = None,
    network: bool = False,
) -> Any:
    """A `huggingface_hub.ModelCardData`. source: what the data is called; hub_data: its name on the hub; backbone: its
    name, source, licence and url; network: the model is a trained network, which its library opens."""
    from huggingface_hub import ModelCardData

    name, modality = _line(title), str(settings.get("modality", ""))
    kind = pipeline_tag(modality, str(settings.get("task", "")))
    results = [*_performance(evaluation, kind, source), *_verdicts(audit or {}, kind, source)]
    return ModelCardData(
        model_name=name,
        **_licence(str(settings.get("licence") or "")),
        base_model=_base_model(backbone or {}),
        pipeline_tag=kind or None,
        library_name=LIBRARIES.get(modality, "evenhand") if network else "evenhand",
        datasets=[hub_data] if hub_data else None,
        tags=["evenhand", "fairness", *(str(settings[key]) for key in ("domain", "task") if settings.get(key))],
        metrics=sorted({_hub_metric(entry) for entry in evaluation}) or None,
        eval_results=results or None,
    )


def pipeline_tag(modality: str, task: str) -> str:
    """What the hub calls the task; "" where it is not known."""
    if modality not in PIPELINES or not task:
        return ""
    if task == "generate":
        return "text-generation"
    if task == "regression" and modality == "table":
        return "tabular-regression"
    return f"{PIPELINES[modality]}-classification"  # the hub has no regression of texts or images


def _performance(evaluation: Sequence[Mapping[str, Any]], kind: str, source: str) -> list[Any]:
    """One result per metric of the adapted model; the baselines stand in the text."""
    found = [entry for entry in evaluation if entry.get("model") == "adapted" and _number(entry["value"])]
    return [
        _result(
            kind, source, "", _hub_metric(entry), entry["name"], entry["value"], _told(entry, "lower", "upper", "n")
        )
        for entry in found
    ]


def _verdicts(audit: Mapping[str, Any], kind: str, source: str) -> list[Any]:
    """One result per verdict: the gap, with its limits, its tolerance and the word; the word alone where there is no
    gap."""
    results = []
    for verdict in audit.get("verdicts", ()):
        facts = _told(verdict, "verdict", "tolerance", "lower", "upper", "group", "versus")
        value = verdict["value"] if _number(verdict["value"]) else verdict["verdict"]
        by, called = f"by {_line(verdict['attribute'])}", f"gap of {verdict['metric']}: {verdict['verdict']}"
        results.append(_result(kind, source, by, f"{verdict['metric']}_gap", called, value, facts))
    return results


def _result(kind: str, source: str, by: str, metric: str, called: str, value: Any, facts: dict[str, Any]) -> Any:
    from huggingface_hub import EvalResult

    return EvalResult(
        task_type=kind or "other",
        dataset_type=re.sub(r"[^\w./-]+", "-", source).strip("-") or "data",
        dataset_name=f"{source}, {by}" if by else source,
        dataset_config=by or None,
        dataset_split="test",
        metric_type=_line(metric),
        metric_name=_line(called),
        metric_value=value,
        metric_args=facts or None,
    )


def _told(entry: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """What is known of `keys`, each on one line; numbers that YAML has no word for are left out."""
    known = {key: entry.get(key) for key in keys}
    return {
        key: _line(value) if isinstance(value, str) else value
        for key, value in known.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _hub_metric(entry: Mapping[str, Any]) -> str:
    return _line(HUB_METRICS.get(entry["name"], entry["name"]))


def _licence(said: str) -> dict[str, Any]:
    """The hub takes what is on its list, and a name of one's own beside `other`."""
    if not said:
        return {}
    if said.lower() in LICENCES:
        return {"license": said.lower()}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.-]+", "-", said.lower()).strip("-") or "own"}


def _base_model(backbone: Mapping[str, Any]) -> str | None:
    """The backbone's name on the hub; the hub refuses any other, so that one stands in the text alone."""
    kind, _, name = str(backbone.get("source", "")).partition(":")
    if kind == "hub":
        return name
    found = HUB.match(str(backbone.get("url", "")))
    return found[1] if found else None


def _line(value: Any) -> str:
    return " ".join(str(value).split())
