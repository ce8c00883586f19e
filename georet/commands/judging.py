"""What ``georet eval`` does, from its arguments to the printed table; by ranks as well."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from georet.commands.foreseeing import foresee_embedding
from georet.config import RunConfig
from georet.configure.stages import make_stages, stage_named
from georet.errors import UsageError
from georet.evaluate.embed import Embedder
from georet.evaluate.evaluator import (
    Result,
    choose,
    drifted,
    evaluate_sets,
    metrics_in,
    num_images,
    summary,
    write_result,
)
from georet.evaluate.setting import field_of_view_line, setting_of
from georet.evaluate.stages import in_words
from georet.locks import only_writer
from georet.page.table import metrics_table
from georet.plugins import UNSAID, Plugins, Selection
from georet.pretrained.making import run_folder
from georet.progress import console, echo_json, next_step, say, stage
from georet.ranks.joining import SIGNS, begin, joining
from georet.ranks.world import Ranks
from georet.run_layout import EVALUATION
from georet.train import setup
from georet.train.checkpoint import LAST, check_name, load_checkpoint
from georet.train.run import check_run, reconfigure
from georet.train.saving import encoder_of
from georet.train.state import State
from georet.types import QUERY, REFERENCE, EvaluationSet
from georet.vouching import check_vouched, vouch_for

RANKS: Final = ".ranks-eval"
"""Folder in a run's own for ranks that ``torchrun`` started."""


@dataclass(frozen=True)
class Asked:
    """What of a run is to be judged, and where that goes; as in ``evaluate_run``."""

    which: str
    only: Sequence[str]
    stages: Mapping[str, tuple[str, str | None]]
    """By option, its kind and what it named beside the stages of the configuration."""
    save_as: str | None
    as_json: bool


def evaluate_run(
    run_dir: Path,
    *,
    which: str = LAST,
    only: Sequence[str] | None = None,
    selection: Selection = UNSAID,
    overrides: Sequence[str] = (),
    save_as: str | None = None,
    as_json: bool = False,
    rerank: str | None = None,
    refine: str | None = None,
    is_dry: bool = False,
) -> dict[str, Result]:
    """Judge a run's encoder on the galleries of its data set, or of the one in the overrides.

    ``save_as`` keeps the results in the run's folder, below ``evaluation/<save_as>/``. ``rerank``
    and ``refine`` (``NAME:key=value,...``) are stages beside those of the configuration. Where the
    environment makes this process one of several ranks, they share the images and the queries; the
    figures are those of one process, and the first rank alone prints and writes. ``is_dry``: only
    what would be judged and how long that takes is printed.
    """
    check_name(which, where="--checkpoint")
    if save_as is not None and Path(save_as).name != save_as:
        raise UsageError(f"{save_as!r} is not a name", where="--save", hint="For example: fov-90")
    run_dir = run_folder(run_dir, selection=selection)
    check_vouched(check_run(run_dir).parent)
    config, loaded = reconfigure(check_run(run_dir), selection=selection, overrides=overrides)
    named = {"--rerank": ("rerankers", rerank), "--refine": ("refiners", refine)}
    asked = Asked(which, only or (), named, save_as, as_json)
    if is_dry:
        _foresee(run_dir, asked, config, loaded)
        return {}
    with _together(run_dir, config) as ranks:
        return _judged(run_dir, asked, config, loaded, ranks)


@contextmanager
def _together(run_dir: Path, config: RunConfig) -> Iterator[Ranks]:
    """Join the other ranks; two evaluations at once shall not take each other's signs of life."""
    with joining(config.train.ranks, config.device) as ranks:
        is_bare = not ranks.is_alone and SIGNS not in os.environ
        signs = only_writer(run_dir / RANKS, "evaluating by ranks") if is_bare else nullcontext()
        with ranks.first_alone(signs):
            begin(ranks, run_dir, config.train.ranks, signs=f"{RANKS}/signs", is_saved=False)
            yield ranks


def _foresee(run_dir: Path, asked: Asked, config: RunConfig, loaded: Plugins) -> None:
    """Print which sets would be judged, how large they are, and how long it takes."""
    every = setup.evaluations_of(setup.make_dataset(config, loaded, run_dir), loaded)
    sets = choose(every, list(asked.only) or None, where="--only")
    checkpoint = load_checkpoint(run_dir, asked.which)
    encoder = encoder_of(checkpoint, config, loaded, run_dir)
    judging = setup.judging_precision_of(config)
    embedder = Embedder(encoder, config.data, config.evaluate.batch_size, judging)
    tables = [
        (view, table)
        for one in sets.values()
        for view, table in ((QUERY, one.queries), (REFERENCE, one.gallery))
    ]
    facts = {
        name: f"{len(one.queries):,} queries, {len(one.gallery):,} references"
        for name, one in sets.items()
    }
    stages = [text for _, text in asked.stages.values() if text is not None]
    if stages or config.evaluate.stages:
        facts["stages"] = "re-ranking and refining come on top, and are not measured"
    kept = [] if asked.save_as is None else [run_dir / EVALUATION / asked.save_as]
    foresee_embedding(embedder, tables, facts, writes=kept)


def _judged(
    run_dir: Path, asked: Asked, config: RunConfig, loaded: Plugins, ranks: Ranks
) -> dict[str, Result]:
    every = setup.evaluations_of(setup.make_dataset(config, loaded, run_dir), loaded)
    sets = choose(every, list(asked.only) or None, where="--only")
    checkpoint = load_checkpoint(run_dir, asked.which)
    stages = make_stages(config.evaluate.stages, loaded)
    for option, (kind, text) in asked.stages.items():
        if text is not None:
            stages.append(stage_named(text, kind, loaded, where=option))
    precision = setup.judging_precision_of(config)
    encoder = encoder_of(checkpoint, config, loaded, run_dir)
    embedder = Embedder(encoder, config.data, config.evaluate.batch_size, precision, ranks=ranks)
    metrics = setup.make_metrics(config, loaded, run_dir)
    ranks.at("evaluation")
    with stage(num_images(sets, len(stages)), "embedding") as bar:
        results = evaluate_sets(
            embedder,
            sets,
            top_k=config.evaluate.top_k,
            metrics=metrics,
            advance=bar.advance,
            field_of_view=config.evaluate.field_of_view,
            stages=stages,
            ranks=ranks,
        )
    if ranks.is_first:
        loaded.observe(
            "georet_eval_end",
            trainer=None,
            epoch=State.last_epoch(checkpoint.state),
            metrics=metrics_in(results),
            run_dir=run_dir,
            config=config,
        )
        _tell(run_dir, asked, config, sets, results)
    return results


def _tell(
    run_dir: Path,
    asked: Asked,
    config: RunConfig,
    sets: Mapping[str, EvaluationSet],
    results: Mapping[str, Result],
) -> None:
    """Warn of what differs from the run's own figures, write what is to be kept, and print."""
    setting = {"checkpoint": asked.which, **setting_of(config)}
    for name, result in results.items():
        changed = drifted(run_dir, name, result.metrics, setting) if asked.which == LAST else None
        if changed is not None:
            say(f"warning: {changed}")
        if asked.save_as is not None:
            folder = run_dir / EVALUATION / asked.save_as
            vouch_for(run_dir, write_result(folder, name, sets[name], result, setting))
    if asked.as_json:
        rows = [summary(name, sets[name], result, setting) for name, result in results.items()]
        echo_json(rows)
    else:
        show(results, f"{config.dataset.name}, {field_of_view_line(config)}")
        next_step("report", run_dir) if asked.save_as else next_step("export", run_dir, "--onnx")


def show(results: Mapping[str, Result], title: str = "Evaluation") -> None:
    """Print the metrics of each gallery on stdout."""
    screen = console()
    screen.print(metrics_table(metrics_in(results), title))
    for name, result in results.items():
        for done in result.stages:
            for line in in_words(done):
                screen.print(f"{name}: {line}", soft_wrap=True, highlight=False, markup=False)
