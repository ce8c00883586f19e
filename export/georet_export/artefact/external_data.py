"""ONNX files that point at other files: found without opening those, and refused.

A tensor of an ONNX file may lie in a file that the ONNX file names, by any path. georet writes
single files, so it opens nothing else, wherever the name leads.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from georet.errors import IntegrityError
from georet.extras import need

_NO_MODEL = "is no ONNX model"


def check_onnx(content: bytes | Path, *, where: str) -> Any:
    """Return the ``onnx.ModelProto``, with no file but its own read.

    Raises IntegrityError for what is no ONNX model, and for one with a tensor in another file.
    """
    onnx = need("onnx", extra="onnx", what="looking into an ONNX file")
    data = content.read_bytes() if isinstance(content, Path) else content
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's errors have no public base
        raise IntegrityError(f"{_NO_MODEL}: {error}", where=where) from error
    if not model.graph.node:
        raise IntegrityError(f"{_NO_MODEL}: it has no node", where=where)
    folder = content.parent if isinstance(content, Path) else None
    for tensor in tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise IntegrityError(
                f"tensor {tensor.name!r} lies in another file: {_place(tensor, folder)}; "
                "not opened",
                where=where,
                hint="georet writes and opens ONNX models of a single file: export it again.",
            )
    return model


def tensors(model: Any) -> Iterator[Any]:
    """Yield a model's tensors: initialisers and attributes, in subgraphs and functions too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)
        yield from _of_attributes(function.attribute_proto)
    for training in model.training_info:
        yield from _of_graph(training.initialization)
        yield from _of_graph(training.algorithm)


def _of_graph(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    yield from _of_sparse(graph.sparse_initializer)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    for node in nodes:
        yield from _of_attributes(node.attribute)


def _of_attributes(attributes: Iterable[Any]) -> Iterator[Any]:
    for attribute in attributes:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        if attribute.HasField("sparse_tensor"):
            yield from _of_sparse([attribute.sparse_tensor])
        yield from _of_sparse(attribute.sparse_tensors)
        if attribute.HasField("g"):
            yield from _of_graph(attribute.g)
        for graph in attribute.graphs:
            yield from _of_graph(graph)


def _of_sparse(found: Iterable[Any]) -> Iterator[Any]:
    for sparse in found:
        yield sparse.values
        yield sparse.indices


def _place(tensor: Any, folder: Path | None) -> str:
    """Return the place that the tensor names, and what is wrong with it in particular."""
    place = next((e.value for e in tensor.external_data if e.key == "location"), "")
    kinds = (PurePosixPath(place), PureWindowsPath(place))
    if any(kind.is_absolute() or kind.drive for kind in kinds):
        return f"{place!r}, an absolute path"
    if any(".." in kind.parts for kind in kinds):
        return f"{place!r}, outside the model's folder"
    if folder is not None and place and (about := _file(folder / place)):
        return f"{place!r}, {about}"
    return repr(place)


def _file(path: Path) -> str:
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return "which is missing"
    if stat.S_ISLNK(found.st_mode):
        return "a symbolic link"
    return "a hard link" if found.st_nlink > 1 else ""
