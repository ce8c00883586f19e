from __future__ import annotations

from pathlib import Path

import pytest

from georet_orbitview.dataset import OrbitView


@pytest.fixture(scope="session")
def orbitview_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests of a session keep the small images, so that each is made once."""
    return tmp_path_factory.mktemp("orbitview")


@pytest.fixture(scope="session")
def mini(orbitview_dir: Path) -> OrbitView:
    return OrbitView(size="mini", px=48, train_renders=2, cache_dir=orbitview_dir)
