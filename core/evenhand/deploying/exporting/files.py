"""Parts as files: ONNX by torch's exporter or by hand, or torch's own archive. The same part gives the same bytes."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evenhand.deploying.exporting.parts import INSTEAD, Part
from evenhand.errors import BadInput

NAMES = ("scores", "features")
OPSET = 20
MOMENT = (1980, 1, 1, 0, 0, 0)  # of every member of a torch archive


def write_onnx(part: Part, file: Path) -> None:
    """Write the part's ONNX model; BadInput that names the operator and the module where ONNX has none."""
    from evenhand.deploying.exporting.needing import onnx_here

    onnx = onnx_here()
    portable = part.portable
    if portable.trees:
        from evenhand.deploying.exporting.tree_graph import tree_model

        reads = portable.reads
        model = tree_model(portable, len(reads["features"] if "features" in reads else reads["columns"]))
    else:
        model = _traced(part)
        _plain(model)
        onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString(deterministic=True))


def _traced(part: Part) -> Any:
    import torch

    entry, example, shapes = _entry(part)
    names = list(NAMES[:2] if getattr(part.portable.network, "features", False) is True else NAMES[:1])
    with _quietly(), _refusing(part.portable.network):
        program: Any = torch.onnx.export(
            entry,
            args=(),
            kwargs=example,
            dynamo=True,
            input_names=list(example),
            output_names=names,
            dynamic_shapes=shapes,
            opset_version=OPSET,
            verbose=False,
        )
    return program.model_proto


def _entry(part: Part) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """(the module to trace, two rows for it, which sides of them may grow)."""
    import torch

    from evenhand.deploying.exporting.modules import entry_of, example_of

    kind = str(part.portable.reads["kind"])
    example = example_of(kind, part.portable.reads)
    grows = {0: torch.export.Dim.DYNAMIC, **({1: torch.export.Dim.DYNAMIC} if kind == "text" else {})}
    return entry_of(kind, part.portable.network), example, dict.fromkeys(example, grows)


def write_torch(part: Part, file: Path) -> None:
    """Write the part as an archive of torch.export (.pt2), without example rows and without anything pickled."""
    import torch

    entry, example, shapes = _entry(part)
    with _quietly(), _refusing(part.portable.network):
        program = torch.export.export(entry, (), example, dynamic_shapes=shapes, strict=False)
    for node in program.graph.nodes:  # where in somebody's files each step was written, which no reader needs
        for name in ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn"):
            node.meta.pop(name, None)
    program._example_inputs = None  # they would be pickled
    kept = io.BytesIO()
    with _quietly():
        torch.export.save(program, kept)
    _rewritten(kept, file)


def _rewritten(archive: io.BytesIO, file: Path) -> None:
    """The same archive with one moment for all members, in order and uncompressed."""
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(file, "w") as after:
        for name in sorted(before.namelist()):
            after.writestr(zipfile.ZipInfo(name, MOMENT), before.read(name))


def _plain(model: Any) -> None:
    """Take out where in somebody's files each step was written, and give growing sides their names."""
    named: dict[str, str] = {}
    graph = model.graph
    for put, names in ((graph.input, ("rows", "tokens")), (graph.output, ("rows",))):
        for value in put:
            for place, side in enumerate(value.type.tensor_type.shape.dim):
                if side.dim_param:
                    side.dim_param = named.setdefault(side.dim_param, names[min(place, len(names) - 1)])
    for value in graph.value_info:
        for side in value.type.tensor_type.shape.dim:
            if side.dim_param in named:
                side.dim_param = named[side.dim_param]
    del model.metadata_props[:]
    model.doc_string = graph.doc_string = ""
    del graph.metadata_props[:]
    for node in [*graph.node, *(node for function in model.functions for node in function.node)]:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*graph.input, *graph.output, *graph.value_info, *graph.initializer]:
        value.doc_string = ""
        del value.metadata_props[:]
    model.producer_version = ""


@contextmanager
def _refusing(network: Any) -> Iterator[None]:
    """What torch cannot convert becomes one sentence with the operator and the module."""
    try:
        yield
    except Exception as error:
        raise BadInput(f"{unconverted(error, type(network).__name__)}; {INSTEAD}") from None


OPERATOR = re.compile(
    r"(?:target|function for|dispatch for|for)\s*[:=]?\s*<?(?:OpOverload\(op=)?'?([a-z_]+[.:]+[\w.]+)"
)


def unconverted(error: BaseException, module: str) -> str:
    """What could not be converted, from the exporter's error and those that it came from."""
    said, at = [], error
    while at is not None:
        said.append(str(at))
        at = at.__cause__ or at.__context__  # type: ignore[assignment]
    named = OPERATOR.search("\n".join(said))
    if named is not None:
        return f"the module {module} uses the operator {named[1].replace('::', '.')}, which ONNX does not have"
    short = " ".join(str(error).split())[:160]
    return f"the module {module} cannot be converted ({type(error).__name__}: {short})"


@contextmanager
def _quietly() -> Iterator[None]:
    """torch's exporters write warnings and log lines that say nothing to whoever exports."""
    import logging

    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
