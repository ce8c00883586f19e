"""What becomes of a run in wandb: one run of wandb a run's folder, over all resumes."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from georet.errors import Interrupted
from georet.extras import need
from georet.files import read_json, write_json
from georet.tailing import EventTail, figures_of

if TYPE_CHECKING:
    from georet.config import RunConfig
    from georet.contracts.observing import Training

FOLDER = "wandb"
_MARK = "georet.json"
_TURN, _BEGUN = ".begin.lock", ".begun.json"
_MOST_AHEAD_S = 60


@dataclass
class _Live:
    """A training that is logged: wandb's run, and how far the events were read."""

    run: Any
    tail: EventTail


_live: dict[Path, _Live] = {}


def wandb() -> Any:
    """Import wandb; MissingExtraError names the extra. It reports no errors of its own."""
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    return need("wandb", extra="wandb", what="the plugin wandb")


def begin(trainer: Training, cut_at: int | None) -> None:
    """Begin or take up the run of wandb that belongs to the trainer's folder."""
    config = trainer.config.model_dump(mode="json")
    mark = _mark(trainer.run_dir)
    run = _opened(trainer.run_dir, mark, config)
    tail = EventTail(trainer.run_dir, mark.get("events"), cut_at=cut_at)
    _live[trainer.run_dir] = _Live(run, tail)


def pass_on(run_dir: Path) -> None:
    """Send the events that are new."""
    live = _live.get(run_dir)
    if live is None:
        return
    for event in live.tail.new():
        found = figures_of(event)
        if found is not None:
            step, values = found
            live.run.log(values, step=step)
    _keep_mark(run_dir, {"id": live.run.id, "events": live.tail.mark})


def end(run_dir: Path, error: BaseException | None) -> None:
    """Send the rest and end the run of wandb, as failed where an error ended it."""
    pass_on(run_dir)
    live = _live.pop(run_dir, None)
    if live is not None:
        # A run that was stopped goes on later; it has not failed.
        live.run.finish(exit_code=int(error is not None and not isinstance(error, Interrupted)))


def note_evaluation(
    run_dir: Path, epoch: int, metrics: Mapping[str, Mapping[str, float]], config: RunConfig
) -> None:
    """Write what ``georet eval`` found into the summary: ``eval/DATASET/SET/METRIC``."""
    with _taken_up(run_dir) as run:
        head = f"eval/{config.dataset.name}"
        for name, values in metrics.items():
            run.summary.update({f"{head}/{name}/{key}": value for key, value in values.items()})
        run.summary[f"{head}/epoch"] = epoch


def keep(run_dir: Path, path: Path, *, kind: str, name: str | None = None) -> None:
    """Keep a file or a folder as an artefact of the run."""
    with _taken_up(run_dir) as run:
        plain = re.sub(r"[^\w.-]", "-", f"{run_dir.name}-{name or path.name}")
        artefact = wandb().Artifact(plain, type=kind)
        if path.is_dir():
            artefact.add_dir(str(path))
        else:
            artefact.add_file(str(path))
        run.log_artifact(artefact)


@contextmanager
def _taken_up(run_dir: Path) -> Iterator[Any]:
    """Yield the run of wandb that belongs to a folder: the one that is open, or opened for this."""
    if run_dir in _live:
        yield _live[run_dir].run
        return
    run = _opened(run_dir, _mark(run_dir), None)
    try:
        yield run
    finally:
        run.finish()


def _opened(run_dir: Path, mark: dict[str, Any], config: dict[str, Any] | None) -> Any:
    (run_dir / FOLDER).mkdir(exist_ok=True)
    own_id = str(mark.get("id") or secrets.token_hex(4))
    _keep_mark(run_dir, {**mark, "id": own_id})
    module = wandb()
    with _seconds_of_its_own(run_dir / FOLDER):
        return module.init(
            id=own_id,
            resume="allow",
            project=os.environ.get("WANDB_PROJECT", "georet"),
            name=run_dir.resolve().name,
            config=config,
            dir=str(run_dir),
            mode=os.environ.get("WANDB_MODE", "offline"),
            reinit="create_new",
            settings=module.Settings(
                console="off", silent=True, disable_code=True, disable_git=True
            ),
        )


@contextmanager
def _seconds_of_its_own(folder: Path) -> Iterator[None]:
    """Enter in a second in which no process has begun anything in a run's folder.

    wandb calls its folders by second and id: two that begin within a second would be one, and the
    later would overwrite the earlier.
    """
    path = folder / _BEGUN
    with FileLock(folder / _TURN, mode=0o644):
        last_s = int(read_json(path)["second"]) if path.is_file() else 0
        # For a clock that was set back nobody waits.
        while (now_s := int(time.time())) <= last_s < now_s + _MOST_AHEAD_S:
            time.sleep(0.05)
        try:
            yield
        finally:
            write_json(path, {"second": int(time.time())})


def _mark(run_dir: Path) -> dict[str, Any]:
    path = run_dir / FOLDER / _MARK
    return dict(read_json(path)) if path.is_file() else {}


def _keep_mark(run_dir: Path, mark: Mapping[str, Any]) -> None:
    write_json(run_dir / FOLDER / _MARK, dict(mark))
