"""Adapt a pretrained model to an industry, and show with evidence whether it treats groups of people evenly.

Every public name is loaded when it is first used: importing evenhand imports neither torch nor pandas.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenhand.adapting import finetune
    from evenhand.asking.question import Question
    from evenhand.auditing import Audit, Counts, Estimate, GroupMetric, audit, rate_metric
    from evenhand.comparing import compare
    from evenhand.data.loading import read_splits, splits_from_rows
    from evenhand.deploying import export, latency, load_exported
    from evenhand.deploying.serving import serve
    from evenhand.errors import BadInput, PluginFault
    from evenhand.extending.answering import answer
    from evenhand.extending.listing import backbone, backbones, doctor, plugins, recipes, show
    from evenhand.hookspecs import hookimpl
    from evenhand.living.monitoring import monitor
    from evenhand.living.promoting import rollback
    from evenhand.living.sites import adapt
    from evenhand.living.tuning import tune
    from evenhand.living.updating import update
    from evenhand.portable import Portable, Tree
    from evenhand.pretrained import Encoder, load_encoder
    from evenhand.pretrained.again import found_again
    from evenhand.pretrained.pictures import pictures
    from evenhand.pretrained.processor import precision
    from evenhand.pretrained.weights_folder import weights_folder
    from evenhand.publishing import push
    from evenhand.recipe import Recipe
    from evenhand.recorded.audit_folder import audit_into, write_audit
    from evenhand.recorded.history import promoted
    from evenhand.recorded.ledger import take_look
    from evenhand.recorded.run_folder import cache_folder
    from evenhand.running.again import report
    from evenhand.running.costing.accounts import costs
    from evenhand.running.pipeline import run
    from evenhand.running.pretraining import pretrain
    from evenhand.running.verifying import verify
    from evenhand.schema import Schema
    from evenhand.scoring import load, predict
    from evenhand.sections import Chart, Line, Picture, Section
    from evenhand.selecting import gap_scorer
    from evenhand.statistics.intervals import wilson
    from evenhand.statistics.multiplicity import holm
    from evenhand.values import (
        Adapted,
        Backbone,
        BackboneCard,
        Lesson,
        Metric,
        Model,
        OperatingPoint,
        Predictions,
        Splits,
        Writer,
    )

__version__ = "0.1.0"

_HOME = {
    "BadInput": "evenhand.errors",
    "PluginFault": "evenhand.errors",
    "hookimpl": "evenhand.hookspecs",
    "Question": "evenhand.asking.question",
    "Recipe": "evenhand.recipe",
    "Schema": "evenhand.schema",
    "Adapted": "evenhand.values",
    "Backbone": "evenhand.values",
    "BackboneCard": "evenhand.values",
    "Chart": "evenhand.sections",
    "Line": "evenhand.sections",
    "Lesson": "evenhand.values",
    "Metric": "evenhand.values",
    "Model": "evenhand.values",
    "Picture": "evenhand.sections",
    "Predictions": "evenhand.values",
    "Section": "evenhand.sections",
    "Splits": "evenhand.values",
    "Writer": "evenhand.values",
    "finetune": "evenhand.adapting",
    "pictures": "evenhand.pretrained.pictures",
    "Encoder": "evenhand.pretrained",
    "load_encoder": "evenhand.pretrained",
    "found_again": "evenhand.pretrained.again",
    "precision": "evenhand.pretrained.processor",
    "weights_folder": "evenhand.pretrained.weights_folder",
    "OperatingPoint": "evenhand.values",
    "read_splits": "evenhand.data.loading",
    "splits_from_rows": "evenhand.data.loading",
    "Audit": "evenhand.auditing",
    "Counts": "evenhand.auditing",
    "Estimate": "evenhand.auditing",
    "GroupMetric": "evenhand.auditing",
    "rate_metric": "evenhand.auditing",
    "audit": "evenhand.auditing",
    "run": "evenhand.running.pipeline",
    "compare": "evenhand.comparing",
    "report": "evenhand.running.again",
    "pretrain": "evenhand.running.pretraining",
    "audit_into": "evenhand.recorded.audit_folder",
    "write_audit": "evenhand.recorded.audit_folder",
    "take_look": "evenhand.recorded.ledger",
    "gap_scorer": "evenhand.selecting",
    "verify": "evenhand.running.verifying",
    "load": "evenhand.scoring",
    "predict": "evenhand.scoring",
    "push": "evenhand.publishing",
    "adapt": "evenhand.living.sites",
    "tune": "evenhand.living.tuning",
    "costs": "evenhand.running.costing.accounts",
    "serve": "evenhand.deploying.serving",
    "export": "evenhand.deploying",
    "load_exported": "evenhand.deploying",
    "latency": "evenhand.deploying",
    "Portable": "evenhand.portable",
    "Tree": "evenhand.portable",
    "update": "evenhand.living.updating",
    "rollback": "evenhand.living.promoting",
    "promoted": "evenhand.recorded.history",
    "monitor": "evenhand.living.monitoring",
    "answer": "evenhand.extending.answering",
    "holm": "evenhand.statistics.multiplicity",
    "wilson": "evenhand.statistics.intervals",
    "cache_folder": "evenhand.recorded.run_folder",
    **dict.fromkeys(("plugins", "recipes", "backbone", "backbones", "show", "doctor"), "evenhand.extending.listing"),
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name == "testing":  # a package of its own, for tests: evenhand.testing.assert_within
        return import_module("evenhand.testing")
    if name not in _HOME:
        raise AttributeError(f"module 'evenhand' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
