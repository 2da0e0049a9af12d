"""evenhand's autonomy domain: a driving simulator, a backbone pretrained on it, and recipes from simulation to road."""

from importlib import import_module

from evenhand import Backbone, BackboneCard, Recipe, hookimpl

ANSWERS = {  # recipe -> where its answers to hooks are
    "lane-following": "evenhand_autonomy.lanes.answers",
    "obstacle": "evenhand_autonomy.obstacles.answers",
}
SIGN_RECIPE = "traffic-sign"
SIM = "autonomy/sim"


@hookimpl
def recipes():
    return Recipe.from_package(__name__)


@hookimpl
def backbones():
    card = BackboneCard(
        pretrained_on=(
            "30,000 simulated photographs of the 43 GTSRB signs, drawn and rendered by this plugin; made again by"
            " `evenhand pretrain autonomy/sim`"
        ),
        licence="Apache-2.0",
        parameters=729_291,
        size_mb=2.9,
        sha256="88f798b73d9524571b300d87313562d0bf1e2cd66de1d72df735f954b61b047f",
        known_bias=(
            "knows the signs of one country, in the weather and light that its simulator draws; no photograph of a real"
            " road was in it"
        ),
    )
    return [Backbone(SIM, "image", "embedded:evenhand_autonomy/weights", card)]


@hookimpl
def pretrain(backbone, data, run):
    if backbone.name != SIM:
        return None
    from evenhand_autonomy.pretraining import lesson

    return lesson(data, run)


@hookimpl
def load_data(recipe, source):
    if recipe.name != SIGN_RECIPE:
        return _ask(recipe, "load_data", recipe=recipe, source=source)
    from evenhand_autonomy.signs.data import load

    return load(recipe, source)


@hookimpl
def finetune(recipe, splits, backbone, run):
    if recipe.name != SIGN_RECIPE:
        return _ask(recipe, "finetune", recipe=recipe, splits=splits, backbone=backbone, run=run)
    from evenhand_autonomy.signs.settings import adapt

    return adapt(recipe, splits, backbone, run)


@hookimpl
def evaluate(recipe, predictions):
    return _ask(recipe, "evaluate", recipe=recipe, predictions=predictions) or []


@hookimpl
def audit_bias(recipe, predictions):
    return _ask(recipe, "audit_bias", recipe=recipe, predictions=predictions) or []


@hookimpl
def report_sections(run):
    if run.recipe.name != SIGN_RECIPE:
        return _ask(run.recipe, "report_sections", run=run) or []
    from evenhand_autonomy.signs.section import sections

    return sections(run)


def _ask(asked, hook, **arguments):
    """What the asked recipe's module answers; None where it has no such function, which leaves it to the core."""
    module = import_module(ANSWERS[asked.name]) if asked.name in ANSWERS else None
    answer = getattr(module, hook, None)
    return answer(**arguments) if answer else None
