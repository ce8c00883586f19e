"""Opening an encoder for use: a run by torch, an exported artefact by the runtime that fits it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from georet.blame import blaming, maker_of, mark
from georet.contracts.building import BuildContext
from georet.contracts.running import Backend, Session
from georet.data.resizing import rule_of
from georet.errors import DataError, UsageError
from georet.files import read_json
from georet.identity import EncoderIdentity
from georet.plugins import UNSAID, Plugins, Selection, load_plugins
from georet.run_layout import ARTEFACT
from georet.suggest import hint_for
from georet.types import QUERY, Floats, Pixels

if TYPE_CHECKING:
    from torch import Tensor

    from georet.config import RunConfig
    from georet.encoder import Encoder
    from georet.feeding.overlap import Overlap

TORCH, AUTO = "torch", "auto"
BATCH = 64


@dataclass(frozen=True)
class SessionSpec:
    """What to open, as plain values that pass to another process.

    ``source`` is a run's folder, an artefact's folder, or a folder with one artefact a view.
    ``backend`` is ``torch`` for runs, a back end's name for artefacts, or ``auto``. ``threads``
    caps the runtime's threads on a CPU. ``allow_failing`` opens an artefact that failed its
    fidelity gate too. ``weights_sha256``, where it is known, is what a run's weights must be; they
    are compared before anything is built of them. ``device`` (``cuda:1``) takes the place of the
    run's own, or of the first that a back end finds.
    """

    source: Path
    view: str = QUERY
    backend: str = AUTO
    checkpoint: str = "last"
    selection: Selection = UNSAID
    threads: int | None = None
    allow_failing: bool = False
    weights_sha256: str | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"{self.threads} threads, at least 1 is needed", where="threads")

    def open(self) -> Session:
        """Open the session; DataError where there is neither a run nor an artefact."""
        artefact = artefact_of(self.source, self.view)
        return _open_run(self) if artefact is None else _open_artefact(self, artefact)

    def capped(self, threads: int) -> SessionSpec:
        """Return the same with at most so many threads, unless it says itself how many."""
        return self if self.threads is not None else replace(self, threads=threads)

    def on(self, device: str) -> SessionSpec:
        """Return the same on another device."""
        return replace(self, device=device)

    def as_json(self) -> dict[str, Any]:
        """Return where the encoder is, as JSON values; how to execute it is left to the reader."""
        return {"source": str(self.source.resolve()), "checkpoint": self.checkpoint}


def artefact_of(source: Path, view: str) -> Path | None:
    """Return the folder of the artefact that embeds the view, or None where there is none."""
    for folder in (source, source / view):
        if (folder / ARTEFACT).is_file():
            return folder
    return None


class TorchSession:
    """Executes one view of an encoder with torch, on the encoder's own device."""

    max_batch: int | None = BATCH

    def __init__(self, encoder: Encoder, view: str, config: RunConfig) -> None:
        import torch

        from georet.encoder import weights_sha256
        from georet.evaluate.embed import size_of
        from georet.train.setup import judging_precision_of

        self._encoder = encoder.eval()
        self._view = view
        self._precision = judging_precision_of(config)
        self._device = encoder.log_scale.device
        names = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}
        self.identity = EncoderIdentity(
            weights_sha256=weights_sha256(encoder),
            view=view,
            size=size_of(view, config.data),
            embed_dim=encoder.embed_dim,
            resize_rule=rule_of(config.data),
            precision=names[self._precision],
            backend=f"torch {torch.__version__} {self._device.type}",
        )
        self._busy_s = 0.0
        self._overlap: Overlap | None = None
        if self._device.type == "cuda":
            from georet.feeding.overlap import Overlap

            self._overlap = Overlap(self._on_device, self._device, encoder.embed_dim, most=BATCH)
        self.held = 1 if self._overlap is None else self._overlap.held

    def embed(self, images: Pixels, /) -> Floats:
        """Return unit-length embeddings float32[B, D] of uint8[B, H, W, 3], RGB, any B."""
        import torch

        check_images(images, self.identity)
        out = np.empty((len(images), self.identity.embed_dim), np.float32)
        for start in range(0, len(images), BATCH):
            pixels = torch.from_numpy(np.ascontiguousarray(images[start : start + BATCH]))
            part = self._on_device(pixels.to(self._device))
            out[start : start + BATCH] = part.cpu().numpy()
        return out

    def embed_stream(self, batches: Iterable[Pixels], /) -> Iterator[Floats]:
        """Yield what ``embed`` returns for each batch; on CUDA copies and work overlap."""
        if self._overlap is not None:
            yield from self._overlap.run(self._all_checked(batches))
            return
        for images in batches:
            began_s = time.monotonic()
            embeddings = self.embed(images)
            self._busy_s += time.monotonic() - began_s
            yield embeddings

    @property
    def busy_s(self) -> float:
        """Seconds for which the device computed embeddings of streams, by a GPU's own clock."""
        return self._busy_s if self._overlap is None else self._overlap.busy_s

    def pin(self, memory: Pixels, /) -> None:
        """Lock the memory of batches to come, so that a CUDA device copies from it by itself."""
        if self._overlap is not None:
            self._overlap.pin(memory)

    def close(self) -> None:
        """Unlock what was pinned; torch frees the weights with the object."""
        if self._overlap is not None:
            self._overlap.unpin()

    def _all_checked(self, batches: Iterable[Pixels]) -> Iterator[Pixels]:
        for images in batches:
            check_images(images, self.identity)
            yield np.ascontiguousarray(images)

    def _on_device(self, images: Tensor) -> Tensor:
        """Return embeddings float32[B, D] of uint8[B, H, W, 3], both on the encoder's device."""
        import torch

        reduced = self._precision != torch.float32
        autocast = torch.autocast(self._device.type, dtype=self._precision, enabled=reduced)
        with torch.inference_mode(), autocast:
            return self._encoder.embed(self._view, images).float()


def check_images(images: Pixels, identity: EncoderIdentity) -> None:
    """Raise UsageError unless images are uint8[B, H, W, 3] in the encoder's size."""
    wanted = (*identity.size, 3)
    # What is no array at all comes here too.
    dtype, shape = getattr(images, "dtype", type(images).__name__), getattr(images, "shape", ())
    if dtype != np.uint8 or len(shape) != 4 or shape[1:] != wanted:
        height, width = identity.size
        raise UsageError(
            f"got images {dtype}{list(shape)}, wanted uint8[B, {height}, {width}, 3] (RGB)",
            where=identity.backend,
            hint="georet.data.images.read_image(path, size=session.identity.size, "
            "rule=session.identity.resize_rule) reads one.",
        )


def _open_run(spec: SessionSpec) -> Session:
    from georet.run_layout import CONFIG
    from georet.train.run import reconfigure
    from georet.train.saving import load_encoder

    path = spec.source / CONFIG
    if not path.is_file():
        raise DataError(
            f"is neither a run ({CONFIG}) nor an exported artefact ({ARTEFACT})",
            where=str(spec.source),
            hint="Name the folder that `georet train` or `georet export` printed.",
        )
    if spec.backend not in (AUTO, TORCH):
        raise UsageError(
            f"a run is executed by torch, not by {spec.backend!r}",
            where=str(spec.source),
            hint=f"georet export {spec.source} --onnx writes what other back ends execute.",
        )
    _limit_torch(spec.threads)
    config, plugins = reconfigure(path, selection=spec.selection)
    if spec.device is not None:
        config = config.model_copy(update={"device": spec.device})
    encoder = load_encoder(
        spec.source, spec.checkpoint, config, plugins, weights_sha256=spec.weights_sha256
    )
    return TorchSession(encoder, spec.view, config)


def _limit_torch(threads: int | None) -> None:
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _open_artefact(spec: SessionSpec, artefact: Path) -> Session:
    if not spec.allow_failing:
        _check_gate(artefact)
    plugins = load_plugins(spec.selection)
    name = _pick(plugins, artefact) if spec.backend == AUTO else spec.backend
    backend, options = _backend(plugins, name), dict[str, Any]()
    if spec.device is not None:
        if "device" not in signature(backend.open).parameters:
            raise UsageError(
                f"back end {name!r} can't be told on which device to compute",
                where="--devices",
                hint="Leave --devices out, or choose another --backend.",
            )
        options["device"] = spec.device
    maker = maker_of(backend)
    with blaming(backend, "open()"):
        session: Any = backend.open(artefact, spec.view, threads=spec.threads, **options)
    if not hasattr(session, "identity") or not hasattr(session, "embed"):
        raise maker.broke(
            f"open() returned a {type(session).__name__}, wanted a session",
            "It has identity, max_batch, embed(images) and close().",
        )
    mark(session, maker)
    return cast(Session, session)


def _check_gate(artefact: Path) -> None:
    """Raise UsageError for an artefact whose manifest says that it failed its fidelity gate."""
    manifest = read_json(artefact / ARTEFACT)
    found = manifest.get("fidelity") if isinstance(manifest, dict) else None
    gate = found.get("gate") if isinstance(found, dict) else None
    if isinstance(gate, dict) and gate.get("passed") is False:
        raise UsageError(
            f"failed its fidelity gate when it was exported: {gate.get('found', 'no reason')}",
            where=str(artefact),
            hint="Export it again in a higher precision; in Python, allow_failing=True opens it.",
        )


def _backend(plugins: Plugins, name: str) -> Backend:
    context = BuildContext(plugins.catalog)
    made = plugins.catalog.create("backends", name, where="--backend", context=context)
    return cast(Backend, made)


def _pick(plugins: Plugins, artefact: Path) -> str:
    """Return the first back end that can execute the artefact here."""
    reasons = {}
    for entry in plugins.catalog.entries("backends"):
        if missing := entry.missing:
            reasons[entry.id] = f"{', '.join(missing)} is not installed"
            continue
        backend = _backend(plugins, entry.id)
        with blaming(backend, "refuses()"):
            reason = backend.refuses(artefact)
        if reason is None:
            return entry.id
        reasons[entry.id] = reason
    every = "".join(f"\n  {name}: {reason}" for name, reason in reasons.items())
    raise UsageError(
        "no back end on this machine can execute this artefact",
        where=str(artefact),
        hint=f"Each says why:{every}" if every else hint_for("", (), "no back end is loaded"),
    )
