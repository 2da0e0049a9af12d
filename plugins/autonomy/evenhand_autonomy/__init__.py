"""evenhand's autonomy domain: a driving simulator, a backbone pretrained on it, and recipes from simulation to road."""

from evenhand import Backbone, BackboneCard, Recipe, hookimpl

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
        return None
    from evenhand_autonomy.signs.data import load

    return load(recipe, source)


@hookimpl
def finetune(recipe, splits, backbone, run):
    if recipe.name != SIGN_RECIPE:
        return None
    from evenhand_autonomy.signs.settings import adapt

    return adapt(recipe, splits, backbone, run)


@hookimpl
def report_sections(run):
    if run.recipe.name != SIGN_RECIPE:
        return []
    from evenhand_autonomy.signs.section import sections

    return sections(run)
