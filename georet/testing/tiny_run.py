"""A trained run in seconds, for tests of what comes after training."""

from __future__ import annotations

from pathlib import Path

PLUGINS = ("sample4geo", "georet.testing.plugin")
_SETTINGS = """
dataset: {{name: tiny, root: {root}}}
data: {{size: {{query: [32, 32], reference: [32, 32]}}}}
encoder: {{backbone: "georet.testing.plugin:tiny"}}
losses: ["sample4geo:info_nce"]
sampler: random
seed: {seed}
device: cpu
train: {{epochs: 1, batch_size: 8}}
"""


def tiny_run(folder: Path, *, seed: int = 0) -> Path:
    """Train the tiny encoder on the tiny data set, written below ``folder``; return the run."""
    from georet.commands.training import start_run
    from georet.plugins import Selection

    path = folder / "tiny.yaml"
    path.write_text(_SETTINGS.format(root=folder / "data", seed=seed))
    return start_run(
        selection=Selection(PLUGINS), recipe="none", path=path, out=folder / f"run-{seed}"
    )
