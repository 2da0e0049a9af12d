"""The kit lets a plugin's own model pass where it comes back from disk as it was, and names what keeps it from that."""

import sys

import numpy as np
import pytest

from evenhand import Adapted
from evenhand.testing import CHECKS, stored_model_scores_alike

from .test_kit import fault, plugin


class Forgetful:
    """A model at the top of a module, as the contract asks; what it stores is set by each test."""

    def __init__(self, tilt):
        self.tilt = tilt

    def scores(self, rows):
        chance = [min(1.0, x * self.tilt) for x in rows["x"]]
        return [[1 - p, p] for p in chance]

    def save(self, folder):
        np.save(folder / "tilt.npy", self.tilt)

    @classmethod
    def load(cls, folder):
        return cls(float(np.load(folder / "tilt.npy")))


@pytest.fixture
def with_own_model(monkeypatch):
    """with_own_model(save, load): a plugin whose own model stores itself so."""

    def make(**methods):
        for name, method in methods.items():
            monkeypatch.setattr(Forgetful, name, method)
        module = plugin(finetune=lambda: Adapted(Forgetful(0.7), classes=(0, 1), strategy="own"))
        monkeypatch.setattr(Forgetful, "__module__", "made")
        monkeypatch.setitem(sys.modules, "made", module)
        module.Forgetful = Forgetful
        return module

    return make


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_good_plugin_with_its_own_model_passes(check, with_own_model):
    check(with_own_model())


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        (
            {"load": classmethod(lambda cls, folder: cls(0.69))},
            "made/job': the stored model, read again, predicts other",
        ),
        ({"load": classmethod(lambda cls, folder: cls(3 / 0))}, "Forgetful.load of made failed: ZeroDivisionError"),
        ({"load": classmethod(lambda cls, folder: None)}, "gave no model from load, but NoneType"),
        ({"load": classmethod(lambda cls, folder, frog: None)}, "missing 1 required positional argument: 'frog'"),
        ({"save": lambda self, folder: {}["nothing"]}, "Forgetful.save of made failed: KeyError"),
        (
            {"save": lambda self, folder: (folder / "m.bin").write_bytes(b"\x80\x04N.")},
            "wrote m.bin, which is a pickle",
        ),
        ({"save": lambda self, folder: np.save(folder / "m.npy", [{}])}, "wrote m.npy, which is a pickle"),
        ({"save": lambda self, folder: (folder / "m.json").symlink_to("/etc/hosts")}, "m.json is a link"),
        ({"scores": lambda self, rows: rows["z"]}, "Forgetful.scores of made failed: "),
        ({"scores": lambda self, rows: [[0.5, 0.5]]}, "scores gave an array of shape (1, 2) for"),
        (
            {"save": None},
            "returned a Forgetful, which cannot be stored without pickle; give its class save(self, folder)",
        ),
    ],
)
def test_an_own_model_that_does_not_come_back(methods, says, with_own_model):
    assert says in fault(stored_model_scores_alike, with_own_model(**methods))


def test_an_own_model_from_outside_the_plugins_package():
    class Nested(Forgetful):
        pass

    for kind in (Nested, Forgetful):
        module = plugin(finetune=lambda kind=kind: Adapted(kind(0.7), classes=(0, 1), strategy="own"))
        sentence = fault(stored_model_scores_alike, module)
        assert "cannot be found again; define it at the top of a module" in sentence
        assert "(made)" in sentence
