"""The image backbone that comes as a torch file: it is the trained network, under timm's names, and nothing was
unpickled."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from evenhand.errors import BadInput
from evenhand.extending.embedded import EFFICIENTNET_LITE0
from evenhand.files import digest
from evenhand.pretrained.conversion import converted, matched
from evenhand.values import BackboneCard

SIGHTS = {"boathouse", "monastery", "castle", "palace"}
FLOWERS = {"daisy", "bee"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EVENHAND_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield converted(EFFICIENTNET_LITE0)


def test_it_is_the_trained_network(folder):
    """Photographs that scikit-learn brings get ImageNet classes that a person would give."""
    import timm
    from safetensors.torch import load_file
    from timm.data import ImageNetInfo

    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    names = ImageNetInfo()
    for photograph, expected in zip(load_sample_images().images, (SIGHTS, FLOWERS), strict=True):
        small = Image.fromarray(photograph).resize((224, 224), Image.Resampling.BICUBIC)
        pixels = (np.asarray(small, np.float32) / 255 - 0.5) / 0.5
        with torch.inference_mode():
            scores = model.eval()(torch.from_numpy(pixels.transpose(2, 0, 1)[None]))[0]
        best = [names.index_to_description(int(i)).split(",")[0] for i in scores.topk(4).indices]
        assert len(expected & set(best)) >= 1, best


def test_it_is_converted_once_and_again_where_the_copy_was_damaged(folder, monkeypatch):
    monkeypatch.setenv("EVENHAND_CACHE", str(folder.parents[1]))
    weights = folder / "model.safetensors"
    first = weights.stat().st_mtime_ns
    assert converted(EFFICIENTNET_LITE0) == folder
    assert weights.stat().st_mtime_ns == first
    sha = digest(weights)
    weights.write_bytes(weights.read_bytes()[:-1000])
    converted(EFFICIENTNET_LITE0)
    assert digest(weights) == sha == json.loads((folder / "config.json").read_text())["sha256"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"card": dataclasses.replace(EFFICIENTNET_LITE0.card, sha256="0" * 64)}, "are not the ones its card names"),
        ({"card": BackboneCard("nothing", "none", 0, 0.0)}, "read only where its card names the sha256"),
        (
            {"source": "torch:package_that_is_not_there/x.pth"},
            "not installed; install it: pip install package-that-is-not",
        ),
        ({"source": "torch:numpy/x.pth"}, "there is no file"),
        ({"options": {"architecture": "tf_efficientnet_lite1"}}, "tensors, and the architecture"),
    ],
)
def test_what_is_not_the_promised_file_is_refused(change, says, tmp_path, monkeypatch):
    monkeypatch.setenv("EVENHAND_CACHE", str(tmp_path))
    with pytest.raises(BadInput, match=says):
        converted(dataclasses.replace(EFFICIENTNET_LITE0, **change))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_tensors_of_another_shape_are_refused():
    with pytest.raises(BadInput, match=r"tensor a has shape \(2,\), and b of the architecture \(3,\)"):
        matched(EFFICIENTNET_LITE0, {"a": torch.zeros(2)}, {"b": torch.zeros(3)})
