"""What is compared with what: worlds, factors, and the levels of each as ``--set``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BASE = "sample4geo"
"""The level of every factor that all others are compared with: the recipe as it is."""


@dataclass(frozen=True)
class World:
    """A recipe on a data set, a held-out part of it, and how long is trained."""

    recipe: str
    sets: tuple[str, ...]
    modern: str
    is_untouched: bool = False


_ORBIT = ("dataset.train_renders=1", "train.epochs=4")
_CITY = ("train.epochs=4",)
WORLDS = {
    "americas": World(
        "sample4geo/orbitview", ("dataset.region=americas", *_ORBIT), "modern/orbitview"
    ),
    "city 2": World("cityblocks/cityblocks", ("dataset.held_out=2", *_CITY), "modern/cityblocks"),
    "africa": World(
        "sample4geo/orbitview",
        ("dataset.region=africa", *_ORBIT),
        "modern/orbitview",
        is_untouched=True,
    ),
    "city 3": World(
        "cityblocks/cityblocks",
        ("dataset.held_out=3", *_CITY),
        "modern/cityblocks",
        is_untouched=True,
    ),
}
REMEMBER = "encoder.backbone.remember_mb=4000"
ALL_CELLS = (
    "train.threads=1",
    "train.channels_last=true",
    "data.workers=0",
    "data.cache=auto",
    "encoder.check_export=false",
    "evaluate.every=1000",
    "evaluate.final=[cross]",
    "evaluate.batch_size=32",
)
FORGET = "encoder.backbone.remember_mb=0"
"""For what draws images anew or trains the trunk."""

_BACKBONE = "encoder.backbone"
_NO_HEAD = (f"{_BACKBONE}.head=linear", f"{_BACKBONE}.pool=default")


def _head(**options: object) -> tuple[str, ...]:
    shown = ", ".join(f"{key}: {value}" for key, value in options.items())
    return (*_NO_HEAD, f"{_BACKBONE}.aggregator={{{shown}}}")


_MIXVPR = _head(name="heads:mixvpr", width=128, rows=4)


_PLAIN = f"{_BACKBONE}.embed_dim=null"
"""What the head mixes is the embedding."""


def _loss(**options: object) -> tuple[str, ...]:
    return tuple(f"losses.0.{key}={value}" for key, value in options.items())


def _contrast(**options: object) -> tuple[str, ...]:
    """Return the loss of the plugin ``modern``; with label smoothing as in the recipe."""
    shown = ", ".join(f"{key}: {value}" for key, value in options.items())
    return (f"losses=[{{name: modern:contrastive, {shown}}}]",)


def _aligned(way: str, *, embed_dim: object = 256, **options: object) -> tuple[str, ...]:
    """Return the same trunk behind a warp, with a head of its own."""
    head = ", ".join(f"{key}: {value}" for key, value in options.items())
    trunk = (
        "{name: sample4geo:timm, model: tf_efficientnet_lite0, weights: lite0, stage: 3, "
        f"freeze_stages: 4, embed_dim: {embed_dim}, remember_mb: 4000, {head}}}"
    )
    place = "side_m: 50, height_m: 2.2"
    return (f"{_BACKBONE}={{name: panobev:aligned, way: {way}, {place}, trunk: {trunk}}}",)


def _grid(width: int, rows: int, columns: int) -> str:
    return f"{{name: sample4geo:grid, width: {width}, rows: {rows}, columns: {columns}}}"


_MIXED = "{name: heads:mixvpr, width: 128, rows: 4}"
_SMALL = "{name: heads:mixvpr, width: 64, rows: 4}"
FACTORS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "aggregator": {
        "avg behind conv": (f"{_BACKBONE}.pool=default",),
        "gem alone": (f"{_BACKBONE}.head=linear",),
        "grid 2x2": _head(name="sample4geo:grid", width=128, rows=2, columns=2),
        "grid 3x3": _head(name="sample4geo:grid", width=128, rows=3, columns=3),
        "grid 6x6": _head(name="sample4geo:grid", width=64, rows=6, columns=6),
        "mixvpr": _MIXVPR,
        "boq": _head(name="heads:boq", width=64, num_queries=16, rows=4),
        "salad": _head(name="heads:salad", num_clusters=16, width=32, token_width=64, hidden=128),
    },
    "geometry": {
        "bird's-eye": _aligned("above", head="conv", pool="gem"),
        "bird's-eye, grid 3x3": _aligned("above", aggregator=_grid(128, 3, 3)),
        "bird's-eye, grid 6x6": _aligned("above", aggregator=_grid(64, 6, 6)),
        "bird's-eye, mixvpr": _aligned("above", aggregator=_MIXED),
        "bird's-eye, mixvpr, rate 2e-3": (
            *_aligned("above", aggregator=_MIXED),
            "train.lr=2e-3",
        ),
        "bird's-eye, grid 3x3, rate 2e-3": (
            *_aligned("above", aggregator=_grid(128, 3, 3)),
            "train.lr=2e-3",
        ),
        "bird's-eye, mixvpr, no projection": _aligned("above", embed_dim="null", aggregator=_MIXED),
        "bird's-eye, mixvpr 64x4, no projection": _aligned(
            "above", embed_dim="null", aggregator=_SMALL
        ),
        "bird's-eye, mixvpr 64x4, no projection, rate 2e-3": (
            *_aligned("above", embed_dim="null", aggregator=_SMALL),
            "train.lr=2e-3",
        ),
        "bird's-eye, grid 3x3 of 28, no projection": _aligned(
            "above", embed_dim="null", aggregator=_grid(28, 3, 3)
        ),
        "polar": _aligned("polar", head="conv", pool="gem"),
        "polar, grid 2x6": _aligned("polar", aggregator=_grid(128, 2, 6)),
        "polar, grid 2x12": _aligned("polar", aggregator=_grid(64, 2, 12)),
        "polar, grid 6x12": _aligned("polar", aggregator=_grid(32, 6, 12)),
    },
    "mixvpr and": {
        level: (*_MIXVPR, *sets)
        for level, sets in {
            "rate 2e-3": ("train.lr=2e-3",),
            "rate 3e-3": ("train.lr=3e-3",),
            "rate 2e-3, average of weights 0.99": ("train.lr=2e-3", "train.ema={decay: 0.99}"),
            "embedding 512": (f"{_BACKBONE}.embed_dim=512",),
            "no projection": (_PLAIN,),
            "no projection, rate 2e-3": (_PLAIN, "train.lr=2e-3"),
            "64x4, no projection": (*_head(name="heads:mixvpr", width=64, rows=4), _PLAIN),
            "64x4, no projection, rate 2e-3": (
                *_head(name="heads:mixvpr", width=64, rows=4),
                _PLAIN,
                "train.lr=2e-3",
            ),
            "64x4, no projection, rate 3e-3": (
                *_head(name="heads:mixvpr", width=64, rows=4),
                _PLAIN,
                "train.lr=3e-3",
            ),
            "width 256, rows 8": _head(name="heads:mixvpr", width=256, rows=8),
            "depth 2": _head(name="heads:mixvpr", width=128, rows=4, depth=2),
            "temperature learnt from 30": ("encoder.logit_scale=3.4012",),
            "average of weights 0.99": ("train.ema={decay: 0.99}",),
            "smoothing 0": _loss(label_smoothing=0),
            "select 14": ("sampler.select=14",),
            "hardness rising from 0": ("sampler.hardness=[0, 1]",),
            "random": ("sampler=sample4geo:random",),
            "batch 32, rate 2e-3": ("train.batch_size=32", "train.lr=2e-3"),
            "stage 4, frozen": (f"{_BACKBONE}.stage=4", f"{_BACKBONE}.freeze_stages=5"),
            "radius": ("losses.0.ignore_within_m=RADIUS",),
            "whitened": ("fits=[whitening]",),
        }.items()
    },
    "embedding": {
        "512": (f"{_BACKBONE}.embed_dim=512",),
        "width 512": (f"{_BACKBONE}.head_width=512",),
    },
    "rate": {
        "5e-4": ("train.lr=5e-4",),
        "2e-3": ("train.lr=2e-3",),
        "4e-3": ("train.lr=4e-3",),
        "warm-up 1 epoch": ("train.warmup_epochs=1",),
    },
    "average of weights": {"0.99": ("train.ema={decay: 0.99}",)},
    "temperature": {
        "fixed at 14.3": ("encoder.learn_logit_scale=false",),
        "fixed at 30": ("encoder.learn_logit_scale=false", "encoder.logit_scale=3.4012"),
        "learnt from 30": ("encoder.logit_scale=3.4012",),
        "at most 20": _loss(max_logit_scale=20),
        "from 10 to 30": _contrast(logit_scale="[10, 30]"),
        "from 30 to 10": _contrast(logit_scale="[30, 10]"),
    },
    "loss": {
        "queries alone": _contrast(sides="queries"),
        "references alone": _contrast(sides="references"),
        "decoupled": _contrast(decoupled="true"),
        "decoupled, no smoothing": _contrast(decoupled="true", label_smoothing=0),
        "memory of 128": _contrast(memory=128, memory_from=0.25),
        "memory of 128, last quarter": _contrast(memory=128, memory_from=0.75),
        "memory of 512": _contrast(memory=512, memory_from=0.25),
    },
    "label smoothing": {
        "0": _loss(label_smoothing=0),
        "0.05": _loss(label_smoothing=0.05),
        "0.2": _loss(label_smoothing=0.2),
    },
    "false negatives": {
        "none ignored": (
            "losses.0.ignore_semi_positives=false",
            "sampler.ignore_semi_positives=false",
        ),
        "radius": ("losses.0.ignore_within_m=RADIUS",),
        "radius, sampler too": (
            "losses.0.ignore_within_m=RADIUS",
            "sampler.ignore_within_m=RADIUS",
        ),
    },
    "hardness": {
        "random": ("sampler=sample4geo:random",),
        "gps": ("sampler={name: sample4geo:gps, select: 8, pool: 32}",),
        "select 4": ("sampler.select=4",),
        "select 14": ("sampler.select=14",),
        "rising from 0": ("sampler.hardness=[0, 1]",),
        "pool 16": ("sampler.pool=16",),
        "mined by a pass": ("sampler.incremental=false", "sampler.mine_every=1"),
        "mining from epoch 2": ("sampler.first_mine_epoch=2",),
    },
    "batch": {
        "32, same pairs": ("train.batch_size=32",),
        "32, rate 2e-3, same pairs": ("train.batch_size=32", "train.lr=2e-3"),
        "64 in chunks, same pairs": (
            "train.batch_size=64",
            "train.chunk=16",
            "train.lr=2e-3",
            "sampler.select=32",
            "sampler.pool=64",
        ),
    },
    "depth": {
        "stage 4, frozen": (f"{_BACKBONE}.stage=4", f"{_BACKBONE}.freeze_stages=5"),
        "stage 2, frozen": (f"{_BACKBONE}.stage=2", f"{_BACKBONE}.freeze_stages=3"),
        "last stage learns, a tenth": (
            FORGET,
            f"{_BACKBONE}.freeze_stages=3",
            f"{_BACKBONE}.freeze_batchnorm=true",
            "train.lr_scale={trunk: 0.1}",
        ),
    },
    "changed images": {
        "no flips": ("data.joint=[]",),
        "light": (
            FORGET,
            "data.augment={query: [JITTER], reference: [JITTER]}",
        ),
        "other resize": ("data.resize=bilinear-exact",),
    },
    "fits": {
        "whitened": ("fits=[whitening]",),
    },
    "branches": {"one a view": ("encoder.shared=false",)},
}
"""{factor: {level: what it changes of the recipe}}; the recipe itself is the level BASE."""
BESIDE = {"mixvpr and": ("aggregator", "mixvpr")}
"""Factors that change one thing more than a level of another one, which they are compared with."""
ONLY = {"geometry": "cityblocks"}
"""Factors that only one data set has."""
WORDS = {
    "orbitview": {"RADIUS": "300000"},
    "cityblocks": {"RADIUS": "25"},
}
"""What capitals stand for, by data set."""
JITTER = "{name: colour_jitter, brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.0, p: 0.5}"


def overrides(world: str, sets: Sequence[str]) -> list[str]:
    """Return a level's settings, its words filled in for the world."""
    words = WORDS[WORLDS[world].recipe.partition("/")[2]] | {"JITTER": JITTER}
    found = list(sets)
    for word, meaning in words.items():
        found = [text.replace(word, meaning) for text in found]
    return found
