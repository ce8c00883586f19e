"""Whether a backbone can be written as a graph at all, tried in a second or two without a file."""

from __future__ import annotations

import contextlib
import io
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.export import Dim

from georet.blame import Maker, line_of, maker_of
from georet.encoder import Branch, Encoder
from georet.encoder_facts import Size
from georet_export.artefact.errors import ExportError
from georet_export.artefact.vendors import quiet
from georet_export.onnx.graph import Deployable

BATCHES = (2, 3)
"""One traced, both computed; one image alone would be taken for a constant."""
LARGEST_BATCH = 4096
TALKATIVE = ("torch.onnx", "onnxscript", "torch.export", "torch.fx")


def check_encoder(encoder: Encoder, sizes: Mapping[str, Size]) -> None:
    """Raise ExportError for the first branch that makes no graph for every batch size.

    ``sizes`` are height and width in pixels by view; branch and size that views share are tried
    once. The error names the component, and the line of its code where that is known.
    """
    tried = set()
    for view, size in sizes.items():
        branch = encoder.branch(view)
        alike = encoder.likeness(view), tuple(size)
        if alike not in tried:
            tried.add(alike)
            check_branch(branch, view, size)


def check_branch(branch: Branch, view: str, size: Size) -> None:
    """Trace a branch for any batch, and compute the graph's shapes for two."""
    maker = maker_of(branch.backbone)
    graph = Deployable(branch, view=view)
    images = torch.zeros((BATCHES[0], *size, 3), dtype=torch.uint8)
    lines: list[str] = []
    try:
        with _silent(), torch.no_grad(), _made_numbers(maker, lines):
            program = torch.export.export(
                graph,
                (images,),
                dynamic_shapes={"image": {0: Dim("batch", min=1, max=LARGEST_BATCH)}},
                strict=False,
            )
    except Exception as error:  # torch passes on whatever the backbone's code raises
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        what = f"{type(error).__name__}: {first}"
        where = line_of(error, maker.root)
        if not where and (lines or "onstraints violated" in first):
            what, where = "the batch size becomes a constant", "".join(lines[:1])
        raise ExportError(
            f"torch can't trace the backbone into a graph: {what}{where}",
            where=f"{maker}, view {view}",
            hint="Its forward must not depend on pixel values, and must take every batch size: "
            "`x.shape[0]`, not `len(x)`.",
        ) from error
    _compare(program, maker, view, size)


def _compare(program: Any, maker: Maker, view: str, size: Size) -> None:
    module = program.module()
    for num in BATCHES:
        with torch.no_grad():
            found = module(torch.zeros((num, *size, 3), dtype=torch.uint8))
        if len(found) != num:
            raise ExportError(
                f"the backbone's graph makes {len(found)} embeddings of {num} images",
                where=f"{maker}, view {view}",
                hint="No number in a reshape may stand for the batch size.",
            )


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with quiet(*TALKATIVE), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _made_numbers(maker: Maker, lines: list[str]) -> Iterator[None]:
    """Note the lines of a component's code that turn the traced batch size into a plain number."""
    root = maker.root

    def noting(convert: Any) -> Any:
        def convert_and_note(number: Any) -> Any:
            frames = [] if root is None else traceback.extract_stack()
            parents = [Path(frame.filename) for frame in frames]
            own = [
                f
                for f, p in zip(frames, parents, strict=True)
                if Path(str(root)) in (p, *p.parents)
            ]
            if own:
                lines.append(f" ({own[-1].filename}:{own[-1].lineno}, `{own[-1].line}`)")
            return convert(number)

        return convert_and_note

    with contextlib.ExitStack() as stack:
        for name in ("__int__", "__index__"):
            noted = noting(getattr(torch.SymInt, name))
            stack.enter_context(patch.object(torch.SymInt, name, noted))
        yield
