"""Trees as an ONNX graph: one TreeEnsembleRegressor in double precision, and the link that makes probabilities of it.

ONNX's trees ask `value <= threshold` alone. Whether a code is among those of a node is worked out first, as one more
number of the row (0 or 1) for each set of codes that any node asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evenhand.portable import Portable, Tree

ML, OPSET, ML_OPSET, IR = "ai.onnx.ml", 18, 3, 9
Sets = dict[tuple[int, tuple[float, ...]], int]  # (feature, codes) -> its place among the sets


def tree_model(portable: Portable, width: int) -> Any:
    """The ONNX model: `matrix`, double [rows, width], to `scores`, double [rows, classes] or [rows] of a regression."""
    from onnx import TensorProto, checker, helper

    sets = sets_of(portable.trees)
    nodes, initial, seen = _membership(sets)
    told = _ensemble(portable, sets, width)
    nodes.append(helper.make_node("TreeEnsembleRegressor", [seen], ["single"], domain=ML, **told))
    nodes.append(helper.make_node("Cast", ["single"], ["sums"], to=TensorProto.DOUBLE))  # the operator gives floats
    nodes += _link(portable, initial)
    shape: list[Any] = ["rows"] if portable.link == "none" else ["rows", _outputs(portable)]
    graph = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info("matrix", TensorProto.DOUBLE, ["rows", width])],
        [helper.make_tensor_value_info("scores", TensorProto.DOUBLE, shape)],
        initial,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="evenhand", ir_version=IR)
    checker.check_model(model)
    return model


def sets_of(trees: Sequence[Tree]) -> Sets:
    """The sets of codes that nodes ask for, each once."""
    found: Sets = {}
    for tree in trees:
        for node, codes in sorted(tree.codes.items()):
            found.setdefault((int(tree.feature[node]), codes), len(found))
    return found


def _outputs(portable: Portable) -> int:
    return 2 if portable.link == "logit" else len(portable.base)


def _membership(sets: Sets) -> tuple[list[Any], list[Any], str]:
    """(nodes, initial values, the name of the row with a 0 or 1 for each set behind it)."""
    from onnx import helper, numpy_helper

    asked = [(feature, code, place) for (feature, codes), place in sets.items() for code in codes]
    if not asked:
        return [], [], "matrix"
    belongs = np.zeros((len(asked), len(sets)), dtype=np.float32)
    for row, (_, _, place) in enumerate(asked):
        belongs[row, place] = 1
    values: dict[str, np.ndarray] = {
        "asked_features": np.array([feature for feature, _, _ in asked], dtype=np.int64),
        "asked_codes": np.array([[code for _, code, _ in asked]], dtype=np.float64),
        "asked_sets": belongs,
    }
    nodes = [
        helper.make_node("Gather", ["matrix", "asked_features"], ["asked"], axis=1),
        helper.make_node("Equal", ["asked", "asked_codes"], ["is_code"]),
        helper.make_node("Cast", ["is_code"], ["code_marks"], to=1),
        helper.make_node("MatMul", ["code_marks", "asked_sets"], ["set_marks"]),
        helper.make_node("Cast", ["set_marks"], ["in_set"], to=11),
        helper.make_node("Concat", ["matrix", "in_set"], ["row"], axis=1),
    ]
    return nodes, [numpy_helper.from_array(value, name) for name, value in values.items()], "row"


def _ensemble(portable: Portable, sets: Sets, width: int) -> dict[str, Any]:
    """The attributes of the operator."""
    from onnx import numpy_helper

    told: dict[str, list[Any]] = {
        name: []
        for name in ("treeids", "nodeids", "featureids", "modes", "truenodeids", "falsenodeids", "missing", "values")
    }
    leaves: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}
    for number, tree in enumerate(portable.trees):
        for node in range(len(tree.feature)):
            told["treeids"].append(number)
            told["nodeids"].append(node)
            for name, value in _node(tree, node, sets, width).items():
                told[name].append(value)
            if tree.feature[node] < 0:
                for name, value in zip(leaves, (number, node, tree.output, float(tree.value[node])), strict=True):
                    leaves[name].append(value)
    return {
        "n_targets": len(portable.base),
        "aggregate_function": "SUM",
        "post_transform": "NONE",
        "nodes_treeids": told["treeids"],
        "nodes_nodeids": told["nodeids"],
        "nodes_featureids": told["featureids"],
        "nodes_modes": told["modes"],
        "nodes_truenodeids": told["truenodeids"],
        "nodes_falsenodeids": told["falsenodeids"],
        "nodes_missing_value_tracks_true": told["missing"],
        "nodes_values_as_tensor": numpy_helper.from_array(np.array(told["values"], dtype=np.float64), "values"),
        "target_treeids": leaves["treeids"],
        "target_nodeids": leaves["nodeids"],
        "target_ids": leaves["ids"],
        "target_weights_as_tensor": numpy_helper.from_array(np.array(leaves["weights"], dtype=np.float64), "weights"),
        "base_values_as_tensor": numpy_helper.from_array(np.array(portable.base, dtype=np.float64), "base"),
    }


def _node(tree: Tree, node: int, sets: Sets, width: int) -> Mapping[str, Any]:
    if tree.feature[node] < 0:
        return {"featureids": 0, "modes": "LEAF", "truenodeids": 0, "falsenodeids": 0, "missing": 0, "values": 0.0}
    left, right = int(tree.left[node]), int(tree.right[node])
    feature, threshold = int(tree.feature[node]), float(tree.threshold[node])
    missing = int(tree.missing_left[node])
    if node in tree.codes:  # the mark is at most 0.5 where the code is not in the set, which is then "true"
        feature, threshold, missing = width + sets[feature, tree.codes[node]], 0.5, 0
        left, right = (right, left) if tree.codes_left[node] else (left, right)
    return {
        "featureids": feature,
        "modes": "BRANCH_LEQ",
        "truenodeids": left,
        "falsenodeids": right,
        "missing": missing,
        "values": threshold,
    }


def _link(portable: Portable, initial: list[Any]) -> list[Any]:
    """The nodes that make `scores` of `sums`."""
    from onnx import helper, numpy_helper

    if portable.link == "none":
        initial.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "last_axis"))
        return [helper.make_node("Squeeze", ["sums", "last_axis"], ["scores"])]
    if portable.link == "softmax":
        return [helper.make_node("Softmax", ["sums"], ["scores"], axis=1)]
    initial.append(numpy_helper.from_array(np.array(1.0), "one"))
    order = ["other", "chance"] if portable.place == 1 else ["chance", "other"]
    return [
        helper.make_node("Sigmoid", ["sums"], ["chance"]),
        helper.make_node("Sub", ["one", "chance"], ["other"]),
        helper.make_node("Concat", order, ["scores"], axis=1),
    ]
