"""One batch on several ranks: what each has of it, made whole on all."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from georet.data.feed import gathered
from georet.ranks.world import Ranks
from georet.types import Batch
from georet.types.training import Applied


def told(batch: Batch, ranks: Ranks) -> Batch:
    """Return the batch; its whole knows what transforms reported on all ranks."""
    if batch.whole is None:
        return batch
    own = [
        {name: float(values[slot]) for name, values in batch.applied.items()}
        for slot in range(len(batch.pairs))
    ]
    reports = [slot for share in ranks.exchange(own) for slot in share]
    if any(reports):
        batch.whole.applied = Applied(gathered(reports))
    return batch


def gathered_views(found: Mapping[str, Tensor], num: int, ranks: Ranks) -> dict[str, Tensor]:
    """Return float[num, D] for each view of this rank's float[n, D], with their gradient.

    All views travel at once: the order of what is sent is the same on all ranks.
    """
    widths = [features.shape[1] for features in found.values()]
    whole = ranks.gather(torch.cat(list(found.values()), dim=1), num)
    return dict(zip(found, torch.split(whole, widths, dim=1), strict=True))


def gathered_outputs(
    found: Mapping[str, Mapping[str, Tensor]], num: int, ranks: Ranks, device: torch.device
) -> dict[str, dict[str, Tensor]]:
    """Return [num, ...] for each output of each view, of this rank's [n, ...].

    A rank none of whose pairs has a view has no outputs of it, and sends zeros.
    """
    told = {
        view: {name: (tuple(t.shape[1:]), t.dtype) for name, t in outputs.items()}
        for view, outputs in found.items()
    }
    known: dict[str, dict[str, tuple[tuple[int, ...], torch.dtype]]] = {}
    for one in ranks.exchange(told):
        for view, outputs in one.items():
            known.setdefault(view, {}).update(outputs)
    own = ranks.slots(num)
    whole: dict[str, dict[str, Tensor]] = {}
    for view, outputs in sorted(known.items()):
        for name, (shape, kind) in sorted(outputs.items()):
            value = found.get(view, {}).get(name)
            if value is None:
                value = torch.zeros((own.stop - own.start, *shape), dtype=kind, device=device)
            gather = ranks.gather if kind.is_floating_point else ranks.gather_plain
            whole.setdefault(view, {})[name] = gather(value, num)
    return whole
