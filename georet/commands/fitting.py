"""What ``georet fit`` does: another run out of a trained one, with other linear maps behind it."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from georet.commands.training import finish_run
from georet.config import RunConfig
from georet.configure.inline import spec_of
from georet.encoder import has_maps, tensors_sha256
from georet.encoder_facts import facts_of
from georet.errors import Interrupted, UsageError
from georet.files import read_object, write_json
from georet.locks import only_writer
from georet.plugins import UNSAID, Plugins, Selection
from georet.run_layout import BANKS, EVENTS, MANIFEST, PROBE
from georet.train import setup
from georet.train.begun import begun
from georet.train.checkpoint import (
    AVERAGE,
    BEST,
    ENCODER,
    LAST,
    Checkpoint,
    load_checkpoint,
    load_weights,
    save_checkpoint,
)
from georet.train.run import FITTED_FROM, check_run, new_run, reconfigure
from georet.vouching import check_vouched

MAY_SET: Final = ("dataset", "device", "data.workers", "evaluate")
"""What may be other than in the run: what the maps are fitted to, and how that is judged."""
_OF_THE_END: Final = ("fit", "eval_without_fits")


def fit_run(
    run_dir: Path,
    fits: Sequence[str],
    out: Path,
    *,
    which: str = LAST,
    selection: Selection = UNSAID,
    overrides: Sequence[str] = (),
) -> Path:
    """Fit linear maps anew to a trained run's embeddings; return the folder of the new run.

    ``fits`` are ``NAME:key=value,...``, one after the other, and take the place of those that the
    run may have. The new run has the old one's weights and history, and is judged and reported as
    one that was trained with these fits. The overrides may name another data set to fit to.
    """
    _check(which, out, overrides)
    check_vouched(check_run(run_dir).parent)
    specs = [spec_of(text, where="--with").model_dump() for text in fits]
    config, loaded = reconfigure(
        check_run(run_dir),
        selection=selection,
        overrides=[*overrides, f"fits={json.dumps(specs)}"],
    )
    checkpoint = load_checkpoint(run_dir, which)
    if which == LAST and not checkpoint.state["is_finished"]:
        raise UsageError(
            "its training is not over",
            where=str(run_dir),
            hint=f"Go on with it: georet train --resume {run_dir}\n  Or choose --checkpoint best.",
        )
    with only_writer(out, "fitting"):
        data = setup.load_data(config, loaded, run_dir)
        unfitted = _without_fits(checkpoint, config, loaded, data, run_dir)
        new_run(out, config, loaded)
        try:
            _carry_over(run_dir, out, unfitted)
            finish_run(config, loaded, out, data)
        except Interrupted as stopped:
            raise Interrupted(
                stopped.what, hint=f"Go on with: georet train --resume {out}"
            ) from stopped
        except BaseException:
            # What can't be fitted leaves nothing that stands in the way of the next try.
            shutil.rmtree(out, ignore_errors=True)
            raise
    return out


def _check(which: str, out: Path, overrides: Sequence[str]) -> None:
    if which not in (LAST, BEST):
        raise UsageError(
            f"fits can't be made for the checkpoint {which!r}",
            where="--checkpoint",
            hint="last or best: maps are fitted to the weights that the run judged.",
        )
    if out.exists() and any(out.iterdir()):
        raise UsageError("is not empty", where=str(out), hint="Choose another --out.")
    for text in overrides:
        key = text.partition("=")[0].strip()
        if not any(key == one or key.startswith(f"{one}.") for one in MAY_SET):
            raise UsageError(
                f"{key!r} can't be changed here",
                where="--set",
                hint=f"The encoder stays as it was trained; what may change is in "
                f"{', '.join(MAY_SET)}.",
            )


def _without_fits(
    checkpoint: Checkpoint, config: RunConfig, plugins: Plugins, data: setup.Data, run_dir: Path
) -> Checkpoint:
    """Return the checkpoint as it stood after its training, before anything was fitted."""
    state = dict(checkpoint.state)
    views = setup.embedded_views(config, data.pairs)
    encoder = setup.make_encoder(config, plugins, views, state["bare_options"], run_dir)
    sizes = {view: config.data.size[view] for view in views}
    tensors = dict(checkpoint.tensors)
    facts: dict[str, Any] = {}
    for group in (AVERAGE, ENCODER):
        if group in tensors:
            kept = {k: t for k, t in tensors[group].items() if not has_maps([k])}
            load_weights(encoder, kept, where=str(checkpoint.path))
            tensors[group], facts[group] = kept, facts_of(encoder, sizes)
    state |= {"encoder_facts": facts[ENCODER], "embed_dim": encoder.embed_dim, "views": views}
    if AVERAGE in state:
        state[AVERAGE] = {**state[AVERAGE], "facts": facts[AVERAGE]}
    state |= {"begun": begun(config, data.pairs), "is_trained": True, "is_finished": False}
    return Checkpoint(checkpoint.path, tensors, state)


def _carry_over(run_dir: Path, out: Path, unfitted: Checkpoint) -> None:
    """Write the new run's history, manifest and checkpoint."""
    lines = (run_dir / EVENTS).read_bytes()[: unfitted.state["events_offset"]].splitlines()
    kept = [line for line in lines if not _is_of_the_end(json.loads(line))]
    (out / EVENTS).write_bytes(b"".join(line + b"\n" for line in kept))
    if (run_dir / PROBE).is_file():
        shutil.copy(run_dir / PROBE, out / PROBE)
    if unfitted.state.get("bank") is not None:
        shutil.copytree(run_dir / BANKS, out / BANKS)
    before = read_object(run_dir / MANIFEST) if (run_dir / MANIFEST).is_file() else {}
    origin = {
        "run": str(run_dir.absolute()),
        "checkpoint": unfitted.path.name,
        "weights_sha256": tensors_sha256(unfitted.weights),
        "command": before.get("command"),
    }
    manifest = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["georet", *sys.argv[1:]]),
        "folder": str(Path.cwd()),
        FITTED_FROM: origin,
    }
    write_json(out / MANIFEST, manifest)
    state = {**unfitted.state, "events_offset": (out / EVENTS).stat().st_size}
    save_checkpoint(out, unfitted.tensors, state, is_best=True)


def _is_of_the_end(event: Mapping[str, Any]) -> bool:
    return event["event"] in _OF_THE_END or bool(event.get("final"))
