"""The models that write, as a run stores them: a backbone by its identity with updates, and plain baselines."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Backbone, BadInput, Recipe, Schema
from evenhand_nlp.support import as_text
from evenhand_nlp.writing.decoding import Decoding, Told, decoded
from evenhand_nlp.writing.measures import graded
from evenhand_nlp.writing.network import Network, open_network, prompts
from evenhand_nlp.writing.tuning import Shape, merged

SENTENCE = re.compile(r".*?(?:[.!?…](?=\s|$)|[。！？।۔؟]|\n|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Manner:
    """What is said to the network before a source, how much of the source it reads, how it writes, and the measure."""

    instruction: str
    limit: int
    decoding: Decoding
    measure: str


def sources_of(rows: Any, inputs: Sequence[str]) -> list[str]:
    """The input columns of each row, a line each."""
    columns = [list(rows[name]) for name in inputs]
    return ["\n".join(as_text(part) for part in row) for row in zip(*columns, strict=True)]


class Generated:
    """Texts that a network writes, tuned or as it came. `updates`: (tensors, shape)."""

    def __init__(
        self, network: Network, schema: Schema, manner: Manner, updates: tuple[dict[str, Any], Shape] | None
    ) -> None:
        self.network, self.schema, self.manner, self.updates = network, schema, manner, updates
        self._model = network.model if updates is None else merged(network, *updates)
        self._last: tuple[tuple[str, ...], tuple[list[str], np.ndarray, np.ndarray]] | None = None

    def said(self, sources: Sequence[str], told: Told | None = None) -> tuple[list[str], np.ndarray, np.ndarray]:
        """(texts, the mean probability of their tokens, whether each was stopped by its length). The last is kept."""
        key = tuple(sources)
        if self._last is None or self._last[0] != key:
            found = prompts(self.network, sources, self.manner.instruction, self.manner.limit)
            made = decoded(self.network, self._model, found.numbers, self.manner.decoding, told)
            self._last = key, made
        return self._last[1]

    def forget(self) -> None:
        """Write anew, also what was written last."""
        self._last = None

    def write(self, rows: Any) -> tuple[list[str | None], np.ndarray]:
        """The text of each row, None where nothing was written; and the mean probability of its tokens."""
        texts, sure, _ = self.said(sources_of(rows, self.schema.input))
        return [text or None for text in texts], sure

    def scores(self, rows: Any) -> np.ndarray:
        """[rows]: the mean probability of the tokens that it writes."""
        return self.write(rows)[1]

    def quality(self, texts: list[str | None], rows: Any) -> np.ndarray:
        """Of each text beside the row's own."""
        return graded(self.manner.measure, texts, rows[str(self.schema.label)])

    def save(self, folder: Path) -> None:
        """The updates as safetensors, the rest as JSON; the backbone's own weights are not copied."""
        from safetensors.torch import save_file

        if self.updates is not None:
            save_file(self.updates[0], folder / "updates.safetensors")
        told = {
            "network": self.network.identity,
            "backbone": self.network.name.rpartition("/")[2],
            "shape": None if self.updates is None else asdict(self.updates[1]),
            "schema": self.schema.model_dump(),
            "manner": asdict(self.manner),
        }
        (folder / "generated.json").write_text(json.dumps(told, indent=1, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> Generated:
        """What `save` wrote, with its backbone found again."""
        from safetensors.torch import load_file

        told = json.loads((folder / "generated.json").read_text("utf-8"))
        network = open_network(backbone, recipe)
        if network.identity != told["network"]:
            raise BadInput(
                f"the stored model was made with other weights than backbone '{network.name}' has now; run the recipe"
                " again in a new folder"
            )
        manner = told["manner"]
        updates: tuple[dict[str, Any], Shape] | None = None
        if told["shape"] is not None:
            updates = load_file(folder / "updates.safetensors"), Shape(**told["shape"])
        return cls(
            network, Schema(**told["schema"]), Manner(**{**manner, "decoding": Decoding(**manner["decoding"])}), updates
        )


class LeadSentences:
    """A baseline: the first sentences of the source. Where no mark ends a sentence, a line does."""

    def __init__(self, count: int, inputs: Sequence[str]) -> None:
        self.count, self.inputs = count, list(inputs)

    def write(self, rows: Any) -> tuple[list[str | None], np.ndarray]:
        """The first sentences of each row."""
        texts = [lead(source, self.count) or None for source in sources_of(rows, self.inputs)]
        return list(texts), self.scores(rows)

    def scores(self, rows: Any) -> np.ndarray:
        """It is always as sure."""
        return np.ones(len(rows))

    def quality(self, texts: list[str | None], rows: Any) -> np.ndarray:
        """Never asked: the adapted model measures."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """As JSON."""
        (folder / "lead.json").write_text(json.dumps({"count": self.count, "inputs": self.inputs}), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> LeadSentences:
        """What `save` wrote."""
        told = json.loads((folder / "lead.json").read_text("utf-8"))
        return cls(int(told["count"]), told["inputs"])


def lead(text: str, count: int) -> str:
    """The first sentences of a text.

    >>> lead("Es regnet. Wir bleiben! Und du?", 2), lead("今天很好。明天呢？", 1)
    ('Es regnet. Wir bleiben!', '今天很好。')
    """
    found = [part.strip() for part in SENTENCE.findall(text)]
    kept = [part for part in found if part][:count]
    return " ".join(kept)


class CopiedSource:
    """A baseline: the source as it is."""

    def __init__(self, inputs: Sequence[str]) -> None:
        self.inputs = list(inputs)

    def write(self, rows: Any) -> tuple[list[str | None], np.ndarray]:
        """Each row's source."""
        return [source or None for source in sources_of(rows, self.inputs)], self.scores(rows)

    def scores(self, rows: Any) -> np.ndarray:
        """It is always as sure."""
        return np.ones(len(rows))

    def quality(self, texts: list[str | None], rows: Any) -> np.ndarray:
        """Never asked: the adapted model measures."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """As JSON."""
        (folder / "copied.json").write_text(json.dumps({"inputs": self.inputs}), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> CopiedSource:
        """What `save` wrote."""
        return cls(json.loads((folder / "copied.json").read_text("utf-8"))["inputs"])
