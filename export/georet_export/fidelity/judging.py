"""Judging what was just written: by its own runtime, or a plan by the file it was compiled from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch

from georet.contracts.running import Session
from georet.errors import UsageError
from georet.export_spec import Precision
from georet.plugins import Plugins
from georet_export.artefact.artefact import Artefact, read_artefact
from georet_export.artefact.backends import open_onnx_file
from georet_export.artefact.session import open_session
from georet_export.fidelity.judge import Fidelity, Judge

_INSTEAD = "the ONNX file that the plan was compiled from"


def judged(
    folders: Sequence[Path], judge: Judge, plugins: Plugins, *, max_loss: float
) -> tuple[Fidelity | None, str | None]:
    """Return the fidelity of a format's artefacts, or None and why nothing could execute them."""
    artefacts = [read_artefact(folder) for folder in folders]
    try:
        sessions: dict[str, Session] = {}
        for artefact, view in ((a, view) for a in artefacts for view in a.views):
            if _is_unexecuted(artefact):
                name = next(name for name in artefact.files if name.endswith(".onnx"))
                sessions[view] = open_onnx_file(artefact, name, view)
            else:
                wishes = plugins.wishes or None
                sessions[view] = open_session(artefact.path, view, plugins=wishes)
    except UsageError as error:
        return None, str(error)
    with _exact_float32():
        found = judge.judge(
            sessions,
            cast(Precision, artefacts[0].precision),
            max_loss=max_loss,
            of=_INSTEAD if any(map(_is_unexecuted, artefacts)) else None,
        )
    for session in sessions.values():
        session.close()
    return found, None


@contextmanager
def _exact_float32() -> Iterator[None]:
    """Keep CUDA from rounding float32 to 10 bits of mantissa (TF32), as convolutions do."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def _is_unexecuted(artefact: Artefact) -> bool:
    return artefact.verified_on_gpu is False
