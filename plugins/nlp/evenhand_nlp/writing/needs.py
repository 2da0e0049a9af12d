"""What a recipe says that has no network to write with: nothing heavy is imported for it."""

from __future__ import annotations

from evenhand import Recipe


def needs_backbone(recipe: Recipe) -> str:
    """What to name, in one sentence."""
    return (
        f"recipe '{recipe.full_name}' needs a network that writes, and names none: give a folder or a name on the hub"
        " in transformers' format, with weights in safetensors, such as --set backbone=hf:./opus-mt-en-de or"
        " --set backbone=hf:Helsinki-NLP/opus-mt-en-de"
    )
