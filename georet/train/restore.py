"""The trained encoder of a run, from one of its checkpoints."""

from __future__ import annotations

from pathlib import Path

from georet.config import RunConfig
from georet.encoder import SHARED, Encoder
from georet.encoder_facts import check_facts
from georet.plugins import Plugins
from georet.train import setup
from georet.train.checkpoint import load_checkpoint, load_weights
from georet.train.saving import ENCODER
from georet.types import QUERY, REFERENCE


def load_encoder(run_dir: Path, which: str, config: RunConfig, plugins: Plugins) -> Encoder:
    """Return the encoder of the checkpoint ``last`` or ``best`` on the configured device.

    Its branches are those that were trained, whatever data set the configuration names.
    """
    checkpoint = load_checkpoint(run_dir, which)
    bare = checkpoint.state["bare_options"]
    views = [name for name in bare if name != SHARED] or [QUERY, REFERENCE]
    encoder = setup.make_encoder(config, plugins, views, bare)
    load_weights(encoder, checkpoint.tensors[ENCODER], where=str(checkpoint.path))
    check_facts(encoder, checkpoint.state.get("encoder_facts"), str(checkpoint.path))
    return encoder
