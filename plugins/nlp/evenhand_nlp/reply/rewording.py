"""A found reply in other words, by a causal network; where facts were lost or made up, the reply as it was written.

Facts are numbers, addresses of the web and of mail. A rewording stands where it holds the same ones as the reply, has
enough words in common with it, and was not stopped in the middle.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evenhand import Backbone, BadInput, Recipe
from evenhand import backbone as backbone_of
from evenhand_nlp.reply.retrieval import Retrieval
from evenhand_nlp.writing.data import joined
from evenhand_nlp.writing.decoding import Decoding
from evenhand_nlp.writing.measures import f1
from evenhand_nlp.writing.model import Generated, Manner
from evenhand_nlp.writing.network import open_network

INSTRUCTION = "Rewrite the reply to the customer in a friendly way. Keep every fact, and add none."
FACT = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\w+|\d+(?:[.,:]\d+)*")
ALIKE = 0.4  # token F1 with the reply, at least
MOST, LIMIT = 96, 512  # tokens of a rewording, and of a message with its reply


def facts(text: str) -> Counter[str]:
    """The numbers and addresses of a text, and how often each is there."""
    return Counter(found.rstrip(".,;:!?)") for found in FACT.findall(text))


def kept(reply: str, reworded: str, stopped: bool) -> str:
    """The rewording where it may stand, else the reply."""
    fine = not stopped and facts(reworded) == facts(reply) and f1(reworded, reply) >= ALIKE
    return reworded if fine else reply


class Reworded:
    """The nearest accepted reply, reworded where that keeps its facts."""

    holds_rows = True

    def __init__(self, inner: Retrieval, writer: Generated, backbone: str) -> None:
        self.inner, self.writer, self.backbone = inner, writer, backbone

    @classmethod
    def by(cls, inner: Retrieval, recipe: Recipe, backbone: str) -> Reworded:
        """With the backbone of this name."""
        network = open_network(backbone_of(backbone), recipe)
        manner = Manner(INSTRUCTION, min(LIMIT, network.positions - MOST), Decoding(MOST), inner.measure)
        return cls(inner, Generated(network, inner.schema, manner, None), backbone)

    def reworded(self, messages: Sequence[str], replies: Sequence[str | None]) -> list[str | None]:
        """Each reply in other words, or as it is; None where there is none."""
        places = [place for place, reply in enumerate(replies) if reply is not None]
        asked = [f"Message: {messages[place]}\nReply: {replies[place]}" for place in places]
        texts: list[str | None] = list(replies)
        if asked:
            said, _, stopped = self.writer.said(asked)
            for place, text, cut in zip(places, said, stopped, strict=True):
                texts[place] = kept(str(replies[place]), text, bool(cut))
        return texts

    def write(self, rows: Any) -> tuple[list[str | None], np.ndarray]:
        """The reply of each row, None where it is not sure enough; and how sure it is."""
        replies, sure = self.inner.write(rows)
        return self.reworded(joined([list(rows[name]) for name in self.inner.schema.input]), replies), sure

    def scores(self, rows: Any) -> np.ndarray:
        """[rows]: how sure it is."""
        return self.inner.scores(rows)

    def quality(self, texts: list[str | None], rows: Any) -> np.ndarray:
        """Of each text beside the row's own reply."""
        return self.inner.quality(texts, rows)

    def save(self, folder: Path) -> None:
        """The retrieval in inner/, and which backbone rewords."""
        (folder / "inner").mkdir()
        self.inner.save(folder / "inner")
        told = {"backbone": self.backbone, "network": self.writer.network.identity}
        (folder / "rewording.json").write_text(json.dumps(told), "utf-8")

    @classmethod
    def load(cls, folder: Path, recipe: Recipe, backbone: Backbone | None) -> Reworded:
        """What `save` wrote, with both backbones found again."""
        told = json.loads((folder / "rewording.json").read_text("utf-8"))
        made = cls.by(Retrieval.load(folder / "inner", recipe, backbone), recipe, str(told["backbone"]))
        if made.writer.network.identity != told["network"]:
            raise BadInput(
                f"the replies were reworded by other weights than backbone '{told['backbone']}' has now; run the recipe"
                " again in a new folder"
            )
        return made
