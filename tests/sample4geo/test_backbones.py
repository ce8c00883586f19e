import hashlib
import json
from pathlib import Path

import pytest
import timm
import torch
from torch import nn

from georet.config import ComponentSpec
from georet.errors import ComponentError, ConfigError, DataError
from georet.plugins import load_plugins
from georet.testing import check_backbone
from georet_sample4geo import trunks
from georet_sample4geo.backbones import TimmBackbone
from georet_sample4geo.heads import GeM

LITE0 = {"model": "tf_efficientnet_lite0", "weights": "none"}


def images(num=2, size=64):
    return torch.randn(num, 3, size, size, generator=torch.Generator().manual_seed(0))


def of(**options):
    torch.manual_seed(0)
    return TimmBackbone(**{**LITE0, **options})


def trained_names(backbone):
    return [name for name, p in backbone.named_parameters() if p.requires_grad]


@pytest.mark.parametrize(
    ("options", "embed_dim"),
    [
        ({}, 1280),
        ({"embed_dim": 24}, 24),
        ({"pool": "gem"}, 1280),
        ({"stage": 3}, 80),
        ({"stage": 3, "pool": "gem", "embed_dim": 16, "head": "conv"}, 16),
        ({"stage": 4, "freeze_stages": 2, "freeze_batchnorm": True}, 112),
        ({"model": "convnext_atto", "stage": 2, "pool": "gem"}, 160),
        ({"model": "convnext_atto", "drop_path": 0.2}, 320),
        ({"model": "resnet18", "stage": 1, "freeze_stages": 1}, 128),
        ({"model": "vit_tiny_patch16_224", "img_size": 64}, 192),
        ({"model": "vit_tiny_patch16_224", "img_size": (64, 64), "stage": 3, "pool": "gem"}, 192),
        ({"model": "regnety_002", "stage": 2, "freeze_stages": 3, "embed_dim": 8}, 8),
    ],
)
def test_every_combination_keeps_the_contract_of_backbones(options, embed_dim):
    backbone = of(**options)
    assert backbone.embed_dim == embed_dim
    check_backbone(backbone, size=(64, 64), make=lambda **bare: of(**{**options, **bare}))


def test_a_channels_last_network_gives_a_map_of_the_same_layout_as_the_others():
    backbone = of(model="swin_tiny_patch4_window7_224", img_size=112, stage=1, embed_dim=8)
    assert backbone(images(size=112)).shape == (2, 8)
    assert backbone.head.proj.in_features == 192


def test_without_options_the_feature_is_timms_pooled_one():
    backbone = of(model="resnet18").eval()
    plain = timm.create_model("resnet18", pretrained=False, num_classes=0).eval()
    plain.load_state_dict(backbone.trunk.state_dict())
    with torch.no_grad():
        assert torch.equal(backbone(images()), plain(images()))


def test_a_cut_network_computes_the_map_of_its_last_stage():
    backbone = of(stage=3).eval()
    maps = {}
    whole = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    whole.load_state_dict(backbone.trunk.state_dict(), strict=False)
    whole.blocks[3].register_forward_hook(lambda module, given, out: maps.update(out=out))
    with torch.no_grad():
        whole(images())
        assert torch.equal(backbone(images()), maps["out"].mean(dim=(2, 3)))
    assert not any(name.startswith("trunk.blocks.4") for name in backbone.state_dict())


def test_tokens_of_a_vit_are_pooled_without_its_class_token():
    backbone = of(model="vit_tiny_patch16_224", img_size=64, pool="avg").eval()
    with torch.no_grad():
        tokens = backbone.trunk(images())
        assert tokens.shape == (2, 17, 192)
        assert torch.allclose(backbone(images()), tokens[:, 1:].mean(dim=1), atol=1e-6)


def test_frozen_stages_record_no_graph_and_keep_their_statistics():
    backbone = of(stage=3, freeze_stages=4, embed_dim=8).train()
    before = {name: value.clone() for name, value in backbone.trunk.state_dict().items()}
    assert not backbone.trunk(images()).requires_grad
    optimizer = torch.optim.AdamW(backbone.parameters(), lr=0.1)
    backbone(images()).square().sum().backward()
    optimizer.step()
    assert all(torch.equal(value, before[n]) for n, value in backbone.trunk.state_dict().items())
    assert trained_names(backbone) == ["head.proj.weight", "head.proj.bias"]


def test_stages_behind_the_frozen_ones_are_trained():
    backbone = of(freeze_stages=3)
    names = trained_names(backbone)
    assert not any(n.startswith(("trunk.conv_stem", "trunk.bn1", "trunk.blocks.2")) for n in names)
    assert "trunk.blocks.3.0.conv_pw.weight" in names
    assert "trunk.conv_head.weight" in names
    backbone.train()
    assert not backbone.trunk.blocks[2][0].bn1.training
    assert backbone.trunk.blocks[3][0].bn1.training


def test_freezing_a_vit_freezes_its_embeddings_too():
    names = trained_names(of(model="vit_tiny_patch16_224", img_size=64, freeze_stages=2))
    assert not any(n in names for n in ("trunk.cls_token", "trunk.pos_embed"))
    assert not any(n.startswith(("trunk.patch_embed", "trunk.blocks.1.")) for n in names)
    assert any(n.startswith("trunk.blocks.2.") for n in names)


def test_frozen_batchnorm_stays_in_evaluation_mode_and_learns_its_affine():
    backbone = of(freeze_batchnorm=True).train()
    before = backbone.trunk.bn1.running_mean.clone()
    backbone(images()).square().mean().backward()
    assert torch.equal(backbone.trunk.bn1.running_mean, before)
    assert backbone.trunk.bn1.weight.grad.any()
    assert not any(m.training for m in backbone.modules() if isinstance(m, nn.BatchNorm2d))


def test_a_shallow_switch_of_an_outer_module_keeps_frozen_parts_frozen():
    outer = nn.Sequential(of(stage=2, freeze_stages=1, freeze_batchnorm=True, embed_dim=4))
    outer.eval()
    outer.train()
    backbone = outer[0]
    assert backbone.head.training
    assert not backbone.trunk.conv_stem.training
    assert not backbone.trunk.blocks[2][0].bn1.training


def test_gradient_checkpointing_changes_no_gradient():
    gradients = []
    for is_on in (False, True):
        backbone = of(model="convnext_atto", stage=1, grad_checkpointing=is_on)
        backbone(images()).square().sum().backward()
        gradients.append(backbone.trunk.stem[0].weight.grad)
    assert backbone.trunk.stages[0].grad_checkpointing
    assert torch.allclose(*gradients, rtol=1e-5, atol=1e-6)


def test_new_weights_hang_on_the_generators_seed_alone():
    first, second = of(embed_dim=8, stage=1, head="conv"), of(embed_dim=8, stage=1, head="conv")
    assert all(torch.equal(v, second.state_dict()[n]) for n, v in first.state_dict().items())


def test_parameters_are_named_by_trunk_and_head():
    names = dict(of(stage=1, embed_dim=8, head="conv", pool="gem").named_parameters())
    assert {name.partition(".")[0] for name in names} == {"trunk", "head"}
    assert "head.pool.p" in names


def test_normalisation_is_timms_unless_given():
    assert of(model="resnet18").mean == (0.485, 0.456, 0.406)
    given = of(model="resnet18", mean=(0.1, 0.2, 0.3), std=(1.0, 1.0, 1.0))
    assert (given.mean, given.std) == ((0.1, 0.2, 0.3), (1.0, 1.0, 1.0))


def test_the_generalised_mean_runs_from_the_mean_to_the_maximum():
    maps = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(GeM(p=1.0)(maps), maps.mean(dim=(2, 3)), atol=1e-5)
    assert torch.allclose(GeM(p=200.0)(maps), maps.amax(dim=(2, 3)), atol=0.05)
    by_hand = torch.tensor([1.0, 2.0]).view(1, 1, 1, 2)
    assert GeM(p=3.0)(by_hand).item() == pytest.approx(4.5 ** (1 / 3), rel=1e-6)


def test_the_generalised_mean_has_finite_gradients_on_an_empty_map_and_under_autocast():
    maps = torch.zeros(1, 2, 3, 3, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = GeM()(maps)
    pooled.sum().backward()
    assert pooled.dtype == torch.float32
    assert torch.isfinite(maps.grad).all()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"model": "resnet81"}, ComponentError, "resnet18"),
        ({"model": "hf-hub:someone/network"}, ComponentError, "no model"),
        ({"model": "resnet18.nothing"}, ComponentError, "nothing"),
        ({"stage": 7}, ConfigError, "0 to 6"),
        ({"stage": 3, "freeze_stages": 5}, ConfigError, "freeze 5 stages"),
        ({"head": "conv"}, ConfigError, "embed_dim"),
        ({"stage": 1, "freeze_stages": 2}, ConfigError, "nothing to train"),
        ({"img_size": 64}, ConfigError, "img_size"),
        ({"model": "vgg11", "drop_path": 0.1}, ConfigError, "drop_path"),
        ({"weights": "imagenet"}, ConfigError, "safetensors"),
        ({"model": "resnet18", "weights": "lite0"}, ConfigError, "tf_efficientnet_lite0"),
        ({"model": "efficientnet_lite0", "weights": "lite0"}, ConfigError, "do not belong"),
        ({"weights": "nowhere.pth"}, DataError, "does not exist"),
    ],
)
def test_a_mistake_is_explained(options, error, words):
    with pytest.raises(error, match=words):
        of(**options)


def test_timms_weights_that_cannot_be_fetched_are_an_error_that_says_what_to_fetch(monkeypatch):
    def offline(*args, **options):
        raise OSError("the hub can't be reached")

    monkeypatch.setattr(trunks.timm, "create_model", offline)
    monkeypatch.setattr(trunks, "is_out_of_reach", lambda _: False)
    with pytest.raises(DataError, match="can't be reached") as raised:
        of(weights="timm")
    assert all(word in str(raised.value) for word in ("Fetch https://", ".safetensors", "weights"))


def test_the_configuration_makes_it_from_plain_yaml_values():
    catalog = load_plugins(["sample4geo"]).catalog
    options = {"weights": "none", "img_size": [64, 32], "mean": [0.5, 0.5, 0.5], "embed_dim": 8}
    spec = ComponentSpec(name="timm", model="vit_tiny_patch16_224", stage=1, **options)
    backbone = catalog.create("backbones", spec)
    assert backbone(torch.zeros(1, 3, 64, 32)).shape == (1, 8)
    assert backbone.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    "option", [{"pool": "median"}, {"stage": -1}, {"drop_path": 1.5}, {"embed_dims": 8}]
)
def test_a_wrong_option_is_named_with_its_place(option):
    catalog = load_plugins(["sample4geo"]).catalog
    spec = ComponentSpec(name="timm", model="resnet10t", weights="none", **option)
    with pytest.raises(ConfigError, match=next(iter(option))) as raised:
        catalog.create("backbones", spec, where="encoder.backbone")
    assert "encoder.backbone" in str(raised.value.where)


OLDER = json.loads((Path(__file__).parents[1] / "data" / "timm-of-0.1.json").read_text())


@pytest.mark.parametrize("name", OLDER)
def test_checkpoints_of_0_1_fit_every_option_and_mean_the_same(name):
    was = OLDER[name]
    backbone = of(**was["options"]).eval()
    names = {key: list(tensor.shape) for key, tensor in backbone.state_dict().items()}
    assert {key: shape for key, shape in names.items() if key.startswith("head")} == was["head"]
    assert len(names) == was["num_tensors"]
    digest = hashlib.sha256(json.dumps(names, sort_keys=True).encode()).hexdigest()
    assert digest == was["names"]
    fill(backbone)
    size = 112 if name == "swin" else 64
    waves = torch.sin(torch.arange(3 * size * size, dtype=torch.float64) * 0.013)
    with torch.no_grad():
        feature = backbone(waves.reshape(1, 3, size, size).float())[0]
    assert float(feature.norm()) == pytest.approx(was["norm"], rel=1e-3)
    assert feature[:6].tolist() == pytest.approx(was["feature"], rel=1e-2, abs=1e-3)


def fill(backbone):
    """Give each tensor values that its name and shape alone decide."""
    for number, (name, tensor) in enumerate(sorted(backbone.state_dict().items())):
        if tensor.is_floating_point():
            steps = torch.arange(tensor.numel(), dtype=torch.float64) * 0.7 + number
            values = torch.sin(steps)
            if "running_var" in name or name.endswith(".p"):
                values = values.abs() + 0.5
            else:
                values *= 0.5 / max(1, tensor[0].numel() if tensor.ndim else 1) ** 0.5
            tensor.copy_(values.reshape(tensor.shape))
