"""Small ONNX files of the public signatures that do match: patches of a grid by their colours."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

STEP, SIDE = 16, 256


def _refiners():
    """Return the made-up ground of the refiners' own tests."""
    path = Path(__file__).parents[1] / "refiners" / "conftest.py"
    spec = importlib.util.spec_from_file_location("matchers_ground", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["matchers_ground"] = module
    spec.loader.exec_module(module)
    return module


ground = _refiners()


@pytest.fixture(scope="session")
def site():
    return ground.Site(ground.texture(0), ground.Tangent(*ground.PLACE))


@pytest.fixture(scope="session")
def elsewhere():
    return ground.Site(ground.texture(1), ground.Tangent(*ground.PLACE))


class Described(torch.nn.Module):
    """Patches of a grid as features: their middles, and their colours without the mean."""

    def __init__(self):
        super().__init__()
        weights = torch.from_numpy(np.random.default_rng(0).normal(size=(64, 3, STEP, STEP)))
        weights = weights - weights.mean(dim=(1, 2, 3), keepdim=True)
        self.project = torch.nn.Conv2d(3, 64, STEP, stride=STEP, bias=False)
        self.project.weight.data = weights.float()
        at = torch.arange(SIDE // STEP) * STEP + STEP / 2 - 0.5
        row, column = torch.meshgrid(at, at, indexing="ij")
        self.register_buffer("points", torch.stack([column.flatten(), row.flatten()], 1))

    def forward(self, images):
        words = self.project(images).flatten(2).transpose(1, 2)
        words = words / (words.norm(dim=2, keepdim=True) + 1e-6)
        points = self.points[None] + torch.zeros_like(words[:, :, :2])
        return points, words[:, :, 0], words


def paired(ours, theirs):
    """Return mutual nearest features [S, 2] and their cosines."""
    cosines = ours @ theirs.T
    best = cosines.argmax(dim=1)
    is_mutual = cosines.argmax(dim=0)[best] == torch.arange(len(best))
    rows = torch.nonzero(is_mutual).flatten()
    return torch.stack([rows, best[rows]], dim=1), cosines[rows, best[rows]]


class Whole(torch.nn.Module):
    """Both steps in one: two pictures to keypoints, matches (pair, first, second), scores."""

    def __init__(self):
        super().__init__()
        self.describe = Described()

    def forward(self, images):
        points, _, words = self.describe(images)
        pairs, scores = paired(words[0], words[1])
        return points, torch.nn.functional.pad(pairs, (1, 0)), scores


class Matcher(torch.nn.Module):
    def forward(self, kpts0, kpts1, desc0, desc1):
        pairs, scores = paired(desc0[0], desc1[0])
        # A matcher that leaves its keypoints out would not have them as inputs.
        return pairs, scores + 0 * (kpts0.sum() + kpts1.sum())


def export(net, given, path, names, outputs):
    torch.onnx.export(
        net.eval(), given, str(path), input_names=names, output_names=outputs,
        dynamo=False, opset_version=17,
    )  # fmt: skip
    return path


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("onnx") / "whole.onnx"
    outputs = ["keypoints", "matches", "mscores"]
    return export(Whole(), torch.zeros(2, 3, SIDE, SIDE), path, ["images"], outputs)


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("parts")
    first = torch.zeros(1, 3, SIDE, SIDE)
    outputs = ["keypoints", "scores", "descriptors"]
    model = export(Described(), first, folder / "extract.onnx", ["image"], outputs)
    num = (SIDE // STEP) ** 2
    given = tuple(torch.rand(1, num, size) for size in (2, 2, 64, 64))
    names = ["kpts0", "kpts1", "desc0", "desc1"]
    matcher = export(Matcher(), given, folder / "match.onnx", names, ["matches0", "mscores0"])
    return model, matcher
