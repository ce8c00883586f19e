"""A run's folder around an encoder that nobody trained here: for all commands that take a run."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from georet.addresses import shown_url
from georet.config import RunConfig
from georet.encoder import Encoder, bare_options
from georet.encoder_facts import facts_of
from georet.files import write_json
from georet.plugins import Plugins
from georet.run_layout import MANIFEST
from georet.train.checkpoint import ENCODER, save_checkpoint
from georet.train.run import new_run
from georet.train.state import State
from georet.version import __version__
from georet.vouching import vouch_for_run


def write_ready_run(
    run_dir: Path,
    encoder: Encoder,
    config: RunConfig,
    plugins: Plugins,
    about: Mapping[str, Any],
) -> None:
    """Write an encoder as a finished run; ``about`` says in its manifest where it comes from.

    UsageError where there is a run in the folder already.
    """
    new_run(run_dir, config, plugins)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {
        "georet": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "plugins": plugins.versions,
        "recipe": config.recipe,
        "seed": config.seed,
        "dataset": {"name": config.dataset.name},
        "num_parameters": sum(p.numel() for p in encoder.parameters()),
        **about,
        "command": shown_url(shlex.join(["georet", *sys.argv[1:]])),
        "started": now,
        "finished": now,
        "duration_s": 0.0,
    }
    write_json(run_dir / MANIFEST, manifest)
    views = [view for view in config.data.embedded_size if encoder.branch_name(view) is not None]
    sizes = {view: config.data.size[view] for view in views}
    state = State(is_finished=True).as_json() | {
        "scaler": torch.amp.GradScaler("cpu", init_scale=2.0**10).state_dict(),
        "plugins": plugins.versions,
        "embed_dim": encoder.embed_dim,
        "views": views,
        "bare_options": bare_options(encoder),
        "encoder_facts": facts_of(encoder, sizes),
        "events_offset": 0,
    }
    save_checkpoint(run_dir, {ENCODER: encoder.state_dict()}, state, is_best=True)
    vouch_for_run(run_dir)
