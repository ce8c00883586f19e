"""A run as it goes to others: weights, configuration, figures, card; nothing of this disk."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any, Final

from georet.config import RunConfig
from georet.configure import dump, load_resolved
from georet.errors import UsageError
from georet.files import read_object, seal, write_atomic, write_json
from georet.pretrained.card import card_of
from georet.pretrained.layout import CARD, write_list
from georet.run_layout import CHECKPOINTS, CONFIG, EVALUATION, FINAL, MANIFEST, PLUGINS, REPORT
from georet.train.run import check_run
from georet.vouching import check_vouched, vouch_for_run

_WEIGHTS: Final = ("encoder.safetensors", "average.safetensors")
_OF_THIS_DISK: Final = ("folder", "command")
_LOCAL: Final = re.compile(r"(/|~|[A-Za-z]:\\|\.\.?/).*")


def pack_run(run_dir: Path, out: Path, *, name: str, licence: str, with_report: bool) -> None:
    """Write the run ``out`` that others shall have; UsageError for one that isn't finished.

    Optimiser states, banks and logs stay here, and so do the places of data and of commands.
    ``out`` is there before and empty.
    """
    check_vouched(check_run(run_dir).parent)
    last = str(read_object(run_dir / CHECKPOINTS / "last.json", "checkpoint")["checkpoint"])
    if FINAL not in last:
        raise UsageError(
            "is not finished",
            where=str(run_dir),
            hint=f"georet train --resume {run_dir} goes on with it.",
        )
    config = load_resolved(run_dir / CONFIG)
    checkpoint = out / CHECKPOINTS / last
    checkpoint.mkdir(parents=True)
    for weights in _WEIGHTS:
        if (run_dir / CHECKPOINTS / last / weights).is_file():
            shutil.copyfile(run_dir / CHECKPOINTS / last / weights, checkpoint / weights)
    state = read_object(run_dir / CHECKPOINTS / last / "state.json")
    write_json(checkpoint / "state.json", _cleaned(state))
    seal(checkpoint)
    for pointer in ("last", "best"):
        write_json(out / CHECKPOINTS / f"{pointer}.json", {"checkpoint": last})
    write_atomic(out / CONFIG, dump(without_places(config)))
    shutil.copyfile(run_dir / PLUGINS, out / PLUGINS)
    manifest = read_object(run_dir / MANIFEST)
    kept = {k: v for k, v in manifest.items() if k not in _OF_THIS_DISK}
    write_json(out / MANIFEST, _cleaned(kept))
    figures = [*(run_dir / EVALUATION).glob("*.json"), *(run_dir / EVALUATION).glob("*/*.json")]
    for path in sorted(figures):
        target = out / path.relative_to(run_dir)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_json(target, _cleaned(read_object(path)))
    if with_report and (run_dir / REPORT).is_file():
        shutil.copyfile(run_dir / REPORT, out / REPORT)
    vouch_for_run(out)
    write_atomic(out / CARD, card_of(run_dir, name=name, licence=licence))
    write_list(out)


def without_places(config: RunConfig) -> RunConfig:
    """Return the configuration with the last part alone of each path in it."""
    return RunConfig.model_validate(_cleaned(config.model_dump(mode="json")))


def _cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cleaned(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, str) and _LOCAL.fullmatch(value):
        return re.split(r"[/\\]", value.rstrip("/\\"))[-1] or "data"
    return value
