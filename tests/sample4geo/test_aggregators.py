"""Aggregators over the true map of timm's networks, whatever layout these put out."""

import pytest
import torch
from torch import nn

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.encoder import Branch
from georet.errors import ComponentError, ConfigError
from georet.plugins import load_plugins
from georet.testing import check_aggregator, check_backbone
from georet_export.onnx.graph import Deployable
from georet_sample4geo.heads import Grid, cells

VIT = {"model": "vit_tiny_patch16_224"}
WIDE = (32, 64)
"""Two rows of patches, four columns: neither square nor timm's own size."""


def context(**sizes):
    sizes = sizes or {"query": WIDE, "reference": WIDE}
    return BuildContext(load_plugins().catalog, sizes, None, tuple(sizes))


def of(told=None, **options):
    torch.manual_seed(0)
    spec = ComponentSpec.model_validate({"name": "sample4geo:timm", "weights": "none", **options})
    told = told or context()
    return told.catalog.create("backbones", spec, where="encoder.backbone", context=told).eval()


def maps_of(backbone, images):
    outputs = {}
    with torch.no_grad():
        backbone(images, outputs=outputs)
    return outputs


@pytest.mark.parametrize("name", ["avg", "max", "gem", "conv", "grid"])
def test_the_aggregators_of_georet_keep_their_contract(name):
    check_aggregator(load_plugins().catalog.create("aggregators", name))


def test_the_class_token_aggregator_is_the_token():
    backbone = of(**VIT, aggregator="cls")
    images = torch.randn(2, 3, *WIDE)
    with torch.no_grad():
        assert torch.equal(backbone(images), backbone.trunk(images)[:, 0])


@pytest.mark.parametrize(
    ("options", "size", "channels", "grid", "has_token"),
    [
        (VIT, WIDE, 192, (2, 4), True),
        ({"model": "vit_small_patch14_reg4_dinov2"}, (28, 70), 384, (2, 5), True),
        ({"model": "vit_base_patch16_rope_reg1_gap_256"}, (48, 32), 768, (3, 2), False),
        ({"model": "swin_tiny_patch4_window7_224", "stage": 1}, (112, 224), 192, (14, 28), False),
        ({"model": "convnext_atto", "stage": 2}, (32, 64), 160, (2, 4), False),
        ({"model": "mambaout_femto"}, (64, 96), 1152, (2, 3), False),
        ({"model": "volo_d1_224"}, (224, 224), 384, (14, 14), True),
    ],
)
def test_maps_have_height_and_width_in_places(options, size, channels, grid, has_token):
    backbone = of(context(query=size), **options, aggregator="avg")
    found = maps_of(backbone, torch.randn(2, 3, *size))
    assert found["map"].shape == (2, channels, *grid)
    assert ("token" in found) == has_token


def local(backbone):
    """Let each token see its own patch alone: attention and MLP add nothing."""
    for name, parameter in backbone.trunk.named_parameters():
        if name.endswith(("attn.proj.weight", "attn.proj.bias", "mlp.fc2.weight", "mlp.fc2.bias")):
            nn.init.zeros_(parameter)


@pytest.mark.parametrize("aggregator", ["gem", {"name": "conv", "width": 8}])
def test_an_image_whose_left_half_differs_moves_the_left_half_of_the_map(aggregator):
    backbone = of(**VIT, aggregator=aggregator)
    local(backbone)
    images = torch.randn(1, 3, *WIDE)
    left, top = images.clone(), images.clone()
    left[..., :32] += 1
    top[..., :16, :] += 1
    before, leftwards, upwards = (maps_of(backbone, x)["map"][0] for x in (images, left, top))
    moved = (leftwards - before).abs().amax(dim=0) > 1e-6
    assert moved.tolist() == [[True, True, False, False]] * 2
    moved = (upwards - before).abs().amax(dim=0) > 1e-6
    assert moved.tolist() == [[True] * 4, [False] * 4]


def test_a_convolution_runs_over_neighbours_in_the_image_not_over_the_order_of_tokens():
    backbone = of(**VIT, aggregator={"name": "conv", "width": 8})
    conv = backbone.head.aggregator.conv[0]
    with torch.no_grad():
        maps = maps_of(backbone, torch.randn(1, 3, *WIDE))["map"]
        found = conv(maps)[0, :, 1, 0]
        # Place (1, 0) is the lower left corner: its only neighbours are (0, 0), (0, 1), (1, 1).
        by_hand = sum(
            conv.weight[:, :, 1 + row - 1, 1 + column - 0] @ maps[0, :, row, column]
            for row, column in [(0, 0), (0, 1), (1, 0), (1, 1)]
        )
    assert torch.allclose(found, by_hand, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {**VIT, "aggregator": "gem"},
        {**VIT, "aggregator": {"name": "conv", "width": 8, "pool": "gem"}, "embed_dim": 5},
        {"model": "convnext_atto", "stage": 1, "aggregator": "max"},
    ],
)
def test_a_backbone_with_an_aggregator_keeps_the_contract_and_builds_again(options):
    told = context()
    backbone = of(told, **options)
    check_backbone(backbone, WIDE, make=lambda **bare: of(told, **{**options, **bare}))
    exported = Deployable(Branch(backbone), view="query")
    images = torch.randint(0, 256, (2, *WIDE, 3), dtype=torch.uint8)
    with torch.no_grad():
        assert exported(images).shape == (2, backbone.embed_dim)


def test_a_network_of_fixed_size_is_built_for_the_size_of_the_views():
    backbone = of(**VIT)
    assert backbone.trunk.patch_embed.img_size == WIDE
    assert backbone.bare_options["img_size"] == [32, 64]
    assert of(**VIT, img_size=48).trunk.patch_embed.img_size == (48, 48)
    assert of(context(query=(32, 32), reference=WIDE), **VIT).trunk.patch_embed.img_size[0] == 224
    assert "img_size" not in of(model="convnext_atto").bare_options


def test_an_aggregator_is_told_the_size_of_every_views_map(tmp_path):
    path = tmp_path / "told.py"
    path.write_text(
        "import torch\nfrom georet import Component, hookimpl\n\n\n"
        "class Told(torch.nn.Module):\n"
        "    def prepare(self, num_channels, grids):\n"
        "        self.told = num_channels, dict(grids)\n\n"
        "    def forward(self, maps, token):\n"
        "        return maps.mean(dim=(2, 3))\n\n\n"
        "@hookimpl\ndef georet_aggregators():\n"
        "    yield Component('told', Told, summary='Remembers')\n"
    )
    sizes = {"query": (32, 64), "reference": (64, 64)}
    told = BuildContext(load_plugins(["sample4geo", str(path)]).catalog, sizes, None, tuple(sizes))
    backbone = of(told, model="convnext_atto", aggregator="told")
    assert backbone.head.aggregator.told == (320, {"query": (1, 2), "reference": (2, 2)})


def test_what_does_not_fit_together_is_said():
    with pytest.raises(ComponentError, match=r"encoder.backbone.aggregator: there is no 'gen' "):
        of(**VIT, aggregator="gen")
    with pytest.raises(ConfigError, match=r"aggregator takes the place of pool and head") as said:
        of(**VIT, aggregator="gem", pool="gem")
    assert "aggregator: null" in str(said.value)
    with pytest.raises(ConfigError, match=r"the network has no class token") as caught:
        of(model="convnext_atto", aggregator="cls")
    assert "sample4geo:cls" in str(caught.value)
    with pytest.raises(ConfigError, match=r"can't tell how its 0 tokens lie"):
        of(model="pit_ti_224", aggregator="avg")
    with pytest.raises(ConfigError, match=r"encoder.backbone.aggregator.q: unknown key"):
        of(**VIT, aggregator={"name": "gem", "q": 3})


def test_default_pooling_gives_its_map_to_losses_too():
    backbone = of(model="convnext_atto")
    images = torch.randn(2, 3, *WIDE)
    outputs = {}
    with torch.no_grad():
        features = backbone(images, outputs=outputs)
        assert torch.equal(features, backbone(images))
    assert outputs["map"].shape == (2, 320, 1, 2)


def test_cells_of_a_grid_share_places_between_neighbours_and_are_means():
    assert cells(6, 3).tolist() == [
        [0.5, 0.5, 0, 0, 0, 0],
        [0, 0, 0.5, 0.5, 0, 0],
        [0, 0, 0, 0, 0.5, 0.5],
    ]
    assert (
        cells(5, 2).tolist()
        == torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0, 0], [0, 0, 1 / 3, 1 / 3, 1 / 3]]).tolist()
    )
    assert cells(2, 4).tolist() == [[1, 0], [1, 0], [0, 1], [0, 1]]


def test_a_grid_tells_where_something_is_and_pooling_does_not():
    grid = Grid(width=4, rows=2, columns=2)
    grid.prepare(3, {})
    maps = torch.zeros(1, 3, 6, 6)
    maps[:, :, 1, 1] = 1
    corner, other = grid(maps), grid(maps.flip(3))
    assert corner.shape == (1, 16)
    assert not torch.allclose(corner, other, atol=1e-3)
