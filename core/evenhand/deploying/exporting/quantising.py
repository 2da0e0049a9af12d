"""Weights and products in 8 bits, by onnxruntime: convolutions calibrated on validation rows, the rest as they come.

Weights are kept to 7 bits (reduce_range): products of 8 by 8 bits overflow on processors without VNNI, where the same
file would then answer otherwise than where it was checked.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evenhand.deploying.exporting.needing import onnx_here, onnxruntime_here
from evenhand.deploying.exporting.reading import Reader

CALIBRATED = 256  # validation rows


def quantise(source: Path, target: Path, reader: Reader, rows: pl.DataFrame) -> None:
    """Write the ONNX model `source` in 8 bits to `target`; `rows` calibrate convolutions, and no test row is among
    them."""
    onnx, _ = onnx_here(), onnxruntime_here()
    from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    convolves = any(node.op_type == "Conv" for node in onnx.load(str(source)).graph.node)
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ready, made = Path(folder) / "ready.onnx", Path(folder) / "made.onnx"
            quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
            kind: dict[str, Any] = {"weight_type": QuantType.QInt8, "per_channel": True, "reduce_range": True}
            if convolves:
                quantize_static(str(ready), str(made), _Calibrating(reader, rows), **kind)
            else:
                quantize_dynamic(str(ready), str(made), **kind)
            model = onnx.load(str(made))
            del model.metadata_props[:]
            target.write_bytes(model.SerializeToString(deterministic=True))
    finally:
        logging.disable(before)


class _Calibrating:
    """onnxruntime's reader of calibration rows, one at a time."""

    def __init__(self, reader: Reader, rows: pl.DataFrame) -> None:
        self.rows = self._one_by_one(reader, rows.head(CALIBRATED))

    def _one_by_one(self, reader: Reader, rows: pl.DataFrame) -> Iterator[dict[str, np.ndarray]]:
        for places, inputs in reader.batches(rows):
            for row in range(len(places)):
                yield {name: values[row : row + 1] for name, values in inputs.items()}

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next row; None after the last."""
        return next(self.rows, None)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Not used: rows are not divided."""
