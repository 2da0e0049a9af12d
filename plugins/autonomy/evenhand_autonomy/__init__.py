"""evenhand's autonomy domain: a driving simulator, a backbone pretrained on it, and recipes from simulation to road."""

from evenhand import Backbone, BackboneCard, Recipe, answer, hookimpl

MODULES = {  # recipe -> where its answers to hooks are
    "lane-following": "evenhand_autonomy.lanes.answers",
    "obstacle": "evenhand_autonomy.obstacles.answers",
    "traffic-sign": "evenhand_autonomy.signs.answers",
}
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
    return answer(MODULES, recipe, "load_data", recipe=recipe, source=source)


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
