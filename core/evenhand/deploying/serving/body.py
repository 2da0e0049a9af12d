"""The body of a request as columns of values: JSON rows, a text, or an image; nothing in it is taken for a path."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from email.message import Message
from typing import Any

from evenhand.deploying.serving.refused import Refused
from evenhand.recipe import Recipe

IMAGE_KINDS = ("image/", "application/dicom", "application/octet-stream")
PART_HEAD = 8_192  # bytes of the head of a part of a form
DATA_ADDRESS = re.compile(r"data:[\w.+/-]*;base64,")
Row = dict[str, Any]


def rows_of(body: bytes, kind: str, recipe: Recipe) -> list[Row]:
    """The rows that a body of the content type `kind` holds; images are bytes. Refused where it cannot be read."""
    about = Message()
    about["content-type"] = kind
    media = about.get_content_type() if kind else ""
    if media == "application/json":
        return [_with_image(row, recipe) for row in _json_rows(body, recipe)]
    if recipe.modality == "image" and media == "multipart/form-data":
        return _form_rows(body, str(about.get_param("boundary") or ""), recipe)
    if recipe.modality == "image" and media.startswith(IMAGE_KINDS):
        return [{_image_column(recipe): body}]
    also = ", an image itself (image/png), or a form with images" if recipe.modality == "image" else ""
    raise Refused(415, f"a request of the kind '{media[:60]}' is not read; send application/json{also}")


def _json_rows(body: bytes, recipe: Recipe) -> list[Row]:
    try:
        found = json.loads(body.decode("utf-8"), parse_constant=_no_number, object_pairs_hook=_each_once)
    except UnicodeDecodeError:
        raise Refused(400, "the request is not UTF-8 text; send JSON in UTF-8") from None
    except RecursionError:
        raise Refused(400, "the request's brackets nest too deep; send a list of rows") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused(400, f"the request is not JSON ({error.msg}: {where}); send {_example(recipe)}") from None
    except ValueError:  # a whole number of more digits than Python reads
        raise Refused(400, "the request holds a number of thousands of digits; send numbers as they are") from None
    if isinstance(found, dict) and "rows" in found and isinstance(found["rows"], list):
        if more := set(found) - {"rows"}:
            raise Refused(422, f"beside 'rows' the request has '{min(more)[:40]}', which is not known; leave it out")
        found = found["rows"]
    elif isinstance(found, dict):
        found = [found]
    if not isinstance(found, list):
        raise Refused(422, f"the request is a {_kind_of(found)} instead of rows; send {_example(recipe)}")
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise Refused(422, f"row {number:,} of the request is a {_kind_of(row)}; send {_example(recipe)}")
    return [_worded(row, recipe) for row in found]


def _no_number(word: str) -> Any:
    raise Refused(422, f"the request holds {word}, which JSON does not have; write null where a value is missing")


def _each_once(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Refused(422, f"a row of the request has '{twice[:40]}' twice; leave one of them out")
    return row


def _worded(row: Row, recipe: Recipe) -> Row:
    """The row with `text` or `image` under the name that the model's one input has."""
    word, inputs = recipe.modality, recipe.schema.input
    if word in ("text", "image") and word in row and len(inputs) == 1 and inputs[0] not in row:
        return {inputs[0] if name == word else name: value for name, value in row.items()}
    return row


def _with_image(row: Row, recipe: Recipe) -> Row:
    """The row with its image's bytes, which JSON holds as base64."""
    if recipe.modality != "image" or (column := _image_column(recipe)) not in row:
        return row
    value = row[column]
    if not isinstance(value, str):
        raise Refused(422, f"'{column}' is a {_kind_of(value)}; send the image's bytes as base64")
    try:
        return {
            **row,
            column: base64.b64decode(DATA_ADDRESS.sub("", value[:100], count=1) + value[100:], validate=True),
        }
    except (binascii.Error, ValueError):
        raise Refused(422, f"'{column}' is not base64; send the image's bytes as base64, no path") from None


def _form_rows(body: bytes, boundary: str, recipe: Recipe) -> list[Row]:
    """A row for each image of a form; its other fields are columns that all of them share."""
    if not boundary:
        raise Refused(400, "the form names no boundary; let your HTTP library make it")
    column, images, shared = _image_column(recipe), [], {}
    for name, is_file, content in _parts(body, boundary.encode("utf-8", "replace")):
        if is_file or name in (column, "image"):
            images.append(content)
        elif name in shared:
            raise Refused(422, f"the form has '{name[:40]}' twice; leave one of them out")
        else:
            shared[name] = content.decode("utf-8", "replace")
    if not images:
        raise Refused(422, "the form has no image; send it as the file 'image'")
    return [{column: image, **shared} for image in images]


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, bool, bytes]]:
    """(name, whether it is a file, content) of each part of a form (RFC 7578)."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise Refused(400, "the form is cut off, or its boundary is not the one that it names; send it again")
    for piece in pieces[1:-1]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        if not blank or len(head) > PART_HEAD:
            raise Refused(400, "a part of the form has no head; let your HTTP library make it")
        about = Message()
        for line in head.decode("utf-8", "replace").split("\r\n"):
            name, _, value = line.partition(":")
            if name.strip().lower() == "content-disposition":
                about["content-disposition"] = "".join(value.splitlines())
        named = about.get_param("name", header="content-disposition")
        if not isinstance(named, str):
            raise Refused(400, "a part of the form has no name; let your HTTP library make it")
        yield named, about.get_filename() is not None, content


def _image_column(recipe: Recipe) -> str:
    return recipe.schema.input[0] if recipe.schema.input else "image"


def _example(recipe: Recipe) -> str:
    if recipe.modality == "text" and len(recipe.schema.input) == 1:
        return '{"text": "…"}, or {"rows": [{"text": "…"}]}'
    if recipe.modality == "image":
        return '{"image": "…"} with its bytes as base64'
    return '{"rows": [{"COLUMN": value, …}]}'


def _kind_of(value: Any) -> str:
    kinds = {"dict": "structure", "list": "list", "str": "text", "bool": "truth value", "NoneType": "null"}
    return kinds.get(type(value).__name__, "number")
