from __future__ import annotations

from pathlib import Path

import pytest

from georet.commands.training import start_run
from georet.plugins import Selection
from georet_peng.city.layout import write_graph
from georet_peng.dataset import CityBlocksGraph

SETTINGS = """
dataset:
  {{name: "peng:cityblocks_graph", size: mini, px: 32, street_px: 128, fields: [360, 90],
    cache_dir: "{root}"}}
data:
  size: {{query: [32, 64], reference: [32, 32]}}
  workers: 0
  augment: {{query: [{{name: "peng:window", degrees: [360, 90]}}]}}
encoder: {{backbone: "georet.testing.plugin:tiny", shared: false}}
losses: ["sample4geo:info_nce"]
sampler: random
device: cpu
train: {{epochs: 1, batch_size: 16, threads: 1, channels_last: false}}
evaluate: {{during: [edges], final: [edges]}}
"""
PLUGINS = ("sample4geo", "peng", "georet.testing.plugin")


@pytest.fixture(scope="session")
def peng_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small images are kept, so that each is made once a session."""
    return tmp_path_factory.mktemp("peng")


@pytest.fixture(scope="session")
def cities(peng_dir: Path) -> CityBlocksGraph:
    return CityBlocksGraph(size="mini", px=32, street_px=128, fields=(360, 90), cache_dir=peng_dir)


@pytest.fixture(scope="session")
def town(peng_dir: Path, cities: CityBlocksGraph) -> Path:
    """The city that judges, as people lay theirs out."""
    folder = peng_dir / "town"
    write_graph(cities.city, folder)
    return folder


@pytest.fixture(scope="session")
def run(peng_dir: Path, cities: CityBlocksGraph) -> Path:
    """A run of one epoch by a tiny network, two branches that share nothing."""
    path = peng_dir / "peng.yaml"
    path.write_text(SETTINGS.format(root=peng_dir))
    return start_run(selection=Selection(PLUGINS), recipe="none", path=path, out=peng_dir / "run")
