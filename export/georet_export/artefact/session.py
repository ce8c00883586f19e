"""One way to embed images, whatever executes the encoder: torch or an exported artefact."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from georet.contracts.running import Session
from georet.plugins import Selection
from georet.sessions import AUTO, SessionSpec
from georet.types import QUERY


def open_session(
    path: Path | str,
    view: str = QUERY,
    backend: str = AUTO,
    *,
    threads: int | None = None,
    checkpoint: str = "last",
    plugins: Sequence[str] | None = None,
    blocked: Sequence[str] = (),
    allow_failing: bool = False,
) -> Session:
    """Return a session that embeds uint8[B, H, W, 3] as unit-length float32[B, D].

    ``path`` is a run's folder (executed by torch), an artefact's folder, or a folder with one
    artefact a view. ``backend`` is ``torch``, ``onnxruntime``, ``openvino``, ``tensorrt``,
    ``tensorrt_rtx``, one that a plugin brings, or ``auto``: the first that this machine can run.
    ``threads`` caps the threads on a CPU. ``session.identity.backend`` says what executes.

    Every file of an artefact is compared with its manifest before any of it is loaded
    (IntegrityError). UsageError where no back end can execute it here, with every back end's
    reason, and for an artefact that failed its fidelity gate, unless ``allow_failing``.
    """
    spec = SessionSpec(
        source=Path(path),
        view=view,
        backend=backend,
        checkpoint=checkpoint,
        selection=Selection.of(plugins, blocked),
        threads=threads,
        allow_failing=allow_failing,
    )
    return spec.open()
