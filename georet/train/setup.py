"""From a configuration to the objects that a run is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from georet.blame import blaming, maker_of
from georet.config import ComponentSpec, RunConfig
from georet.contracts.building import BuildContext
from georet.contracts.training import (
    Backbone,
    Dataset,
    ImageTransform,
    JointTransform,
    Metric,
    Sampler,
)
from georet.data.course import Course
from georet.data.course import check_views as views_known
from georet.encoder import Encoder, build_encoder
from georet.errors import ConfigError, DataError
from georet.evaluate.evaluator import choose
from georet.plugins import Plugins
from georet.train.device import pick_device, pick_precision
from georet.train.objective import Objective
from georet.train.sets import evaluations_of as evaluations_of
from georet.train.sets import name_origin
from georet.train.sets import protocol_named as protocol_named
from georet.types import EvaluationSet, PairTable

OWN_DATA = "sample4geo/own-data"
"""The recipe for whose data has other sets than a recipe expects."""


@dataclass(frozen=True)
class Data:
    """The run's data set, read once."""

    dataset: Dataset
    pairs: PairTable
    evaluations: Mapping[str, EvaluationSet]


def building(
    config: RunConfig,
    plugins: Plugins,
    run_dir: Path | None = None,
    views: Sequence[str] | None = None,
) -> BuildContext:
    """Return what the factories of the run's components may ask for.

    Until the data set has said which ``views`` there are, they are those of ``data.size``.
    """
    sizes = dict(config.data.size)
    names = tuple(sizes if views is None else views)
    return BuildContext(plugins.catalog, sizes, run_dir, names, config.seed)


def make_dataset(config: RunConfig, plugins: Plugins, run_dir: Path | None = None) -> Dataset:
    """Build the data set."""
    context = building(config, plugins, run_dir)
    made = plugins.catalog.create("datasets", config.dataset, where="dataset", context=context)
    return cast(Dataset, made)


def load_data(config: RunConfig, plugins: Plugins, run_dir: Path | None = None) -> Data:
    """Read the tables of the configured data set; no image is decoded."""
    dataset = make_dataset(config, plugins, run_dir)
    with blaming(dataset, "train()"):
        found: object = dataset.train()
    if not isinstance(found, PairTable):
        raise maker_of(dataset).broke(
            f"train() returned a {type(found).__name__}, wanted a georet.types.PairTable"
        )
    pairs = found
    name_origin(dataset, pairs.views.values())
    evaluations = evaluations_of(dataset, plugins)
    if not len(pairs):
        raise DataError("the data set has no training pairs", where=config.dataset.name)
    return Data(dataset, pairs, evaluations)


def judged_sets(
    config: RunConfig, sets: Mapping[str, EvaluationSet], plugins: Plugins
) -> tuple[dict[str, EvaluationSet], dict[str, EvaluationSet]]:
    """Return the evaluation sets to be judged while training, and those at the end.

    ConfigError for a name that the data set hasn't, and for an ``evaluate.best`` of another set.
    """
    asked = config.evaluate
    for where, names in (("during", asked.during), ("final", asked.final)):
        lacking = [name for name in names or () if name not in sets]
        if lacking:
            wanted = f"evaluate.{where}=[{next(iter(sets))}]"
            hint = f"The data set has: {', '.join(sets)}. For example --set '{wanted}'"
            if OWN_DATA in plugins.recipes and config.recipe != OWN_DATA:
                hint += f"\n  The recipe for data of one's own: --recipe {OWN_DATA}"
            raise ConfigError(
                f"no evaluation set {', '.join(map(repr, lacking))} in {config.dataset.name}",
                where=f"evaluate.{where}",
                hint=hint,
            )
    during = choose(sets, asked.during or list(sets)[:1], where="evaluate.during")
    if asked.best is not None and asked.best.partition("/")[0] not in during:
        raise ConfigError(
            f"{asked.best!r} is not `set/metric` of a set evaluated while training",
            where="evaluate.best",
            hint=f"Sets: {', '.join(during)}.",
        )
    return during, choose(sets, asked.final, where="evaluate.final") | during


def check_views(config: RunConfig, pairs: PairTable) -> None:
    """Raise ConfigError where the data section names views that the data set hasn't."""
    data = config.data
    Course(pairs, data.size, config.seed, 1, data.size_schedule, data.aux_views)
    views_known(pairs, "augment", data.augment)


def embedded_views(config: RunConfig, pairs: PairTable) -> list[str]:
    """Return the views that the encoder sees: all but ``data.aux_views``."""
    return [view for view in pairs.views if view not in config.data.aux_views]


def make_encoder(
    config: RunConfig,
    plugins: Plugins,
    views: list[str],
    bare: Mapping[str, Mapping[str, Any]] | None = None,
    run_dir: Path | None = None,
) -> Encoder:
    """Build the run's encoder on the run's device; with ``bare``, weights are loaded later.

    A backbone's factory is told the views of its branch.
    """

    def create(spec: ComponentSpec, where: str, own: tuple[str, ...]) -> Backbone:
        context = building(config, plugins, run_dir, own)
        made = plugins.catalog.create("backbones", spec, where=where, context=context)
        return cast(Backbone, made)

    encoder = build_encoder(
        config.encoder,
        create,
        views=views,
        seed=config.seed,
        channels_last=config.train.channels_last is True,
        bare=bare,
    )
    return encoder.to(pick_device(config.device))


def make_objective(
    config: RunConfig,
    plugins: Plugins,
    embed_dim: int,
    pairs: PairTable,
    run_dir: Path | None = None,
) -> Objective:
    """Build the weighted losses; two of one name are told apart by a number.

    The run's seed alone decides the parameters that losses bring.
    """
    context = building(config, plugins, run_dir, list(pairs.views))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        objective = _objective(config, plugins, context)
        objective.prepare(embed_dim, pairs)
    return objective.to(pick_device(config.device))


def _objective(config: RunConfig, plugins: Plugins, context: BuildContext) -> Objective:
    losses: dict[str, tuple[Any, float]] = {}
    for number, spec in enumerate(config.losses):
        name = spec.name.replace(":", "_").replace(".", "_")
        name = f"{name}_{number}" if name in losses else name
        unweighted = ComponentSpec.model_validate({"name": spec.name, **spec.options})
        where = f"losses.{number}"
        loss = plugins.catalog.create("losses", unweighted, where=where, context=context)
        losses[name] = (loss, spec.weight)
    return Objective(losses)


def make_sampler(
    config: RunConfig, plugins: Plugins, views: Sequence[str], run_dir: Path | None = None
) -> Sampler:
    """Build the sampler."""
    context = building(config, plugins, run_dir, views)
    made = plugins.catalog.create("samplers", config.sampler, where="sampler", context=context)
    return cast(Sampler, made)


def make_metrics(config: RunConfig, plugins: Plugins, run_dir: Path | None = None) -> list[Metric]:
    """Build every metric that the loaded plugins bring; each is judged on every set."""
    catalog, context = plugins.catalog, building(config, plugins, run_dir)
    return [catalog.create("metrics", name, context=context) for name in catalog.names("metrics")]


def make_transforms(
    config: RunConfig, plugins: Plugins, views: Sequence[str], run_dir: Path | None = None
) -> tuple[list[JointTransform], dict[str, list[ImageTransform]]]:
    """Build joint and image transforms, and refuse one that stands in the other's place."""
    context = building(config, plugins, run_dir, views)

    def create(spec: ComponentSpec, where: str) -> Any:
        return plugins.catalog.create("transforms", spec, where=where, context=context)

    joint = [create(spec, f"data.joint.{i}") for i, spec in enumerate(config.data.joint)]
    augment = {
        view: [create(spec, f"data.augment.{view}.{i}") for i, spec in enumerate(specs)]
        for view, specs in config.data.augment.items()
    }
    for spec, transform in zip(config.data.joint, joint, strict=True):
        _check_place(spec, transform, wants_joint=True)
    for view, specs in config.data.augment.items():
        for spec, transform in zip(specs, augment[view], strict=True):
            _check_place(spec, transform, wants_joint=False)
    return joint, augment


def precision_of(config: RunConfig) -> Any:
    """Return the run's autocast type on the run's device."""
    return pick_precision(config.precision, pick_device(config.device))


def judging_precision_of(config: RunConfig) -> Any:
    """Return the autocast type of an evaluation: fp32 where a CPU can't do the run's fp16."""
    device = pick_device(config.device)
    is_beyond = config.precision == "fp16" and device.type == "cpu"
    return pick_precision("fp32" if is_beyond else config.precision, device)


def _check_place(spec: ComponentSpec, transform: object, *, wants_joint: bool) -> None:
    is_joint = bool(getattr(transform, "joint", False))
    if is_joint != wants_joint:
        place = "data.joint" if is_joint else "data.augment.<view>"
        raise ConfigError(
            f"transform {spec.name!r} belongs under {place}",
            where="data.joint" if wants_joint else "data.augment",
        )
