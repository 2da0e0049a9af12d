"""The models that support-reply stores: the nearest accepted reply, and two baselines that know no language.

A message is answered with the reply that its nearest messages of training got: each of the k nearest votes for its
reply by its likeness, which is that of the encoder's vectors and, where validation rows say so, of letters too. How
sure it is, is the chance that such a reply is acceptable, as validation rows tell it from the likeness of the nearest
message and the share of votes. Below the threshold there is no reply.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Backbone, BadInput, Encoder, Recipe, Schema, found_again
from evenhand_nlp.reply.letters import Letters
from evenhand_nlp.writing.data import joined
from evenhand_nlp.writing.measures import graded

NEAREST = 20  # the most that vote
SHARPNESS = 20.0  # of a vote: a likeness less by 0.05 counts 1/e
CHUNK = 4_000_000  # likenesses in memory at once


@dataclass(frozen=True, slots=True)
class Settings:
    """What was chosen on validation rows. sure: constant, of likeness, of the share of votes (logistic). letters: the
    weight of letters in the likeness, against 1 of the vectors. least: what is less like every past message is not
    known at all: nothing like it was ever asked."""

    k: int
    sure: tuple[float, float, float]
    threshold: float
    letters: float = 0.0
    least: float = -1.0


@dataclass(frozen=True, slots=True)
class Found:
    """For each row: the place of its reply, the likeness of the nearest message, the share of votes it got."""

    reply: np.ndarray
    likeness: np.ndarray
    share: np.ndarray

    def sure(self, settings: Settings) -> np.ndarray:
        """The chance that each reply is acceptable; 0 where nothing like the message was ever asked."""
        constant, likeness, share = settings.sure
        chance = 1 / (1 + np.exp(-(constant + likeness * self.likeness + share * self.share)))
        return np.where(self.likeness >= settings.least, chance, 0.0)


class Memory:
    """Messages of the past as unit vectors and by their letters, and which reply each got."""

    def __init__(self, vectors: np.ndarray, reply: Any, letters: Letters | None = None) -> None:
        self.vectors, self.reply = np.ascontiguousarray(vectors, np.float32), np.asarray(reply, np.int64)
        self.letters = letters

    def nearest(
        self, asked: np.ndarray, texts: Sequence[str] = (), weight: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """(places, likenesses) of the nearest messages, each [rows, at most NEAREST], the nearest first.

        weight: that of the letters of `texts`; likenesses stay in [-1, 1].
        """
        count = min(NEAREST, len(self.vectors))
        places, alike = [np.zeros((0, count), np.int64)], [np.zeros((0, count))]
        step = max(1, CHUNK // max(1, len(self.vectors)))
        for start in range(0, len(asked), step):
            likeness = np.asarray(asked[start : start + step] @ self.vectors.T, np.float64)
            if weight and self.letters is not None:
                written = self.letters.alike(texts[start : start + step])
                likeness = (likeness + weight * written) / (1 + weight)
            order = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
            places.append(order)
            alike.append(np.take_along_axis(likeness, order, axis=1))
        return np.concatenate(places), np.concatenate(alike)

    def voted(self, places: np.ndarray, alike: np.ndarray, k: int) -> Found:
        """The reply with the most votes among the k nearest, and how many of all votes it got."""
        best, shares = [], []
        for mine, likeness in zip(places[:, :k], alike[:, :k], strict=True):
            votes: dict[int, float] = {}
            for place, weight in zip(mine, np.exp(SHARPNESS * (likeness - likeness[0])), strict=True):
                reply = int(self.reply[place])
                votes[reply] = votes.get(reply, 0.0) + float(weight)
            chosen = max(votes, key=lambda one: votes[one])  # of equals the nearest, which was entered first
            best.append(chosen)
            shares.append(votes[chosen] / sum(votes.values()))
        return Found(np.array(best, np.int64), alike[:, 0] if len(alike) else np.zeros(0), np.array(shares, float))


class Retrieval:
    """The nearest accepted reply, or none."""

    holds_rows = True

    def __init__(
        self, encoder: Encoder, schema: Schema, memory: Memory, replies: Sequence[str], settings: Settings, measure: str
    ) -> None:
        self.encoder, self.schema, self.memory = encoder, schema, memory
        self.replies, self.settings, self.measure = list(replies), settings, measure

    def vectors(self, rows: Any) -> np.ndarray:
        """Unit vectors of the rows' messages."""
        return unit(self.encoder.features(rows, self.schema))

    def found(self, rows: Any) -> Found:
        """What is nearest to each row."""
        texts = joined([list(rows[name]) for name in self.schema.input])
        nearest = self.memory.nearest(self.vectors(rows), texts, self.settings.letters)
        return self.memory.voted(*nearest, self.settings.k)

    def write(self, rows: Any) -> tuple[list[str | None], np.ndarray]:
        """The reply of each row, None where it is not sure enough; and how sure it is."""
        found = self.found(rows)
        sure = found.sure(self.settings)
        said = [
            self.replies[place] if how >= self.settings.threshold else None
            for place, how in zip(found.reply, sure, strict=True)
        ]
        return said, sure

    def scores(self, rows: Any) -> np.ndarray:
        """[rows]: how sure it is."""
        return self.found(rows).sure(self.settings)

    def quality(self, texts: list[str | None], rows: Any) -> np.ndarray:
        """Of each text beside the row's own reply."""
        return graded(self.measure, texts, rows[str(self.schema.label)])

    def save(self, folder: Path) -> None:
        """Vectors as safetensors, replies and settings as JSON."""
        from safetensors.numpy import save_file

        save_file({"vectors": self.memory.vectors, "reply": self.memory.reply}, folder / "memory.safetensors")
        told = {
            "encoder": self.encoder.identity,
            "schema": self.schema.model_dump(),
            "settings": asdict(self.settings),
            "measure": self.measure,
            "replies": self.replies,
            "messages": self.memory.letters.texts if self.memory.letters and self.settings.letters else [],
        }
        (folder / "retrieval.json").write_text(json.dumps(told, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> Retrieval:
        """What `save` wrote, with its encoder found again."""
        from safetensors.numpy import load_file

        told = json.loads((folder / "retrieval.json").read_text("utf-8"))
        tensors = load_file(folder / "memory.safetensors")
        letters = Letters(told["messages"]) if told["messages"] else None
        memory = Memory(tensors["vectors"], tensors["reply"], letters)
        if len(memory.reply) and not 0 <= int(memory.reply.min()) <= int(memory.reply.max()) < len(told["replies"]):
            raise BadInput(f"{folder} names replies that it does not hold; run the recipe again")
        encoder = found_again(str(told["encoder"]), recipe, backbone)
        chosen = told["settings"]
        settings = Settings(
            int(chosen["k"]), tuple(chosen["sure"]), chosen["threshold"], chosen["letters"], chosen.get("least", -1.0)
        )
        return cls(encoder, Schema(**told["schema"]), memory, told["replies"], settings, str(told["measure"]))


class UsualReply:
    """A baseline: the most frequent reply, whatever is asked."""

    def __init__(self, reply: str, share: float) -> None:
        self.reply, self.share = reply, share

    @classmethod
    def of(cls, replies: Sequence[str]) -> UsualReply:
        """Learnt from past replies; of equals the first in sorted order."""
        reply, times = min(Counter(replies).items(), key=lambda one: (-one[1], one[0]))
        return cls(reply, times / len(replies))

    def write(self, rows: Any) -> tuple[list[str | None], np.ndarray]:
        """The same for every row."""
        return [self.reply] * len(rows), self.scores(rows)

    def scores(self, rows: Any) -> np.ndarray:
        """As often as it was right in training."""
        return np.full(len(rows), self.share)

    def quality(self, texts: list[str | None], rows: Any) -> np.ndarray:
        """Never asked: the adapted model measures."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """As JSON."""
        told = {"reply": self.reply, "share": self.share}
        (folder / "usual.json").write_text(json.dumps(told, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> UsualReply:
        """What `save` wrote."""
        told = json.loads((folder / "usual.json").read_text("utf-8"))
        return cls(str(told["reply"]), float(told["share"]))


class LettersInCommon:
    """A baseline: the reply to the message with the most letter n-grams in common (TF-IDF), in any script."""

    holds_rows = True

    def __init__(self, messages: Sequence[str], replies: Sequence[str], inputs: Sequence[str]) -> None:
        self.letters, self.replies, self.inputs = Letters(messages), list(replies), list(inputs)

    def _nearest(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        asked = joined([list(rows[name]) for name in self.inputs])
        places, alike = [np.zeros(0, np.int64)], [np.zeros(0)]
        step = max(1, CHUNK // max(1, len(self.replies)))
        for start in range(0, len(asked), step):
            likeness = self.letters.alike(asked[start : start + step])
            places.append(likeness.argmax(1))
            alike.append(likeness.max(1))
        return np.concatenate(places), np.concatenate(alike)

    def write(self, rows: Any) -> tuple[list[str | None], np.ndarray]:
        """The reply of the nearest message, and how alike they are."""
        places, alike = self._nearest(rows)
        return [self.replies[place] for place in places], alike

    def scores(self, rows: Any) -> np.ndarray:
        """How alike the nearest message is."""
        return self._nearest(rows)[1]

    def quality(self, texts: list[str | None], rows: Any) -> np.ndarray:
        """Never asked: the adapted model measures."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Messages and replies as JSON; counted again when it is read."""
        told = {"messages": self.letters.texts, "replies": self.replies, "inputs": self.inputs}
        (folder / "letters.json").write_text(json.dumps(told, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> LettersInCommon:
        """What `save` wrote."""
        told = json.loads((folder / "letters.json").read_text("utf-8"))
        return cls(told["messages"], told["replies"], told["inputs"])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1; one of zeros stays."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), np.float32)
