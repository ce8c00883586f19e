"""The two flavours of TensorRT: which are installed, and which one ``--trt`` takes."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType

from georet.extras import need
from georet_export.artefact.errors import ExportError
from georet_export.trt.targets import CudaProbe, parse_targets, probe_cuda

CLASSIC, RTX = "tensorrt", "tensorrt_rtx"
"""By the names of their modules, which are those of georet's exporters and back ends too."""
EXTRAS = {CLASSIC: "trt", RTX: "trt-rtx"}


def is_installed(flavour: str) -> bool:
    """Whether the flavour's module is there to be imported."""
    return importlib.util.find_spec(flavour) is not None


def import_tensorrt(flavour: str) -> ModuleType:
    """Return the module ``tensorrt`` or ``tensorrt_rtx``; MissingExtraError names its extra."""
    extra = EXTRAS[flavour]
    try:
        return need(flavour, extra=extra, what="an engine plan")
    except (ImportError, OSError) as error:
        raise ExportError(
            f"{flavour} is installed, but can't be imported: {error}",
            hint="Its libraries are missing or of another version: "
            f"pip install --force-reinstall 'georet[{extra}]'.",
        ) from error


@dataclass(frozen=True)
class ChosenFlavour:
    """A flavour of TensorRT, and why it was chosen, as a sentence for the user."""

    flavour: str
    reason: str


def choose_flavour(targets: Iterable[str] = (), probe: CudaProbe | None = None) -> ChosenFlavour:
    """Return what ``--trt`` builds with: classic on a CUDA machine that has it, else RTX.

    Targets other than the machine's own GPU ask for RTX: the classic one builds for the GPU at
    hand only. UsageError for targets that none of both can build here.
    """
    probe = probe or probe_cuda()
    others = set(targets) - {probe.target}
    if probe.target is None:
        return ChosenFlavour(RTX, f"tensorrt_rtx compiles ahead of time: {probe.reason}")
    if others:
        named = ", ".join(parse_targets(targets))
        return ChosenFlavour(RTX, f"tensorrt_rtx compiles ahead of time: --target asks for {named}")
    if not is_installed(CLASSIC):
        return ChosenFlavour(
            RTX, f"tensorrt_rtx compiles ahead of time: {CLASSIC} is not installed"
        )
    return ChosenFlavour(CLASSIC, f"tensorrt builds for the {probe.device} of this machine")
