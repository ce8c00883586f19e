from __future__ import annotations

from pathlib import Path

import pytest

from georet_cityblocks.dataset import CityBlocks


@pytest.fixture(scope="session")
def cityblocks_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests of a session keep the small images, so that each is made once."""
    return tmp_path_factory.mktemp("cityblocks")


@pytest.fixture(scope="session")
def mini(cityblocks_dir: Path) -> CityBlocks:
    return CityBlocks(size="mini", px=32, depth=True, cache_dir=cityblocks_dir)
