"""evenhand's finance domain: credit, explained and made more even, fraud among card transactions, and markets."""

from importlib import import_module

from evenhand import Recipe, hookimpl

MODULES = {  # recipe -> where its answers to hooks are
    "credit-default": "evenhand_finance.credit.answers",
    "fraud": "evenhand_finance.fraud.answers",
    "market-direction": "evenhand_finance.market.answers",
    "market-volatility": "evenhand_finance.market.answers",
}


@hookimpl
def recipes():
    return Recipe.from_package(__name__)


@hookimpl
def load_data(recipe, source):
    return _ask(recipe, "load_data", recipe=recipe, source=source)


@hookimpl
def prepare_rows(recipe, rows):
    return _ask(recipe, "prepare_rows", recipe=recipe, rows=rows)


@hookimpl
def finetune(recipe, splits, backbone, run):
    return _ask(recipe, "finetune", recipe=recipe, splits=splits, backbone=backbone, run=run)


@hookimpl
def evaluate(recipe, predictions):
    return _ask(recipe, "evaluate", recipe=recipe, predictions=predictions) or []


@hookimpl
def audit_bias(recipe, predictions):
    return _ask(recipe, "audit_bias", recipe=recipe, predictions=predictions) or []


@hookimpl
def report_sections(run):
    return _ask(run.recipe, "report_sections", run=run) or []


def _ask(asked, hook, **arguments):
    """What the asked recipe's module answers; None where it has no such function, which leaves it to the core."""
    module = import_module(MODULES[asked.name]) if asked.name in MODULES else None
    answer = getattr(module, hook, None)
    return answer(**arguments) if answer else None
