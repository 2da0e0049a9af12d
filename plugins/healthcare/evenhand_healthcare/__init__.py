"""evenhand's healthcare domain: radiographs, volumes and records, adapted hospital by hospital, audited by group."""

from importlib import import_module

from evenhand import Recipe, hookimpl

MODULES = {  # recipe -> the module that reads its data; imported when a run needs it
    "chest-xray": "evenhand_healthcare.chest_xray",
    "heart": "evenhand_healthcare.heart",
    "readmission": "evenhand_healthcare.readmission",
    "volume": "evenhand_healthcare.volume.data",
}
IMAGES = ("chest-xray", "volume")


def _of(recipe):
    return import_module(MODULES[recipe.name]) if recipe.name in MODULES else None


@hookimpl
def recipes():
    return Recipe.from_package(__name__)


@hookimpl
def load_data(recipe, source):
    module = _of(recipe)
    return module.load(recipe, source) if module else None


@hookimpl
def prepare_rows(recipe, rows):
    module = _of(recipe)
    return module.prepare(recipe, rows) if module else None


@hookimpl
def finetune(recipe, splits, backbone, run):
    if recipe.name not in IMAGES or backbone is None:
        return None
    return _of(recipe).fit(recipe, splits, backbone, run)


@hookimpl
def audit_bias(recipe, predictions):
    if recipe.task != "binary":
        return []
    from evenhand_healthcare.metrics import DIAGNOSIS
    from evenhand_healthcare.shortcut_section import errors_that_follow

    return [*DIAGNOSIS, *errors_that_follow(recipe, predictions)]


@hookimpl
def report_sections(run):
    if run.recipe.name not in IMAGES:
        return []
    from evenhand_healthcare.saliency_section import saliency_section
    from evenhand_healthcare.shortcut_section import shortcut_section

    return [*shortcut_section(run), *saliency_section(run)]
