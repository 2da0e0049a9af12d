"""Small sources for the reader: a recipe over any schema, files of rows, pictures."""

import json

import pytest

from evenhand import Recipe


def make_recipe(task="multiclass", modality="text", split=None, seed=0, **schema):
    roles = {"input": "text", "label": "y", **schema}
    values = {"name": "r", "domain": "d", "title": "t", "task": task, "modality": modality, "seed": seed}
    return Recipe.build({**values, "schema": roles, "split": split or {}}, {}, "the test")


def make_rows(n=40, prefix="row", **columns):
    """`n` rows with a text, a label a or b, and `columns`: name -> value of row i."""
    table = {"text": [f"{prefix} {i}" for i in range(n)], "y": ["ab"[i % 2] for i in range(n)]}
    return table | {name: [value(i) for i in range(n)] for name, value in columns.items()}


@pytest.fixture
def recipe():
    return make_recipe


@pytest.fixture
def rows():
    return make_rows


@pytest.fixture
def write(tmp_path):
    """Write rows (or text, or bytes) to a file by its ending -> its path."""
    import polars as pl

    def put(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, "utf-8")
        elif path.suffix == ".jsonl":
            lines = zip(*content.values(), strict=True)
            path.write_text("".join(json.dumps(dict(zip(content, line, strict=True))) + "\n" for line in lines))
        elif path.suffix == ".parquet":
            pl.DataFrame(content).write_parquet(path)
        else:
            pl.DataFrame(content).write_csv(path)
        return path

    return put


@pytest.fixture
def picture(tmp_path):
    """Write a small picture of one grey value -> its path."""
    from PIL import Image

    def put(name, grey=0):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), grey).save(path)
        return path

    return put
