"""A domain in ten lines: one recipe, for your own CSV."""

from evenhand import Recipe, hookimpl


@hookimpl
def recipes():
    columns = {"input": "text", "label": "urgent", "sensitive": "customer"}
    job = {"task": "binary", "modality": "text", "backbone": "all-minilm-l6-v2", "schema": columns}
    return [Recipe(domain="hello", name="tickets", title="Which tickets are urgent", **job)]
