"""From a released Sample4Geo checkpoint to a run folder that every command accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from georet.configure import configure
from georet.errors import DataError
from georet.files import sha256_of
from georet.plugins import UNSAID, Selection
from georet.train.ready import write_ready_run
from georet.train.setup import make_encoder
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
    imported = Imported(out, len(network) - len(left_out), left_out, scale)
    about = {
        "file": weights.name,
        "sha256": sha256_of(weights),
        "num_tensors": imported.num_tensors,
        "left_out": list(imported.left_out),
        "has_logit_scale": scale is not None,
    }
    write_ready_run(out, encoder, config, loaded, {"imported": about})
    return imported
