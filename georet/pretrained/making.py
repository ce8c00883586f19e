"""From an encoder's name to a run's folder, made once: in the cache, or where the user wants it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from georet.cache import cache_dir
from georet.config import DataConfig, EncoderConfig, RunConfig
from georet.configure import configure, validate_components
from georet.encoder import Encoder
from georet.errors import DataError, UsageError
from georet.files import replaced_folder
from georet.platforms import sync
from georet.plugins import UNSAID, Plugins, Selection
from georet.plugins.discovery import installed
from georet.pretrained.hub import PREFIX, pulled
from georet.pretrained.naming import FITS, Untrained, check_folder, is_named, untrained
from georet.run_layout import CHECKPOINTS, CONFIG
from georet.train.ready import write_ready_run
from georet.train.setup import make_encoder
from georet.types import QUERY, REFERENCE

FOLDER: Final = "encoders"
"""Where in the cache encoders lie that were asked for by name."""
RECIPE: Final = "sample4geo/orbitview"
"""What the runs judge themselves by, where nobody names another data set."""
_USUAL: Final = (224, 224)


def run_folder(named: str | Path, *, selection: Selection = UNSAID) -> Path:
    """Return the folder of an encoder that is named or found: of a run, or of an artefact.

    A folder is returned as it is, and so is a path where nothing is, which whoever opens it will
    say, unless timm has a model of that name: DataError. ``timm:MODEL?...`` is made,
    ``hub:ORG/NAME`` pulled on first use, and kept in the cache. Raises DataError for an unknown
    name and for weights that can't be had, UsageError for options that make no sense.
    """
    if not is_named(named):
        return check_folder(named)
    if str(named).startswith(PREFIX):
        return pulled(str(named))
    spec = untrained(str(named), selection=selection)
    folder = cache_dir() / FOLDER / spec.slug
    if not (folder / CHECKPOINTS / "last.json").is_file():
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"can't be made: {error.strerror}", where=str(folder)) from error
        make_run(spec, folder, selection=selection)
    return folder


def make_run(
    spec: Untrained,
    out: Path,
    *,
    selection: Selection = UNSAID,
    change: Callable[[Encoder, RunConfig], Mapping[str, Any]] | None = None,
) -> Path:
    """Write an untrained encoder as the run ``out``, which is there afterwards whole or not at all.

    ``change`` may put fitted maps behind the encoder; what it returns goes to the manifest.
    """
    if (out / CONFIG).exists() or (out.is_dir() and any(out.iterdir())) or out.is_file():
        raise UsageError("exists already", where=str(out), hint="Choose another --out.")
    config, plugins = configured(spec, selection)
    cpu = config.model_copy(update={"device": "cpu"})
    encoder = make_encoder(cpu, plugins, [QUERY, REFERENCE]).eval()
    about: dict[str, Any] = {
        "untrained": {"name": spec.backbone.name, "options": _shown(spec.backbone.options)}
    }
    if change is not None:
        about |= change(encoder, cpu)
    try:
        with replaced_folder(out) as temporary:
            write_ready_run(temporary, encoder, _portable(config), plugins, about)
            sync(temporary)
    except DataError:
        if not (out / CONFIG).is_file():
            raise
        # Another process was faster, and made the same.
    return out


def configured(spec: Untrained, selection: Selection) -> tuple[RunConfig, Plugins]:
    """Return the configuration of an untrained encoder: both views, one branch, smooth resizing.

    Its plugins are those that it takes to build it; what else was selected for a call is left out,
    so that the next call finds the run usable without.
    """
    if spec.backbone.name.partition(":")[0] in installed():
        selection = Selection.of(None, selection.blocked)
    base, loaded = configure(
        selection=selection,
        recipe=RECIPE,
        overrides=[f"encoder.backbone={json.dumps(spec.backbone.model_dump(mode='json'))}"],
        check_components=False,
    )
    size = spec.size or _USUAL
    config = base.model_copy(
        update={
            "data": DataConfig(
                size={QUERY: size, REFERENCE: size}, workers=0, resize=FITS[spec.fit]
            ),
            "encoder": EncoderConfig(backbone=spec.backbone, shared=True),
            "fits": [],
        }
    )
    validate_components(config, loaded)
    return config, loaded


def _portable(config: RunConfig) -> RunConfig:
    """Return the configuration without the place of a weights file, which is not read again."""
    backbone = config.encoder.backbone
    options = _shown(backbone.options)
    known = backbone.model_validate({"name": backbone.name, **options})
    return config.model_copy(
        update={"encoder": config.encoder.model_copy(update={"backbone": known})}
    )


def _shown(options: Mapping[str, Any]) -> dict[str, Any]:
    weights = options.get("weights")
    is_path = isinstance(weights, str) and Path(weights).name != weights
    return {**options, **({"weights": Path(str(weights)).name} if is_path else {})}
