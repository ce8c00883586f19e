"""What becomes of a run in MLflow: one run of MLflow a run's folder, over all resumes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from georet.errors import Interrupted
from georet.extras import need
from georet.files import read_json, write_json
from georet.tailing import EventTail, figures_of

if TYPE_CHECKING:
    from georet.config import RunConfig
    from georet.contracts.observing import Training

FOLDER = "mlflow"
_MARK = "georet.json"
_MOST_PARAMS, _MOST_METRICS, _LONGEST = 100, 1000, 500
"""What one call of MLflow takes, and how long a parameter may be."""


@dataclass
class _Live:
    """A training that is logged: MLflow's run, and how far the events were read."""

    run_id: str
    tail: EventTail


_live: dict[Path, _Live] = {}


def mlflow() -> Any:
    """Import MLflow; MissingExtraError names the extra. It sends no usage data."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # A store of files needs no database package; MLflow asks to be told that it is meant.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return need("mlflow", extra="mlflow", what="the plugin mlflow")


def begin(trainer: Training, cut_at: int | None) -> None:
    """Begin or take up the run of MLflow that belongs to the trainer's folder."""
    run_dir = trainer.run_dir
    mark = _mark(run_dir)
    run_id = _run_id(run_dir)
    if "events" not in mark:
        _log_params(run_dir, run_id, trainer.config)
    _client(run_dir).update_run(run_id, "RUNNING")
    _live[run_dir] = _Live(run_id, EventTail(run_dir, mark.get("events"), cut_at=cut_at))


def pass_on(run_dir: Path) -> None:
    """Send the events that are new."""
    live = _live.get(run_dir)
    if live is None:
        return
    metric = mlflow().entities.Metric
    now_ms = int(1000 * time.time())
    found = [
        metric(_plain(name), value, now_ms, figures[0])
        for event in live.tail.new()
        if (figures := figures_of(event)) is not None
        for name, value in figures[1].items()
    ]
    for start in range(0, len(found), _MOST_METRICS):
        _client(run_dir).log_batch(live.run_id, metrics=found[start : start + _MOST_METRICS])
    _keep_mark(run_dir, {"run_id": live.run_id, "events": live.tail.mark})


def end(run_dir: Path, error: BaseException | None) -> None:
    """Send the rest, and say how the run ended: FINISHED, KILLED (it goes on later) or FAILED."""
    pass_on(run_dir)
    live = _live.pop(run_dir, None)
    if live is not None:
        status = "FINISHED" if error is None else "FAILED"
        status = "KILLED" if isinstance(error, Interrupted) else status
        _client(run_dir).set_terminated(live.run_id, status)


def note_evaluation(
    run_dir: Path, epoch: int, metrics: Mapping[str, Mapping[str, float]], config: RunConfig
) -> None:
    """Keep what ``georet eval`` found as metrics ``eval/DATASET/SET/METRIC``, by epoch."""
    client, run_id = _client(run_dir), _run_id(run_dir)
    for name, values in metrics.items():
        for key, value in values.items():
            place = _plain(f"eval/{config.dataset.name}/{name}/{key}")
            client.log_metric(run_id, place, float(value), step=epoch)


def keep(run_dir: Path, path: Path, below: str) -> None:
    """Keep a file or a folder among the run's artifacts."""
    client, run_id = _client(run_dir), _run_id(run_dir)
    if path.is_dir():
        client.log_artifacts(run_id, str(path), _plain(below))
    else:
        client.log_artifact(run_id, str(path), _plain(below))


def _client(run_dir: Path) -> Any:
    mlflow()
    own = (run_dir / FOLDER / "store").resolve().as_uri()
    return need("mlflow.tracking", extra="mlflow").MlflowClient(
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI", own)
    )


def _run_id(run_dir: Path) -> str:
    """Return the run of MLflow that belongs to a folder, made where there is none yet."""
    mark = _mark(run_dir)
    if "run_id" not in mark:
        (run_dir / FOLDER).mkdir(exist_ok=True)
        client, name = _client(run_dir), os.environ.get("MLFLOW_EXPERIMENT_NAME", "georet")
        experiment = client.get_experiment_by_name(name)
        number = client.create_experiment(name) if experiment is None else experiment.experiment_id
        made = client.create_run(number, run_name=run_dir.resolve().name)
        mark["run_id"] = made.info.run_id
        _keep_mark(run_dir, mark)
    return str(mark["run_id"])


def _log_params(run_dir: Path, run_id: str, config: RunConfig) -> None:
    param = mlflow().entities.Param
    values = dict(_flat(config.model_dump(mode="json")))
    params = [param(_plain(key), str(value)[:_LONGEST]) for key, value in values.items()]
    for start in range(0, len(params), _MOST_PARAMS):
        _client(run_dir).log_batch(run_id, params=params[start : start + _MOST_PARAMS])


def _flat(values: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ``train.lr`` and the like with their values; lists stay in one piece."""
    for key, value in values.items():
        name = f"{head}.{key}" if head else key
        if isinstance(value, Mapping) and value:
            yield from _flat(value, name)
        else:
            yield name, value


def _plain(name: str) -> str:
    """Return a name with the characters that MLflow allows."""
    return re.sub(r"[^\w./ -]", "_", name.replace("@", "_at_").replace("%", "_percent"))


def _mark(run_dir: Path) -> dict[str, Any]:
    path = run_dir / FOLDER / _MARK
    return dict(read_json(path)) if path.is_file() else {}


def _keep_mark(run_dir: Path, mark: Mapping[str, Any]) -> None:
    write_json(run_dir / FOLDER / _MARK, dict(mark))
