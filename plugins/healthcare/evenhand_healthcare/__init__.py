"""evenhand's healthcare domain: patient records, adapted hospital by hospital, with the errors shown by group."""

from importlib import import_module

from evenhand import Recipe, hookimpl

MODULES = {  # recipe -> the module that reads its data; imported when a run needs it
    "heart": "evenhand_healthcare.heart",
    "readmission": "evenhand_healthcare.readmission",
}


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
