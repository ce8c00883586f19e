"""The recipes hold what was published, row by row, and their variants what they say."""

from __future__ import annotations

import math

import pytest

from georet.cli import main
from georet.configure import configure
from georet.plugins import Selection

PUBLISHED = {
    "cvusa": {
        "dataset": ("datasets:cvusa", {"root": "data/CVUSA"}),
        "query": (140, 768),
        "sampler": ("sample4geo:sample4geo", "query", "great_circle"),
        "epochs": (40, 1.0),
        "ratio": (0.5, 0.4),
    },
    "cvact": {
        "dataset": ("datasets:cvact", {"root": "data/CVACT"}),
        "query": (140, 768),
        "sampler": ("sample4geo:sample4geo", "reference", "euclidean"),
        "epochs": (40, 1.0),
        "ratio": (0.5, 0.4),
    },
    "vigor-same": {
        "dataset": ("datasets:vigor", {"root": "data/VIGOR", "area": "same"}),
        "query": (384, 768),
        "sampler": ("sample4geo:sample4geo", "reference", "great_circle"),
        "epochs": (40, 1.0),
        "ratio": (0.5, 0.4),
    },
    "vigor-cross": {
        "dataset": ("datasets:vigor", {"root": "data/VIGOR", "area": "cross"}),
        "query": (384, 768),
        "sampler": ("sample4geo:sample4geo", "reference", "great_circle"),
        "epochs": (40, 1.0),
        "ratio": (0.5, 0.4),
    },
    "university-1652": {
        "dataset": ("datasets:university1652", {"root": "data/University-1652"}),
        "query": (384, 384),
        "sampler": ("sample4geo:random", None, None),
        "epochs": (1, 0.1),
        "ratio": (0.4, 0.4),
    },
}
"""What differs between the rows (Deuser, Habel, Oswald, ICCV 2023, and its released scripts)."""


def config_of(recipe):
    return configure(selection=Selection.of(["sample4geo"]), recipe=f"sample4geo/{recipe}")[0]


@pytest.fixture(params=PUBLISHED)
def row(request):
    return request.param, config_of(request.param), PUBLISHED[request.param]


@pytest.mark.parametrize(
    "recipe", [f"{r}{v}" for r in PUBLISHED for v in ("", "-modern", "-small")]
)
def test_every_recipe_is_valid_by_its_name_alone(recipe, capsys):
    assert main(["config", "validate", "--recipe", f"sample4geo/{recipe}"]) == 0
    assert f"recipe sample4geo/{recipe}" in capsys.readouterr().out


def test_encoder_loss_and_optimiser_are_those_of_the_paper(row):
    _, config, _ = row
    assert config.encoder.shared
    assert config.encoder.backbone.name == "sample4geo:timm"
    assert config.encoder.backbone.options == {
        "model": "convnext_base.fb_in22k_ft_in1k_384",
        "weights": "timm",
    }
    assert config.encoder.logit_scale == pytest.approx(math.log(1 / 0.07))
    assert config.encoder.learn_logit_scale
    (loss,) = config.losses
    assert (loss.name, loss.weight, loss.options) == (
        "sample4geo:info_nce",
        1.0,
        {"label_smoothing": 0.1},
    )
    train = config.train
    assert (train.lr, train.weight_decay, train.decay_exclude) == (1e-3, 0.01, "nothing")
    assert (train.clip, train.clip_at) == ("value", 100.0)
    assert (train.schedule.name, train.batch_size) == ("cosine", 128)
    assert (train.accumulate, train.chunk, train.lr_scale) == (1, None, {})
    assert config.precision == "fp16"


def test_data_sizes_and_epochs_are_those_of_the_row(row):
    _, config, wanted = row
    name, options = wanted["dataset"]
    assert (config.dataset.name, config.dataset.options) == (name, options)
    assert config.data.size == {"query": wanted["query"], "reference": (384, 384)}
    assert (config.train.epochs, config.train.warmup_epochs) == wanted["epochs"]


def test_the_panorama_of_cvusa_keeps_the_published_proportion():
    assert config_of("cvusa").data.size["query"][0] == round(224 / 1232 * 768)


def test_batches_are_planned_as_published(row):
    _, config, wanted = row
    name, positions, distance = wanted["sampler"]
    options = config.sampler.options
    assert config.sampler.name == name
    if positions is None:
        assert options == {"give_up": 512}
        return
    assert options.pop("distance", "great_circle") == distance
    rules = {"select": 64, "pool": 128, "mine_every": 4, "give_up": 1024}
    assert options == {"positions": positions, **rules}


def test_augmentation_is_that_of_the_paper(row):
    name, config, wanted = row
    joint = [(t.name, t.options["p"]) for t in config.data.joint]
    is_university = name == "university-1652"
    assert joint == [("flip", 0.5)] + ([] if is_university else [("rotate_roll", 0.75)])
    for view, ratio in zip(("query", "reference"), wanted["ratio"], strict=True):
        found = {t.name: t.options for t in config.data.augment[view]}
        quarters = found.pop("rotate_tile", None)
        assert quarters == ({"p": 0.75} if is_university and view == "reference" else None)
        amounts = dict.fromkeys(("brightness", "contrast", "saturation", "hue"), 0.15)
        holes = {"holes": [10, 25], "hole_size": [0.1, 0.2]}
        assert found == {
            "jpeg_artefacts": {"quality": [90, 100], "p": 0.5},
            "colour_jitter": {**amounts, "p": 0.5},
            "blur_or_sharpen": {"p": 0.3},
            "dropout": {"grid_ratio": ratio, **holes, "p": 0.3},
        }
        assert next(iter(config.data.augment[view])).name == "jpeg_artefacts"


NOT_NEGATIVES = {
    "cvusa": {},
    "cvact": {"ignore_within_m": 25},
    "vigor-same": {"ignore_semi_positives": True},
    "vigor-cross": {"ignore_semi_positives": True},
    "university-1652": {},
}


@pytest.mark.parametrize("recipe", PUBLISHED)
def test_the_modern_variant_changes_precision_scale_limit_and_false_negatives_only(recipe):
    literal, modern = config_of(recipe), config_of(f"{recipe}-modern")
    assert modern.precision == "bf16"
    (loss,) = modern.losses
    ignored = NOT_NEGATIVES[recipe]
    assert loss.options == {"label_smoothing": 0.1, "max_logit_scale": 100, **ignored}
    assert modern.sampler.options == literal.sampler.options | ignored
    for section in ("dataset", "data", "encoder", "train", "evaluate"):
        assert getattr(modern, section) == getattr(literal, section)


@pytest.mark.parametrize("recipe", PUBLISHED)
def test_the_small_variant_saves_memory_and_nothing_else(recipe):
    modern, small = config_of(f"{recipe}-modern"), config_of(f"{recipe}-small")
    assert small.train.chunk == 8
    assert small.encoder.backbone.options == {
        **modern.encoder.backbone.options,
        "grad_checkpointing": True,
    }
    saved = {"chunk": None, "channels_last": modern.train.channels_last}
    assert small.train.model_copy(update=saved) == modern.train
    assert (small.losses, small.sampler, small.data) == (modern.losses, modern.sampler, modern.data)


@pytest.mark.parametrize("recipe", PUBLISHED)
def test_what_reproduces_a_paper_shrinks_as_the_paper_did(recipe):
    for variant in (recipe, f"{recipe}-modern", f"{recipe}-small"):
        assert config_of(variant).data.resize == "bilinear-exact"


def test_runs_of_ones_own_smooth_what_they_shrink():
    assert config_of("own-data").data.resize == "bilinear-antialias"
    assert config_of("orbitview").data.resize == "bilinear-antialias"
