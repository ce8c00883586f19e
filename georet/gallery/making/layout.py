"""Which processes a build has: who embeds, on which device, and how many read for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from georet.contracts.running import Session
from georet.embeddings import held_by
from georet.errors import UsageError
from georet.processes import num_cores

_MOST_EMBEDDING: Final = 8
_MOST_DECODERS: Final = 16


class Layout(NamedTuple):
    """``devices``: one process that embeds for each, or none: the calling process does.

    A device that is None is whatever the encoder's configuration says. ``decoders`` read for each.
    """

    devices: tuple[str | None, ...]
    decoders: int


def layout(
    session: Session, num_shards: int, workers: int | None, devices: Sequence[str] | None
) -> Layout:
    """Return the processes for so many shards; ``workers`` read tiles in all, None: as fits.

    On a GPU reading is what takes long: each GPU gets a process, and the cores read for them. On a
    CPU embedding is: the calling process embeds if ``workers`` is given, else as many processes
    as cores and shards allow, which read for themselves.
    """
    if devices:
        each = num_workers_of(session, workers) / len(devices)
        decoders = 0 if not each else max(1, round(each))
        return Layout(tuple(devices) if len(devices) > 1 else (), decoders)
    if workers is not None:
        return Layout((), workers)
    if is_accelerated(session):
        gpus = _cuda_devices()
        decoders = max(1, num_workers_of(session, None) // max(1, len(gpus)))
        return Layout(gpus if len(gpus) > 1 and num_shards > 1 else (), decoders)
    cores = num_cores()
    num = 0 if cores == 1 or num_shards == 1 else min(cores, _MOST_EMBEDDING, num_shards)
    return Layout((None,) * num, 0)


def num_workers_of(session: Session, workers: int | None) -> int:
    """Return how many processes read tiles in all."""
    if workers is not None:
        return workers
    return min(num_cores(), _MOST_DECODERS) if is_accelerated(session) else 0


def is_accelerated(session: Session) -> bool:
    """Whether a session computes elsewhere than on this machine's cores."""
    return "cuda" in session.identity.backend or held_by(session) > 1


def devices_of(text: str | None) -> tuple[str, ...] | None:
    """Return the devices in ``cuda:0,cuda:1`` or ``cpu,cpu``; UsageError for an empty name."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise UsageError(f"{text!r} names no device", where="--devices", hint="cuda:0,cuda:1, say.")
    return names


def _cuda_devices() -> tuple[str, ...]:
    import torch

    return tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
