"""evenhand's finance domain: credit, explained and made more even, fraud among card transactions, and markets."""

from evenhand import Recipe, answer, hookimpl

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
    return answer(MODULES, recipe, "load_data", recipe=recipe, source=source)


@hookimpl
def prepare_rows(recipe, rows):
    return answer(MODULES, recipe, "prepare_rows", recipe=recipe, rows=rows)


@hookimpl
def finetune(recipe, splits, backbone, run):
    return answer(MODULES, recipe, "finetune", recipe=recipe, splits=splits, backbone=backbone, run=run)


@hookimpl
def evaluate(recipe, predictions):
    return answer(MODULES, recipe, "evaluate", recipe=recipe, predictions=predictions) or []


@hookimpl
def audit_bias(recipe, predictions):
    return answer(MODULES, recipe, "audit_bias", recipe=recipe, predictions=predictions) or []


@hookimpl
def report_sections(run):
    return answer(MODULES, run.recipe, "report_sections", run=run) or []
