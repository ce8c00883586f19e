"""What ``georet train`` does, from its arguments to the printed table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from georet.commands.advice import repeated_references
from georet.commands.exportable import unexportable
from georet.commands.judging import show
from georet.commands.probing import settled
from georet.config import RunConfig
from georet.configure import configure, load_resolved
from georet.files import write_json
from georet.locks import only_writer
from georet.plugins import UNSAID, Plugins, Selection
from georet.progress import next_step, say
from georet.ranks.joining import begin, joining
from georet.ranks.world import ALONE, Ranks
from georet.report import write_report
from georet.run_layout import BAD_IMAGES
from georet.train import setup
from georet.train.checkpoint import has_checkpoint
from georet.train.run import (
    changed_versions,
    check_run,
    clear,
    free_folder,
    has_begun,
    headline,
    new_run,
    reconfigure,
    sweep,
    train_run,
)
from georet.train.trainer import Trainer
from georet.vouching import check_vouched, forget_vouched, vouch_for_run


def start_run(
    *,
    selection: Selection = UNSAID,
    recipe: str | None = None,
    path: Path | None = None,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    profile: int = 0,
) -> Path:
    """Train a new run and return its folder; ``profile`` steps are profiled."""
    config, loaded = configure(selection=selection, recipe=recipe, path=path, overrides=overrides)
    with joining(config.train.ranks, config.device) as ranks:
        # The first rank's clock names it for all.
        run_dir = out if out is not None else Path(ranks.once(lambda: str(free_folder(config))))
        with ranks.first_alone(only_writer(run_dir, "training")):
            ranks.once(lambda: new_run(run_dir, config, loaded))
            try:
                begin(ranks, run_dir, config.train.ranks)
                _train(config, loaded, run_dir, profile, ranks)
            except BaseException:
                # A start that failed before its first step shall not stand in the way of the next.
                if ranks.is_first and not has_begun(run_dir):
                    clear(run_dir)
                raise
    return run_dir


def resume_run(run_dir: Path, *, selection: Selection = UNSAID, profile: int = 0) -> None:
    """Go on with a run from its last checkpoint; ``profile`` steps are profiled."""
    settings = load_resolved(check_run(run_dir))
    with (
        joining(settings.train.ranks, settings.device) as ranks,
        ranks.first_alone(only_writer(run_dir, "resuming")),
    ):
        begin(ranks, run_dir, settings.train.ranks)
        config, loaded = reconfigure(check_run(run_dir), selection=selection)
        for change in changed_versions(run_dir, loaded):
            say(f"warning: {change}; the result may differ")
        _train(config, loaded, run_dir, profile, ranks)


def rewrite_report(run_dir: Path, *, selection: Selection = UNSAID) -> Path:
    """Write a run's ``report.html`` anew from its folder and its data set; return its path."""
    check_vouched(check_run(run_dir).parent)
    config, loaded = reconfigure(check_run(run_dir), selection=selection)
    data = setup.load_data(config, loaded, run_dir)
    return write_report(run_dir, data.evaluations, data.pairs)


def _list_bad_images(trainer: Trainer) -> None:
    if not trainer.bad_images:
        return
    path = trainer.run_dir / BAD_IMAGES
    write_json(path, {str(image): why for image, why in sorted(trainer.bad_images.items())})
    first = "".join(f"\n  {image}: {why}" for image, why in list(trainer.bad_images.items())[:10])
    say(f"warning: {len(trainer.bad_images)} unreadable images were grey, all in {path}:{first}")


def finish_run(config: RunConfig, plugins: Plugins, run_dir: Path, data: setup.Data) -> None:
    """Do what a run whose training is over still lacks: fits, judgement, hashes and report."""
    _train(config, plugins, run_dir, 0, data=data)


def _train(
    config: RunConfig,
    plugins: Plugins,
    run_dir: Path,
    profile: int,
    ranks: Ranks = ALONE,
    data: setup.Data | None = None,
) -> None:
    if ranks.is_first:
        plugins.observe("georet_configure", config=config)
    ranks.at("reading the data set")
    with ranks.in_turn():
        # Data sets that are generated when they are first used are generated once.
        data = data or setup.load_data(config, plugins, run_dir)
    if not has_checkpoint(run_dir):
        ranks.at("choosing memory layout, threads and workers")
        config = settled(config, plugins, run_dir, data, ranks)
    ranks.at("building the encoder")
    trainer = Trainer(config, plugins, run_dir, data=data, profile=profile, ranks=ranks)
    # Nobody writes before all have read.
    ranks.any(flag=False)
    say(headline(trainer))
    for change in trainer.changes:
        say(f"changed since the run was begun: {change}")
    if (advice := repeated_references(trainer.pairs, config.train.epochs)) is not None:
        say(advice)
    say(f"run {run_dir}" + (f", from step {trainer.state.step}" if trainer.state.step else ""))
    ranks.once(lambda: forget_vouched(run_dir))
    ranks.once(lambda: sweep(run_dir))
    if not trainer.state.step:
        for warning in unexportable(trainer.encoder, config, plugins):
            say(warning)
    results = train_run(trainer)
    if not ranks.is_first:
        return
    if trainer.state.num_bad:
        say(f"warning: {trainer.state.num_bad} steps were skipped, see bad_step in events.jsonl")
    _list_bad_images(trainer)
    vouch_for_run(run_dir)
    show(results)
    say(f"report {write_report(run_dir, trainer.data.evaluations, trainer.pairs)}")
    next_step("export", run_dir, "--onnx")
