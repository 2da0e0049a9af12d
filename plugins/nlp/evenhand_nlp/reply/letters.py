"""How many letter n-grams texts have in common (TF-IDF), in any script."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

NGRAMS = (2, 4)


class Letters:
    """The n-grams of known texts, counted again whenever they are read; the same texts give the same numbers."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.texts = list(texts)
        self._counts = TfidfVectorizer(analyzer="char_wb", ngram_range=NGRAMS, sublinear_tf=True)
        try:
            self._known: Any = self._counts.fit_transform(self.texts)
        except ValueError:  # no text holds a single n-gram
            self._known = None

    def alike(self, asked: Sequence[str]) -> np.ndarray:
        """[asked, known] in [0, 1]: the cosine of weighted n-grams."""
        if self._known is None or not len(asked):
            return np.zeros((len(asked), len(self.texts)))
        product = self._counts.transform(list(asked)) @ self._known.T
        return np.asarray(np.clip(product.toarray(), 0.0, 1.0))
