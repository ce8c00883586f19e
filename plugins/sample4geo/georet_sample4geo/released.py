"""From a released Sample4Geo checkpoint to a run folder that every command accepts."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

import georet
from georet.config import RunConfig
from georet.configure import configure
from georet.encoder import Encoder, bare_options
from georet.errors import DataError
from georet.files import sha256_of, write_json
from georet.plugins import UNSAID, Plugins, Selection
from georet.run_layout import MANIFEST
from georet.train.checkpoint import ENCODER, save_checkpoint
from georet.train.run import new_run
from georet.train.setup import make_encoder
from georet.train.state import State
from georet.types import QUERY, REFERENCE
from georet_sample4geo.weights import fit, read_tensors, without_wrapping

SCALES = ("logit_scale", "module.logit_scale")
RECIPE = "sample4geo/cvusa"


@dataclass(frozen=True)
class Imported:
    """What became of a released checkpoint."""

    run_dir: Path
    num_tensors: int
    left_out: tuple[str, ...]
    """Tensors of a classifier, which an encoder has not."""
    logit_scale: float | None
    """The logarithm of the factor on cosines, None where the file has none."""


def import_released(
    weights: Path,
    *,
    model: str,
    out: Path,
    recipe: str = RECIPE,
    overrides: Sequence[str] = (),
    selection: Selection = UNSAID,
) -> Imported:
    """Make the run folder ``out`` from the PyTorch state dict of a Sample4Geo model.

    ``model`` is timm's name. In the file the network stands under ``model.`` beside
    ``logit_scale``; no code in it is run. DataError, before anything is written, lists what is
    missing, unknown, or of another shape.
    """
    tensors = read_tensors(weights)
    found = next((tensors[name] for name in SCALES if name in tensors), None)
    if found is not None and (found.numel() != 1 or not bool(torch.isfinite(found).all())):
        raise DataError(
            f"logit_scale has shape {tuple(found.shape)}, wanted one finite number",
            where=str(weights),
        )
    scale = None if found is None else float(found)
    settings = [
        f"encoder.backbone={{name: sample4geo:timm, model: {model}, weights: none}}",
        "encoder.shared=true",
    ]
    if scale is not None:
        settings.append(f"encoder.logit_scale={scale!r}")
    config, loaded = configure(
        selection=selection, recipe=recipe, overrides=[*settings, *overrides]
    )
    encoder = make_encoder(config.model_copy(update={"device": "cpu"}), loaded, [QUERY, REFERENCE])
    network = without_wrapping({n: t for n, t in tensors.items() if n not in SCALES})
    where = str(weights)
    trunk = cast(nn.Module, encoder.branch(QUERY).backbone.trunk)
    classifier: Any = getattr(trunk, "pretrained_cfg", {}).get("classifier") or ()
    surplus = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    fit(trunk, network, where=where, surplus=surplus)
    own = trunk.state_dict()
    left_out = tuple(name for name in network if name not in own)
    new_run(out, config, loaded)
    imported = Imported(out, len(network) - len(left_out), left_out, scale)
    _save(imported, encoder, config, loaded, weights)
    return imported


def _save(
    imported: Imported, encoder: Encoder, config: RunConfig, plugins: Plugins, weights: Path
) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {
        "georet": georet.version.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "plugins": plugins.versions,
        "recipe": config.recipe,
        "seed": config.seed,
        "dataset": {"name": config.dataset.name},
        "num_parameters": sum(p.numel() for p in encoder.parameters()),
        "imported": {
            "file": weights.name,
            "sha256": sha256_of(weights),
            "num_tensors": imported.num_tensors,
            "left_out": list(imported.left_out),
            "has_logit_scale": imported.logit_scale is not None,
        },
        "command": shlex.join(["georet", *sys.argv[1:]]),
        "started": now,
        "finished": now,
        "duration_s": 0.0,
    }
    write_json(imported.run_dir / MANIFEST, manifest)
    state = State(is_finished=True).as_json() | {
        "scaler": torch.amp.GradScaler("cpu", init_scale=2.0**10).state_dict(),
        "plugins": plugins.versions,
        "embed_dim": encoder.embed_dim,
        "bare_options": bare_options(encoder),
        "events_offset": 0,
    }
    save_checkpoint(imported.run_dir, {ENCODER: encoder.state_dict()}, state, is_best=True)
