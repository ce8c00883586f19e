"""Joining the other ranks of a training, and ending so that everybody knows who failed.

Whether there are other ranks, and who this one is, stands in the environment, as ``torchrun`` puts
it there and as georet's own supervisor does.
"""

from __future__ import annotations

import os
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from georet.errors import ConfigError, DataError, GeoretError, Interrupted
from georet.progress import echo, hush
from georet.ranks.beats import (
    GRACE_S,
    Pulse,
    Verdict,
    clear,
    go_on_with,
    verdict_in,
)
from georet.ranks.world import ALONE, Ranks

if TYPE_CHECKING:
    from georet.config import RanksConfig
    from georet.ranks.joined import Joined

STORE: Final = "GEORET_RANKS_STORE"
"""File in which ranks of one machine find each other; georet's supervisor sets it."""
SIGNS: Final = "GEORET_RANKS_SIGNS"
"""Folder of the signs of life that the supervisor watches."""
SUPERVISOR: Final = "GEORET_RANKS_SUPERVISOR"
"""Its process."""
FOLDER: Final = ".ranks"
"""Where the signs of life lie in a run's folder, where no supervisor named another."""


def is_rank() -> bool:
    """Say whether the environment makes this process one of several ranks."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


@contextmanager
def joining(config: RanksConfig, device: str) -> Iterator[Ranks]:
    """Return this process among the ranks of its training; ``ALONE`` without others.

    Inside, ``begin`` must be called once, with the run's folder. Any error that leaves the context
    ends all ranks: it becomes the verdict that all others end with.
    """
    if not is_rank():
        yield ALONE
        return
    ranks = _rank_of(config, _backend_of(device))
    if not ranks.is_first:
        hush()
    try:
        yield ranks
    except BaseException as error:
        ended = _ended(ranks, error, config.silence_s)
        if ended is error:
            raise
        raise ended from error
    if ranks.pulse is not None:
        ranks.pulse.end()
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def begin(
    ranks: Ranks, run_dir: Path, config: RanksConfig, *, signs: str = FOLDER, is_saved: bool = True
) -> None:
    """Start the signs of life and connect to the others; ``run_dir`` must be the same for all.

    ``signs`` names the folder in the run's own where they lie, if no supervisor named another;
    ``is_saved`` says that the ranks save what a later start goes on with.
    """
    from georet.ranks.joined import Joined

    if not isinstance(ranks, Joined):
        return
    named = os.environ.get(SIGNS)
    folder = run_dir / signs if named is None else Path(named)
    ranks.once(lambda: clear(folder, run_dir if is_saved else None))
    if not run_dir.is_dir():
        raise DataError(
            f"rank {ranks.rank} on {socket.gethostname()} doesn't see the run's folder",
            where=str(run_dir),
            hint="Give --out a path that is one folder on all machines.",
        )
    parent = os.environ.get(SUPERVISOR)
    go_on = go_on_with(folder)

    def leave(verdict: Verdict) -> None:
        message = f"error: {verdict.error(ranks.size, go_on)}"
        _leave_at_once(verdict.code, message if _speaks(ranks, verdict) else "")

    ranks.pulse = Pulse(
        folder,
        ranks.rank,
        ranks.size,
        silence_s=config.silence_s,
        leave=leave,
        go_on=go_on,
        parent=None if parent is None else int(parent),
    )
    ranks.connect()


def _rank_of(config: RanksConfig, backend: str) -> Joined:
    import torch.distributed as dist
    from torch.distributed import distributed_c10d as c10d

    from georet.ranks.joined import Joined

    env = os.environ
    rank, size = int(env["RANK"]), int(env["WORLD_SIZE"])
    timeout = timedelta(seconds=config.patience_s)
    store: Any
    if STORE in env:
        store = dist.FileStore(env[STORE], size)  # type: ignore[attr-defined]
    else:
        store, _, _ = next(c10d.rendezvous("env://", timeout=timeout))  # type: ignore[attr-defined]
        store = c10d.PrefixStore(f"georet-{env.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
    return Joined(
        rank,
        size,
        store=store,
        node=env.get("GROUP_RANK", "0"),
        local_rank=int(env.get("LOCAL_RANK", "0")),
        local_size=int(env.get("LOCAL_WORLD_SIZE", "1")),
        backend=backend,
        patience_s=config.patience_s,
    )


def _backend_of(device: str) -> str:
    """Take this rank's own GPU, if there are any, and return what carries the ranks' sums."""
    import torch

    local = int(os.environ.get("LOCAL_RANK", "0"))
    hint = "--set device=auto takes a GPU for each rank, --set device=cpu none."
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    name = str(accelerator) if device == "auto" and accelerator is not None else device
    if name.startswith("cuda:"):
        raise ConfigError(
            f"{device} is one GPU, and each rank needs its own", where="device", hint=hint
        )
    if name == "cuda":
        if local >= torch.cuda.device_count():
            raise ConfigError(
                f"there are {torch.cuda.device_count()} GPUs here, and this is the rank {local} of "
                "this machine, counted from 0",
                where="device",
                hint=f"Start as many ranks as there are GPUs. {hint}",
            )
        torch.cuda.set_device(local)
        return "nccl"
    if name not in ("cpu", "auto"):
        raise ConfigError(
            f"ranks train on CUDA or on the CPU, not on {name}", where="device", hint=hint
        )
    return "gloo"


def _ended(ranks: Joined, error: BaseException, silence_s: float) -> BaseException:
    """Return what this rank ends with; the first that failed is who all others name."""
    from georet.ranks.joined import Lost

    verdict = None if ranks.pulse is None else verdict_in(ranks.pulse.folder)
    if isinstance(error, Lost):
        verdict = verdict or _found_out(ranks, silence_s)
        if verdict is None:
            return SystemExit(1)  # a rank ended before there were signs of life, and has told why
    elif verdict is None:
        with suppress(Exception):
            ranks.fail(str(error))
        if ranks.pulse is None:
            return error
        verdict = ranks.pulse.condemn(_of_own(ranks.pulse, error))
        if not isinstance(error, GeoretError | KeyboardInterrupt):
            traceback.print_exception(error)
    if not _speaks(ranks, verdict):
        return SystemExit(verdict.code)
    go_on = "" if ranks.pulse is None else ranks.pulse.go_on
    return verdict.error(ranks.size, go_on)


def _of_own(pulse: Pulse, error: BaseException) -> Verdict:
    if isinstance(error, Interrupted):
        return pulse.own(error.what, code=error.exit_code, hint=error.hint)
    if isinstance(error, GeoretError):
        what = f"failed: {error.what}"
        return pulse.own(what, code=error.exit_code, where=error.where, hint=error.hint)
    if isinstance(error, KeyboardInterrupt):
        return pulse.own("was stopped by Ctrl-C", code=130)
    return pulse.own(f"failed: {type(error).__name__}: {error}")


def _found_out(ranks: Joined, silence_s: float) -> Verdict | None:
    """Wait until it is known which rank is gone; the one that is silent will be named."""
    if ranks.pulse is None:
        return None
    begun = time.monotonic()
    while time.monotonic() - begun < silence_s + GRACE_S:
        if (found := verdict_in(ranks.pulse.folder)) is not None:
            return found
        time.sleep(0.1)
    own = ranks.pulse.own("lost its connection to another rank")
    return ranks.pulse.condemn(own)


def _speaks(ranks: Ranks, verdict: Verdict) -> bool:
    """Whether this rank tells the user: the one that failed, if it can, else one other."""
    if SUPERVISOR in os.environ:
        return False  # who started the ranks tells it
    if not verdict.is_silent:
        return ranks.rank == verdict.rank
    return ranks.rank == (1 if verdict.rank == 0 else 0)


def _leave_at_once(code: int, message: str) -> None:
    """End this process from another thread, since its main one waits for somebody who is gone."""
    if message:
        echo(message, err=True)
    os._exit(code)
