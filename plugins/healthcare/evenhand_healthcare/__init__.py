"""evenhand's healthcare domain: radiographs adapted hospital by hospital, and what else gives the label away."""

from evenhand import Recipe, hookimpl


@hookimpl
def recipes():
    return Recipe.from_package(__name__)


@hookimpl
def load_data(recipe, source):
    if recipe.name != "chest-xray":
        return None
    from evenhand_healthcare.chest_xray import load

    return load(recipe, source)


@hookimpl
def prepare_rows(recipe, rows):
    if recipe.name != "chest-xray":
        return None
    from evenhand_healthcare.chest_xray import prepare

    return prepare(recipe, rows)


@hookimpl
def finetune(recipe, splits, backbone, run):
    if recipe.name != "chest-xray" or backbone is None:
        return None
    from evenhand_healthcare.chest_xray import fit

    return fit(recipe, splits, backbone, run)


@hookimpl
def audit_bias(recipe, predictions):
    if recipe.task != "binary":
        return []
    from evenhand_healthcare.metrics import DIAGNOSIS
    from evenhand_healthcare.shortcut_section import errors_that_follow

    return [*DIAGNOSIS, *errors_that_follow(recipe, predictions)]


@hookimpl
def report_sections(run):
    if run.recipe.name != "chest-xray":
        return []
    from evenhand_healthcare.saliency_section import saliency_section
    from evenhand_healthcare.shortcut_section import shortcut_section

    return [*shortcut_section(run), *saliency_section(run)]
