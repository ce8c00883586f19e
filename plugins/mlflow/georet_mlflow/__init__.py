"""The plugin ``mlflow``: runs, evaluations, exports and galleries in MLflow.

Nothing leaves this machine unless ``MLFLOW_TRACKING_URI`` names a server: by default MLflow writes
its files below the run's folder, ``mlflow/``. The experiment is that of ``MLFLOW_EXPERIMENT_NAME``,
else ``georet``. It is loaded only where it is named: ``--plugins``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from georet import hookimpl

if TYPE_CHECKING:
    from georet.config import RunConfig
    from georet.contracts.observing import Training

STEPS_BETWEEN_LOOKS = 50


@hookimpl
def georet_configure() -> None:
    """Say that MLflow is missing before anything is built."""
    from georet_mlflow.logger import mlflow

    mlflow()


@hookimpl
def georet_fit_start(trainer: Training, cut_at: int | None) -> None:
    """Begin a run of MLflow, or go on with it."""
    from georet_mlflow import logger

    logger.begin(trainer, cut_at)


@hookimpl
def georet_step_end(trainer: Training, step: int) -> None:
    """Pass on what was written to the run's events, now and then."""
    if step % STEPS_BETWEEN_LOOKS == 0:
        from georet_mlflow import logger

        logger.pass_on(trainer.run_dir)


@hookimpl
def georet_eval_end(
    trainer: Training | None,
    epoch: int,
    metrics: Mapping[str, Mapping[str, float]],
    run_dir: Path,
    config: RunConfig,
) -> None:
    """Pass on an evaluation: while training from the events, else under names of its own."""
    from georet_mlflow import logger

    if trainer is not None:
        logger.pass_on(run_dir)
    else:
        logger.note_evaluation(run_dir, epoch, metrics, config)


@hookimpl
def georet_fit_end(trainer: Training, error: BaseException | None) -> None:
    """Pass on the rest, and end the run of MLflow."""
    from georet_mlflow import logger

    logger.end(trainer.run_dir, error)


@hookimpl
def georet_export_end(artefact: Path, run_dir: Path) -> None:
    """Keep the files of an exported format as artifacts."""
    from georet_mlflow import logger

    logger.keep(run_dir, artefact, f"exports/{artefact.name}")


@hookimpl
def georet_gallery_end(gallery: Path, run_dir: Path | None) -> None:
    """Keep a gallery's manifest as an artifact; the tiles' embeddings stay where they are."""
    from georet_mlflow import logger

    if run_dir is not None:
        logger.keep(run_dir, gallery / "gallery.json", f"galleries/{gallery.name}")
