"""The back ends ``tensorrt`` and ``tensorrt_rtx``: who may load a plan, and who says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from georet.errors import UsageError
from georet_export.artefact.artefact import Artefact, read_manifest
from georet_export.artefact.session_base import ArtefactSession, verified
from georet_export.trt.flavours import CLASSIC, RTX, import_tensorrt, is_installed
from georet_export.trt.targets import probe_cuda

if TYPE_CHECKING:
    from georet_export.trt.engine import Engine


class RTXBackend:
    """Executes the plans of TensorRT-RTX."""

    flavour: ClassVar[str] = RTX

    def refuses(self, artefact: Path) -> str | None:
        """Say why no plan of the artefact can be executed here, or None; reads the manifest only.

        A plan is a program for one version of TensorRT and some GPUs: both must fit exactly.
        """
        manifest = read_manifest(artefact)
        if manifest["format"] != self.flavour:
            return f"executes plans of {self.flavour}, this is {manifest['format']}"
        if not is_installed(self.flavour):
            return f"{self.flavour} is not installed"
        probe, targets = probe_cuda(), manifest["targets"]
        if probe.target is None:
            return probe.reason
        if probe.target not in targets:
            return f"the plan is for {', '.join(targets)}, {probe.device} is {probe.target}"
        built = manifest.get("engine", {}).get("version")
        here = import_tensorrt(self.flavour).__version__
        if built == here:
            return None
        return f"the plan is of {self.flavour} {built}, {here} is installed"

    def open(
        self, artefact: Path, view: str, *, threads: int | None = None, device: str | None = None
    ) -> ArtefactSession:
        """Verify the artefact against its manifest, then load its plan on the GPU, or ``device``.

        ``threads`` caps a CPU's threads and means nothing here. Raises UsageError with the reason
        of ``refuses``, IntegrityError for a file that was changed; then nothing is loaded.
        """
        del threads
        checked = verified(artefact, view)
        if reason := self.refuses(artefact):
            raise UsageError(
                f"this machine can't execute the engine: {reason}",
                where=str(artefact),
                hint="--backend auto takes a back end that can, or says why none does.",
            )
        loaded = load_engine(checked, view, device=device or "cuda")
        return ArtefactSession(
            loaded.execute, loaded.identity, checked.batch, overlap=loaded.overlap(checked.batch[2])
        )


class ClassicBackend(RTXBackend):
    """Executes the plans of classic TensorRT."""

    flavour: ClassVar[str] = CLASSIC


def load_engine(artefact: Artefact, view: str, *, device: str = "cuda") -> Engine:
    """Load the plan of a verified artefact on the GPU, from the bytes that were verified."""
    # Imports torch, which choosing a back end shouldn't.
    from georet_export.trt.engine import Engine

    trt = import_tensorrt(artefact.format)
    name = f"{artefact.format} {trt.__version__} cuda"
    identity = replace(artefact.identity(view), backend=name, precision=artefact.precision)
    return Engine(trt, artefact.read(artefact.main), identity, device=device)
