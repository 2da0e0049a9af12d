"""Writes recipe.md, policy.md and pretrain.md from the models that read them, so that the pages say what the code does.

python docs/generate.py            # writes the pages
python docs/generate.py --check    # exits with 1 where a page is not what would be written
"""

import datetime
import sys
import types
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from evenhand.asking.question import Question
from evenhand.auditing.question.policy import Policy, RatioRule, shipped
from evenhand.pretraining.settings import PretrainRule
from evenhand.recipe import OF_THE_RUN, Recipe

HERE = Path(__file__).parent
WORDS = {
    Question: "table",
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    datetime.date: "date",
}
PLURALS = {
    "text": "texts",
    "number": "numbers",
    "list of numbers or list of texts": "lists of numbers or of texts",
}
BOUNDS = {"Gt": ("gt", ">"), "Ge": ("ge", "≥"), "Lt": ("lt", "<"), "Le": ("le", "≤")}

RECIPE = """# Recipes: every key

A recipe is a TOML file: everything that a run depends on besides the data. `evenhand show DOMAIN/NAME` prints the
values of one, each with its origin; `--set a.b=value` sets one for a single run. A key that is not listed here is
refused by name.

```toml
name = "tickets"
domain = "hello"
title = "Which tickets are urgent"
task = "binary"
modality = "text"
backbone = "all-minilm-l6-v2"

[schema]
input = "text"
label = "urgent"
sensitive = ["customer"]

[audit]
tolerance = { tpr = 0.1 }
```
"""

POLICY = """# Policies: every key

A policy is a TOML file of dated rules with their source: `--policy NAME` for one that is shipped, `--policy mine.toml`
for your own. A report says under which policy it was computed, never that anything is lawful. What you name on the
command line (`--tolerance`, `--reference`) goes before what the policy says.

```toml
name = "our-lending-rule"
version = "1"
title = "Our rule for lending"
source = "Lending handbook, chapter 4"

[tolerance]
tpr = 0.05

[[ratio]]
metric = "selection_rate"
least = 0.8
```
"""


PRETRAIN = """# Pretrain a backbone

`evenhand pretrain BACKBONE` teaches a network before any recipe adapts it: by your own data, by a plugin's simulation,
or by pictures of formulas. It leaves a folder that every recipe takes.

```sh
evenhand pretrain timm:test_resnet --out small \\
    --set pretrain.steps=4 --set pretrain.batch_size=8 --set pretrain.image_size=32 --set pretrain.classes=4
```

    evenhand run healthcare/chest-xray --set backbone=local:small

That is a toy of four steps. In earnest:

@KINDS@

BACKBONE is a name of `evenhand backbones`, whose weights training starts from; `timm:ARCHITECTURE`, an image network
with random weights; or `local:DIR`, to go on from a folder. Where the data have official splits only the training rows
are seen.

Killed at any point, the same command goes on from its last checkpoint and ends with the same bytes, on one machine
with one number of threads. `torchrun --nproc-per-node 2 -m evenhand pretrain …` divides each batch among processes; on
a GPU it is the same command.

## The folder

    small/                       the walk: manifest.json (versions, seed, cost), data.json, log.jsonl
      backbone/                  what may be handed on
        model.safetensors        the weights
        config.json              timm's, transformers' or the tabular network's description
        card.json                what it was pretrained on, licence, parameters, size, known bias, command, sha256

`local:small` and `local:small/backbone` are the same. Nothing is read from a folder without a card, from weights
whose sha256 is not the card's, or from weights that do not fit the architecture. The card cannot know the licence of
your data or whom they leave out: say it with `--set pretrain.licence=…` and `--set pretrain.known_bias=…`.

## Where it does not pay

Figures and the one command that measures them are in `benchmarks/pretraining.md`. In short:

- **Minutes of your own do not replace millions of photographs.** Small networks taught for 150 to 200 steps by formulas
  or by unlabelled pictures were no better than random weights on chest films and worse on traffic signs, when nothing
  but a linear head was put on them; the embedded ImageNet weights were far better at every number of labels.
- **Sixty steps of masked tokens** on 10,000 messages left the sentence encoder a point worse as frozen features.
- **On tables** the embedded network begins as an average of kernel regressions, and what its training on synthetic
  tables adds to that is nothing that five seeds can show on five real sets.

A simulation of the task itself does pay: `autonomy/sim` names nine of ten real signs without having seen one
(`benchmarks/autonomy.md`).

## Settings

Beside these, `seed`, `schema.*` and, for a plugin, `options.*` are those of a [recipe](recipe.md).
"""


PRETRAIN_KINDS = (
    (
        "supervised",
        "`evenhand pretrain efficientnet-lite0 --data images`",
        "one folder of images for each class, or a table with `--set schema.label=COLUMN`",
    ),
    (
        "self-supervised",
        "the same, with all images in one folder",
        "two views of each of your unlabelled images: VICReg (arXiv 2105.04906)",
    ),
    (
        "formula-driven",
        "`evenhand pretrain timm:mobilenetv2_035`",
        "rendered fractals (arXiv 2101.08515) and contours (arXiv 2303.01112): no photograph, no person",
    ),
    (
        "masked tokens",
        "`evenhand pretrain all-minilm-l6-v2 --data texts.txt`",
        "one text a line, or a table with `--set schema.input=COLUMN`",
    ),
    ("prior", "`evenhand pretrain tabular-prior`", "synthetic tables drawn from evenhand's own prior"),
    (
        "a plugin's",
        "`evenhand pretrain autonomy/sim`",
        "what its `pretrain` hook simulates: here photographs of traffic signs",
    ),
)


QUESTION = (
    "What is asked of the run's predictions, as [question.md](question.md) says it; the schema names the columns.\n"
)


def pages() -> dict[str, str]:
    """The text of every generated page by its file name."""
    return {"recipe.md": _recipe_page(), "policy.md": _policy_page(), "pretrain.md": _pretrain_page()}


def _recipe_page() -> str:
    parts = [RECIPE, "## Top level\n", _table(Recipe)]
    for name, field in Recipe.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts += [f"## [{field.alias or name}]\n", f"{_about(field.annotation)}\n", _table(field.annotation)]
            parts += _inner(field.annotation, f"{field.alias or name}")
        elif field.annotation is Question:
            parts += [f"## [{name}]\n", QUESTION, _question_table()]
    return _page(parts, "core/evenhand/recipe.py and core/evenhand/schema.py")


def _inner(model: type[BaseModel], name: str) -> list[str]:
    """The tables inside a table, each under its whole name."""
    parts = []
    for key, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            parts += [f"## [{name}.{key}]\n", f"{_about(field.annotation)}\n", _table(field.annotation)]
            parts += _inner(field.annotation, f"{name}.{key}")
    return parts


def _pretrain_page() -> str:
    rows = ["| kind | command | learns by |", "|---|---|---|", *(_row(*cells) for cells in PRETRAIN_KINDS)]
    text = PRETRAIN.replace("@KINDS@", "\n".join(rows))
    return _page([text, _table(PretrainRule)], "core/evenhand/pretraining/settings.py")


def _question_table() -> str:
    """The parts of a Question that a recipe's [audit] table may hold."""
    hints = get_type_hints(Question, include_extras=True)
    found = [(part.name, hints[part.name].__metadata__[0].says) for part in fields(Question)]
    rows = [
        "| key | meaning |",
        "|---|---|",
        *(_row(f"`{name}`", says) for name, says in found if name not in OF_THE_RUN),
    ]
    return "\n".join(rows) + "\n"


def _policy_page() -> str:
    parts = [POLICY, "## Top level\n", _table(Policy), "## [[ratio]]\n", f"{_about(RatioRule)}\n", _table(RatioRule)]
    rows = ["| name | title | where | in force from | judges |", "|---|---|---|---|---|"]
    for name, policy in shipped().items():
        judges = [f"{metric} ≤ {gap:g}" for metric, gap in policy.tolerance.items()]
        judges += [f"ratio of {rule.metric} ≥ {rule.least:g}" for rule in policy.ratio if rule.least is not None]
        since = policy.in_force_from.isoformat() if policy.in_force_from else ""
        cells = (f"`{name}`", policy.title, policy.jurisdiction, since, "; ".join(judges) or "nothing: shows tables")
        rows.append(_row(*cells))
    return _page([*parts, "## Shipped\n", "\n".join(rows) + "\n"], "core/evenhand/auditing/question/policy.py")


def _page(parts: list[str], source: str) -> str:
    return "\n".join([*parts, f"<!-- written by docs/generate.py from {source} -->\n"])


def _about(model: type[BaseModel]) -> str:
    """The first paragraph of a model's docstring on one line."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _table(model: type[BaseModel]) -> str:
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        key = field.alias or name
        if not field.description:
            raise SystemExit(f"{model.__name__}.{name} has no description; give its Field one")
        rows.append(_row(f"`{key}`", type_in_words(field, key), default_in_words(field), field.description))
    return "\n".join(rows) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def type_in_words(field: FieldInfo, key: str = "") -> str:
    """What may stand there, as a reader of TOML would say it, with its limits."""
    limits = [
        f"{sign} {getattr(found, name):g}"
        for found in field.metadata
        for name, sign in [BOUNDS.get(type(found).__name__, ("", ""))]
        if name
    ]
    return " ".join([_words(field.annotation, key), *([", ".join(limits)] if limits else [])])


def _words(kind: Any, key: str) -> str:
    origin, inside = get_origin(kind), [part for part in get_args(kind) if part is not type(None)]
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if origin in (Union, types.UnionType):
        return " or ".join(_words(part, key) for part in inside if part is not int or float not in inside)
    if origin is tuple:
        word = _words(inside[0], key)
        return f"list of {PLURALS.get(word, word)}"
    if origin is dict:
        return "table" if inside[1] is Any else f"table of {PLURALS[_words(inside[1], key)]}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"table [{key}]" if key != "ratio" else "`[[ratio]]`"
    return WORDS[kind]


def default_in_words(field: FieldInfo) -> str:
    """The default as TOML writes it; "not set" where nothing is."""
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True)
    if value is None or value == () or value == "" or (isinstance(value, Mapping) and not value):
        return "not set" if value is None else "empty"
    if isinstance(value, BaseModel):
        return "see below"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def main() -> None:
    """Write the pages, or say which one is not up to date."""
    stale = [name for name, text in pages().items() if _now(name) != text]
    if "--check" in sys.argv[1:]:
        sys.exit(f"not up to date: {', '.join(stale)}; run python docs/generate.py" if stale else 0)
    for name, text in pages().items():
        (HERE / name).write_text(text, "utf-8")


def _now(name: str) -> str:
    return (HERE / name).read_text("utf-8") if (HERE / name).exists() else ""


if __name__ == "__main__":
    main()
