import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from georet.contracts.training import Backbone, Dataset
from georet.data.images import read_image
from georet.errors import ConfigError
from georet.geodesy import distance_m
from georet.testing import TinyDataset, check_backbone, check_dataset, tiny_dataset
from georet.testing.tiny_backbone import TinyBackbone


def pixels(table):
    images = np.stack([read_image(path, size=(32, 32)) for path in table.paths])
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_the_tiny_data_set_keeps_the_contract_of_data_sets(tmp_path):
    dataset = tiny_dataset(tmp_path, 10)
    assert isinstance(dataset, Dataset)
    check_dataset(dataset, num_images=10)


def test_its_images_are_real_jpegs_that_are_written_once(tmp_path):
    first = tiny_dataset(tmp_path, 6).train()
    paths = [*first.queries.paths, *first.references.paths]
    assert all(path.read_bytes().startswith(b"\xff\xd8\xff") for path in paths)
    written = [path.stat().st_mtime_ns for path in paths]
    tiny_dataset(tmp_path, 6)
    assert [path.stat().st_mtime_ns for path in paths] == written
    assert not list(tmp_path.rglob(".*"))


def test_the_same_options_give_the_same_bytes_and_another_seed_others(tmp_path):
    def content(folder, seed):
        paths = tiny_dataset(tmp_path / folder, 4, seed=seed).train().queries.paths
        return [path.read_bytes() for path in paths]

    assert content("a", 0) == content("b", 0)
    assert content("a", 0) != content("c", 1)


def test_places_stand_about_a_kilometre_apart(tmp_path):
    latlon = tiny_dataset(tmp_path, 9).train().references.latlon
    distance = distance_m(latlon[:, None], latlon[None]) + 1e9 * np.eye(len(latlon))
    assert 500 < distance.min() < 1500


def test_places_with_several_queries_share_a_reference(tmp_path):
    pairs = TinyDataset(root=tmp_path, num_places=5, queries_per_place=3).train()
    assert len(pairs) == 15
    assert pairs.is_many_to_one
    assert pairs.pairs[:, 1].tolist() == [place for place in range(5) for _ in range(3)]
    assert len(set(pairs.columns["yaw_rad"].tolist())) == 15


def test_a_count_below_one_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="num_places"):
        TinyDataset(root=tmp_path, num_places=0)


def test_the_tiny_backbone_keeps_the_contract_of_backbones():
    backbone = TinyBackbone(embed_dim=8)
    assert isinstance(backbone, Backbone)
    check_backbone(backbone, size=(24, 40))


def test_the_tiny_backbone_learns_the_tiny_places(tmp_path):
    dataset = tiny_dataset(tmp_path, 24)
    query, reference = pixels(dataset.train().queries), pixels(dataset.train().references)
    torch.manual_seed(0)
    backbone = TinyBackbone()
    optimizer = torch.optim.AdamW(backbone.parameters(), lr=3e-3)
    losses = []
    for _ in range(30):
        features = [F.normalize(backbone(images), dim=1) for images in (query, reference)]
        loss = F.cross_entropy(14 * features[0] @ features[1].T, torch.arange(24))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_declaring_its_components_imports_no_torch():
    code = "import sys, georet.testing.plugin as p; p.georet_datasets(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "georet.testing.plugin" in run.stdout.split()
    assert "torch" not in run.stdout.split()
