"""The secret that all noise is drawn from: random, kept beside no result, and gone when the model is whole.

Whoever knows the seed of the noise can take the noise off again, so it is never the recipe's. 32 random bytes lie in a
file of the cache that its owner alone may read, so that a run that was killed draws the same noise for the same rows
and nothing is released twice; with the data's fingerprint in the stream's key, other rows never get the same noise.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evenhand.files import atomic

if TYPE_CHECKING:
    from evenhand.recorded.run_folder import Run

BYTES, FOLDER = 32, "secrets"


class Noise:
    """A stream of SHAKE-256 under a secret key, as uniform and normal numbers; the same key gives the same stream."""

    def __init__(self, key: bytes) -> None:
        self._key, self._drawn = key, 0

    def uniform(self, shape: Sequence[int]) -> np.ndarray:
        """float64 in (0, 1), of the resolution of doubles near 1."""
        count = int(np.prod(shape))
        self._drawn += 1
        stream = hashlib.shake_256(self._key + self._drawn.to_bytes(8, "little")).digest(8 * count)
        whole = np.frombuffer(stream, dtype="<u8") >> np.uint64(11)
        return np.asarray((whole + 0.5) / 2.0**53).reshape(tuple(shape))

    def normal(self, shape: Sequence[int]) -> np.ndarray:
        """Standard normal float64."""
        from scipy.special import ndtri

        return np.asarray(ndtri(self.uniform(shape)))

    def seed(self) -> int:
        """63 bits for another generator."""
        self._drawn += 1
        return int.from_bytes(hashlib.shake_256(self._key + self._drawn.to_bytes(8, "little")).digest(8), "little") >> 1


def key_file(run: Run) -> Path:
    """Where the secret of this run lies while it is needed: outside its folder, which is passed on."""
    name = hashlib.sha256(f"{run.path.resolve()}\n{run.identity}".encode()).hexdigest()
    return run.cache / FOLDER / f"{name}.key"


def noise_of(run: Run, fingerprint: str, purpose: str) -> Noise:
    """The noise of a run on data of this fingerprint; the secret is made where there is none yet."""
    file = key_file(run)
    try:
        secret = file.read_bytes()
    except FileNotFoundError:
        secret = b""
    if len(secret) != BYTES:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with atomic(file) as temporary:
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
                opened.write(os.urandom(BYTES))
            secret = temporary.read_bytes()
    return Noise(hashlib.sha256(b"\n".join([secret, fingerprint.encode(), purpose.encode()])).digest())


def forget(run: Run) -> None:
    """Remove the secret: the model is whole and recorded, and nobody can take its noise off any more."""
    with contextlib.suppress(FileNotFoundError):
        key_file(run).unlink()
