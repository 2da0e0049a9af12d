"""evenhand's finance domain: fraud among card transactions."""

from evenhand import Recipe, hookimpl


@hookimpl
def recipes():
    return Recipe.from_package(__name__)


@hookimpl
def load_data(recipe, source):
    if recipe.name == "fraud":
        from evenhand_finance.fraud import load

        return load(recipe, source)
    return None


@hookimpl
def prepare_rows(recipe, rows):
    if recipe.name == "fraud":
        from evenhand_finance.fraud import prepare

        return prepare(recipe, rows)
    return None


@hookimpl
def finetune(recipe, splits):
    if recipe.name == "fraud":
        from evenhand_finance.fraud_models import fit

        return fit(recipe, splits)
    return None


@hookimpl
def evaluate(recipe, predictions):
    if recipe.name == "fraud":
        from evenhand_finance.fraud_metrics import performance

        return performance(predictions, recipe.options["customer"])
    return []


@hookimpl
def audit_bias(recipe, predictions):
    if recipe.name == "fraud":
        from evenhand_finance.fraud_burden import estimates

        return estimates(predictions, recipe.options["customer"])
    return []


@hookimpl
def report_sections(run):
    if run.recipe.name == "fraud":
        from evenhand_finance.fraud_report import sections

        return sections(run)
    return []
