"""What ``georet train`` and ``georet eval`` do, from their arguments to the printed table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from georet.config import RunConfig
from georet.configure import configure
from georet.errors import UsageError
from georet.evaluate.embed import Embedder
from georet.evaluate.evaluator import (
    Result,
    choose,
    evaluate_sets,
    num_images,
    summary,
)
from georet.files import write_json
from georet.plugins import Plugins
from georet.progress import stage
from georet.report import write_report
from georet.report.table import metrics_table
from georet.train import setup
from georet.train.checkpoint import BEST, LAST, load_checkpoint, load_weights
from georet.train.run import (
    changed_plugins,
    check_run,
    headline,
    new_run,
    reconfigure,
    train_run,
)
from georet.train.saving import ENCODER
from georet.train.trainer import Trainer


def start_session(
    *,
    plugins: Sequence[str] | None = None,
    blocked: Sequence[str] = (),
    recipe: str | None = None,
    path: Path | None = None,
    overrides: Sequence[str] = (),
    out: Path | None = None,
) -> Path:
    """Train a new run and return its folder."""
    config, loaded = configure(
        plugins=plugins, blocked=blocked, recipe=recipe, path=path, overrides=overrides
    )
    run_dir = new_run(out, config, loaded)
    _train(config, loaded, run_dir)
    return run_dir


def resume_session(
    run_dir: Path, *, plugins: Sequence[str] | None = None, blocked: Sequence[str] = ()
) -> None:
    """Go on with a run from its last checkpoint."""
    config, loaded = reconfigure(check_run(run_dir), plugins=plugins, blocked=blocked)
    for change in changed_plugins(run_dir, loaded):
        say(f"warning: plugin {change}; the result may differ")
    _train(config, loaded, run_dir)


def evaluate_session(
    run_dir: Path,
    *,
    which: str = LAST,
    only: Sequence[str] | None = None,
    plugins: Sequence[str] | None = None,
    blocked: Sequence[str] = (),
    overrides: Sequence[str] = (),
    as_json: bool = False,
) -> dict[str, Result]:
    """Judge a run's encoder on the galleries of its data set, or of the one in the overrides."""
    if which not in (LAST, BEST):
        raise UsageError(f"no checkpoint {which!r}", where="--checkpoint", hint="last or best")
    config, loaded = reconfigure(
        check_run(run_dir), plugins=plugins, blocked=blocked, overrides=overrides
    )
    data = setup.load_data(config, loaded)
    sets = choose(data.evaluations, list(only) if only else None, where="--only")
    checkpoint = load_checkpoint(run_dir, which)
    views, bare = list(data.pairs.views), checkpoint.state["bare_options"]
    encoder = setup.make_encoder(config, loaded, views, bare)
    load_weights(encoder, checkpoint.tensors[ENCODER], where=str(checkpoint.path))
    embedder = Embedder(
        encoder, config.data, config.evaluate.batch_size, setup.precision_of(config)
    )
    with stage(num_images(sets), "embedding") as bar:
        results = evaluate_sets(
            embedder,
            sets,
            top_k=config.evaluate.top_k,
            metrics=setup.make_metrics(loaded),
            advance=bar.advance,
        )
    if as_json:
        rows = [summary(name, sets[name], result) for name, result in results.items()]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        show(results)
    return results


def show(results: Mapping[str, Result]) -> None:
    """Print the metrics of each gallery on stdout."""
    Console().print(metrics_table({name: result.metrics for name, result in results.items()}))


def say(text: str) -> None:
    """Print a line for people on stderr."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(text, markup=False)


def _list_bad_images(trainer: Trainer) -> None:
    if not trainer.bad_images:
        return
    path = trainer.run_dir / "bad_images.json"
    write_json(path, {str(image): why for image, why in sorted(trainer.bad_images.items())})
    first = "".join(f"\n  {image}: {why}" for image, why in list(trainer.bad_images.items())[:10])
    say(f"warning: {len(trainer.bad_images)} unreadable images were grey, all in {path}:{first}")


def _train(config: RunConfig, plugins: Plugins, run_dir: Path) -> None:
    plugins.observe("georet_configure", config=config)
    trainer = Trainer(config, plugins, run_dir)
    say(headline(trainer))
    say(f"run {run_dir}" + (f", from step {trainer.state.step}" if trainer.state.step else ""))
    results = train_run(trainer)
    if trainer.state.num_bad:
        say(f"warning: {trainer.state.num_bad} steps were skipped, see bad_step in events.jsonl")
    _list_bad_images(trainer)
    show(results)
    say(f"report {write_report(run_dir, trainer.data.evaluations, trainer.pairs)}")
