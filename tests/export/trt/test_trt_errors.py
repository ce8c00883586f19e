"""Graphs that the ONNX checker accepts and TensorRT refuses: the error names node and operator."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from georet.errors import IntegrityError
from georet_export.artefact.errors import ExportError
from georet_export.trt.build import build_engine
from georet_export.trt.errors import Graph
from georet_export.trt.log import Log, tidy

tensorrt_rtx = pytest.importorskip("tensorrt_rtx")

FLOAT, HALF, UINT8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8
node, value = helper.make_node, helper.make_tensor_value_info
BATCH = (1, 4, 8)
NO_DRIVER = (
    "[checkMacros.cpp::catchCudaError::250] Error Code 1: Cuda Runtime (In catchCudaError at "
    "/_src/common/dispatch/checkMacros.cpp:250 (cudaError 35: CUDA driver version is insufficient "
    "for CUDA runtime version))"
)


def kernel(dtype: str = "float32") -> onnx.TensorProto:
    weights = np.random.default_rng(0).standard_normal((8, 3, 3, 3))
    return numpy_helper.from_array(weights.astype(dtype), "kernel")


def graph_of(nodes, shapes, constants=(), image_type=FLOAT, domain=None):
    """Return a model from ``image`` to ``embedding``; ``shapes`` are theirs."""
    image, embedding = shapes
    graph = helper.make_graph(
        nodes,
        "encoder",
        [value("image", image_type, image)],
        [value("embedding", FLOAT, embedding)],
        list(constants),
    )
    opsets = [helper.make_opsetid("", 20)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def transposes_uint8():
    return graph_of(
        [
            node("Transpose", ["image"], ["turned"], name="to_nchw", perm=[0, 3, 1, 2]),
            node("Cast", ["turned"], ["embedding"], name="to_float", to=FLOAT),
        ],
        (["batch", 8, 8, 3], ["batch", 3, 8, 8]),
        image_type=UINT8,
    )


def bakes_the_batch(name="flatten"):
    shape = numpy_helper.from_array(np.array([2, 12]), "shape")
    nodes = [node("Reshape", ["image", "shape"], ["embedding"], name=name)]
    return graph_of(nodes, (["batch", 3, 4], [2, 12]), [shape])


def invents_an_operator():
    nodes = [node("Swirl", ["image"], ["embedding"], name="odd_one", domain="my.own")]
    return graph_of(nodes, (["batch", 3], ["batch", 3]), domain="my.own")


def mixes_types_of_weights():
    nodes = [node("Conv", ["image", "kernel"], ["embedding"], name="stem")]
    return graph_of(nodes, (["batch", 3, 8, 8], ["batch", 8, 6, 6]), [kernel("float16")])


def mixes_types_of_activations():
    nodes = [
        node("Cast", ["image"], ["half"], name="to_half", to=HALF),
        node("Add", ["image", "half"], ["embedding"], name="residual"),
    ]
    return graph_of(nodes, (["batch", 3], ["batch", 3]))


def convolves(height=8):
    nodes = [node("Conv", ["image", "kernel"], ["embedding"], name="stem")]
    return graph_of(nodes, (["batch", 3, height, 8], ["batch", 8, None, 6]), [kernel()])


def refusal(model, tmp_path, batch=BATCH) -> ExportError:
    path = tmp_path / "encoder.onnx"
    onnx.save(model, path)
    with pytest.raises(ExportError) as caught:
        build_engine(tensorrt_rtx, path, batch)
    return caught.value


@pytest.mark.parametrize(
    ("model", "place", "reason", "hint"),
    [
        (transposes_uint8, ("to_nchw", "Transpose"), "type UInt8", "cast the image"),
        (bakes_the_batch, ("flatten", "Reshape"), "change volume", "baked into the node"),
        (invents_an_operator, ("odd_one", "Swirl"), "not found", "no plug-in libraries"),
        (mixes_types_of_weights, ("stem", "Conv"), "of same type", "put a Cast"),
        (mixes_types_of_activations, ("residual", "Add"), "same input types", "put a Cast"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_tensorrt_refuses_is_named_by_node_and_operator(model, place, reason, hint, tmp_path):
    error = refusal(model(), tmp_path)
    assert (error.node, error.operator) == place
    assert reason in error.reason
    assert hint in error.hint
    assert all(word in str(error) for word in (*place, reason))


def test_a_missing_range_of_batches_is_named_by_the_input(tmp_path):
    error = refusal(convolves(), tmp_path, batch=None)
    assert (error.node, error.operator) == ("image", "Input")
    assert "no optimization profile" in error.reason
    assert "--batch MIN OPT MAX" in error.hint


def test_a_range_of_batches_that_falls_is_named_by_the_input(tmp_path):
    error = refusal(convolves(), tmp_path, batch=(1, 8, 4))
    assert (error.node, error.operator) == ("image", "Input")
    assert "MIN<=OPT<=MAX" in error.reason


def test_a_dynamic_height_is_refused_before_the_build(tmp_path):
    error = refusal(convolves(height="height"), tmp_path)
    assert (error.node, error.operator) == ("image", "Input")
    assert "[-1, 3, -1, 8]" in error.reason


def test_a_node_without_a_name_goes_by_what_it_makes(tmp_path):
    error = refusal(bakes_the_batch(name=None), tmp_path)
    assert (error.node, error.operator) == ("node_of_embedding", "Reshape")


def test_an_error_is_told_without_the_echo_of_the_missing_driver(tmp_path):
    for model in (transposes_uint8(), mixes_types_of_weights()):
        error = refusal(model, tmp_path)
        assert "cuda" not in error.reason.lower()
        assert "/_src/" not in error.reason


def test_what_is_no_onnx_model_never_reaches_tensorrt(tmp_path):
    path = tmp_path / "encoder.onnx"
    path.write_bytes(b"no model at all")
    with pytest.raises(IntegrityError, match="is no ONNX model"):
        build_engine(tensorrt_rtx, path, BATCH)


def test_weights_in_another_file_never_reach_tensorrt(tmp_path):
    path = tmp_path / "encoder.onnx"
    onnx.save(convolves(), path, save_as_external_data=True, size_threshold=0, location="w.bin")
    with pytest.raises(IntegrityError, match="in another file"):
        build_engine(tensorrt_rtx, path, BATCH)


def test_the_sound_version_of_a_graph_compiles(tmp_path):
    path = tmp_path / "encoder.onnx"
    onnx.save(convolves(), path)
    built = build_engine(tensorrt_rtx, path, BATCH)
    assert built.num_layers == 1
    assert built.activation_bytes > 0


def test_of_several_names_in_a_message_the_most_particular_one_counts():
    model = convolves()
    for name in ("conv", "conv_1", "block/conv_1"):
        model.graph.node.append(node("Relu", ["image"], [f"{name}.out"], name=name))
    graph = Graph(model)
    assert graph.named_in("Cannot compile 'block/conv_1' here").node == "block/conv_1"
    assert graph.named_in("layer conv_12 is odd").node is None
    assert graph.named_in("tensor conv_1.out is odd").node == "conv_1"


def test_a_log_gives_its_faults_once_and_the_memory_last_said():
    log = Log(
        [
            ("INFO", "Total Activation Memory: 12 bytes"),
            ("WARNING", "all is well"),
            (
                "ERROR",
                "IBuilder::build: Error Code 4: API Usage Error (stem: odd. In f at /_src/a.cpp:1)",
            ),
            ("ERROR", NO_DRIVER),
            ("ERROR", "stem: odd"),
            ("INFO", "Total Activation Memory: 34 bytes"),
        ]
    )
    assert log.faults() == ["stem: odd"]
    assert log.bytes_of("Activation") == 34
    assert log.bytes_of("Weights") is None


def test_a_message_of_several_lines_is_tidied_line_by_line():
    assert tidy(f"Invalid Node - stem\n\n{NO_DRIVER}\nstem: odd") == [
        "Invalid Node - stem",
        "stem: odd",
    ]


def test_a_refused_compilation_is_not_collected_inside_the_next_one(tmp_path):
    # Its builder's destructor would wait for a lock that TensorRT holds while it logs.
    import gc

    import georet_export.trt.build as build

    with build._no_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with build._no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
