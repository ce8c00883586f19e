import pytest
import torch
from torch import nn

from georet.plugins import load_plugins
from georet.testing import check_backbone
from georet.testing.tiny_backbone import TinyBackbone


def broken(attribute=None, value=None, output=None, prepare=None):
    """A tiny backbone with an attribute, its output or a part of it changed."""

    class Broken(TinyBackbone):
        def forward(self, images):
            features = super().forward(images)
            return features if output is None else output(features, images)

    backbone = Broken(embed_dim=8)
    if attribute is not None:
        setattr(backbone, attribute, value)
    if prepare is not None:
        prepare(backbone)
    return backbone


def draws(features, images):
    return features + torch.rand_like(features)


def writes(features, images):
    images.zero_()
    return features


def freeze(backbone):
    backbone.requires_grad_(False)


def batch_norm(backbone):
    backbone.head = nn.Sequential(
        backbone.head, nn.BatchNorm1d(8, affine=False, track_running_stats=False)
    )


BROKEN = {
    "embed_dim is None": broken("embed_dim", None),
    "embed_dim is 9": broken("embed_dim", 9),
    "mean is": broken("mean", (123.7, 116.3, 103.5)),
    "std is": broken("std", (0.2, 0.0, 0.2)),
    r"shape \(3, 8, 1, 1\)": broken(output=lambda f, x: f[:, :, None, None]),
    "returned a tuple": broken(output=lambda f, x: (f, f)),
    "not finite floating": broken(output=lambda f, x: f / 0),
    "changes its images": broken(output=writes),
    "two passes over the same images": broken(output=draws),
    "other images of the batch": broken(prepare=batch_norm),
    "have the same feature": broken(output=lambda f, x: 0 * f + 1),
    "can be trained": broken(prepare=freeze),
    "cut off from the parameters": broken(output=lambda f, x: f.detach()),
    "gradient is not finite": broken(output=lambda f, x: f + (f - f.detach()).abs().sqrt()),
    "no gradient reaches": broken(output=lambda f, x: x.mean(dim=(2, 3)) @ torch.eye(3, 8) + 0 * f),
}


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_backbone_fails_with_the_reason(words):
    with pytest.raises(AssertionError, match=words):
        check_backbone(BROKEN[words])


def test_something_that_is_no_module_fails():
    with pytest.raises(AssertionError, match=r"torch\.nn\.Module"):
        check_backbone(lambda images: images)


def test_mode_and_gradients_are_left_as_they_were():
    backbone = TinyBackbone().eval()
    check_backbone(backbone)
    assert not backbone.training
    assert all(parameter.grad is None for parameter in backbone.parameters())


def test_dropout_is_no_fault():
    check_backbone(
        broken(prepare=lambda b: setattr(b, "head", nn.Sequential(nn.Dropout(), b.head)))
    )


class Telling(TinyBackbone):
    changes = False

    def forward(self, images, *, view, batch=None, outputs=None):
        assert (view, batch) == ("query", None)
        features = super().forward(images)
        if outputs is not None:
            outputs["logits"] = features[:, :2]
        return 2 * features if self.changes and outputs is not None else features


def test_a_backbone_that_asks_for_more_is_told():
    check_backbone(Telling(embed_dim=8))
    changing = Telling(embed_dim=8)
    changing.changes = True
    with pytest.raises(AssertionError, match="features change where outputs are asked for"):
        check_backbone(changing)


def test_a_backbone_that_bakes_the_batch_in_fails_with_the_line():
    baking = broken(output=lambda f, x: f.reshape(len(x), -1))
    with pytest.raises(AssertionError, match=r"trained, not exported.*len\(x\)"):
        check_backbone(baking)
    check_backbone(baking, exports=False)


class Grid(TinyBackbone):
    """Made for 48 x 48, as what has a weight for each place is."""

    def __init__(self, embed_dim: int = 8) -> None:
        super().__init__(embed_dim=embed_dim)
        self.places = nn.Linear(48 * 48, 8)

    def forward(self, images):
        return super().forward(images) + self.places(images.mean(dim=1).flatten(1))


def test_a_size_that_a_backbone_cant_take_is_told_with_plugin_component_and_line(tmp_path):
    check_backbone(Grid(), (48, 48))
    with pytest.raises(AssertionError) as caught:
        check_backbone(Grid())
    said = str(caught.value)
    assert "backbones 'Grid' of file" in said
    assert "can't take 3 images of 64 x 64: RuntimeError: mat1 and mat2" in said
    assert "self.places(images.mean(dim=1)" in said
    assert "check_backbone(backbone, (height, width))" in said

    path = tmp_path / "grids.py"
    path.write_text(GRIDS)
    catalog = load_plugins([str(path)]).catalog
    with pytest.raises(AssertionError, match=r"'grids:grid' of plugin 'grids' .*64 x 64"):
        check_backbone(catalog.create("backbones", "grid"))


GRIDS = """
from torch import nn

from georet import Component, hookimpl
from georet.plugins import load_plugins
from georet.testing.tiny_backbone import TinyBackbone


class Grid(TinyBackbone):
    def forward(self, images):
        return super().forward(images) + images.reshape(-1, 3 * 48 * 48)[:, :1]


@hookimpl
def georet_backbones():
    yield Component("grid", Grid)
"""
