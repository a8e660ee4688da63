"""A stand-in for Segment Anything: the object is what has the colour of the first point."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def save_encoder(path, side=64, channels=3):
    """Embeddings are the normalised picture."""
    entry = helper.make_tensor_value_info("x", FLOAT, [1, channels, side, side])
    out = helper.make_tensor_value_info("image_embeddings", FLOAT, [1, channels, side, side])
    return _save(path, [helper.make_node("Identity", ["x"], ["image_embeddings"])], [entry], [out])


def save_decoder(path, scores=(0.9, 0.1), sized=False):
    """Two masks: what has the point's colour, and the rest; `scores` says which is the better one."""
    inputs = {"image_embeddings": [1, 3, "s", "s"], "point_coords": [1, "n", 2], "point_labels": [1, "n"]}
    inputs |= {"orig_im_size": [2]} if sized else {}
    nodes = [
        helper.make_node("Gather", ["point_coords", "zero"], ["first"], axis=1),  # [1, 1, 2], x and y
        helper.make_node("Gather", ["first", "swapped"], ["place"], axis=2),
        helper.make_node("Cast", ["place"], ["index"], to=TensorProto.INT64),
        helper.make_node("Transpose", ["image_embeddings"], ["last"], perm=[0, 2, 3, 1]),
        helper.make_node("GatherND", ["last", "index"], ["colour"], batch_dims=1),  # [1, 1, 3]
        helper.make_node("Sub", ["last", "colour"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["distances"]),
        helper.make_node("ReduceSum", ["distances", "channels"], ["distance"], keepdims=0),  # [1, s, s]
        helper.make_node("Sub", ["half", "distance"], ["near"]),
        helper.make_node("Neg", ["near"], ["far"]),
        helper.make_node("Unsqueeze", ["near", "one"], ["near4"]),
        helper.make_node("Unsqueeze", ["far", "one"], ["far4"]),
        helper.make_node("Concat", ["near4", "far4"], ["masks"], axis=1),
        helper.make_node("Identity", ["scores"], ["iou_predictions"]),
    ]
    constants = {
        "zero": np.array([0]), "one": np.array([1]), "swapped": np.array([1, 0]), "channels": np.array([3]),
        "half": np.float32(0.5), "scores": np.array([scores], np.float32),
    }  # fmt: skip
    outputs = [("masks", [1, 2, "s", "s"]), ("iou_predictions", [1, 2])]
    return _save(
        path,
        nodes,
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )


def _save(path, nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path
