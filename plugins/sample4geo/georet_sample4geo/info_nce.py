"""The symmetric InfoNCE loss of Sample4Geo, with optional masks for negatives that are none."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from georet.encoder import real
from georet.errors import ConfigError, DataError
from georet.geodesy import distance_m
from georet.types import REFERENCE, Batch, Bools, EmbeddedBatch


class InfoNCE(torch.nn.Module):
    """EmbeddedBatch of B pairs -> float[]: mean of the cross-entropies of rows and of columns.

    The logits float[B, B] are logit_scale * query @ reference.T on unit-length embeddings; pair i
    has its positive in column i (Deuser, Habel, Oswald, ICCV 2023, section 3.2). They are always
    computed in float32, also under autocast.

    ``max_logit_scale`` limits the factor on the cosines (CLIP: 100). ``ignore_semi_positives``
    takes references that show the query's place out of its denominator, and
    ``ignore_within_m`` those nearer than so many metres to the query's positive.
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.1,
        max_logit_scale: float | None = None,
        ignore_semi_positives: bool = False,
        ignore_within_m: float | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ConfigError(
                f"label_smoothing is {label_smoothing}", where="info_nce", hint="give 0 <= x < 1"
            )
        if max_logit_scale is not None and max_logit_scale <= 0:
            raise ConfigError(
                f"max_logit_scale is {max_logit_scale}",
                where="info_nce",
                hint="it limits the factor on the cosines, not its logarithm; 100 is usual",
            )
        self.label_smoothing = label_smoothing
        self.max_logit_scale = max_logit_scale
        self.ignore_semi_positives = ignore_semi_positives
        self.ignore_within_m = ignore_within_m

    def forward(self, embedded: EmbeddedBatch, rows: slice | None = None) -> torch.Tensor:
        """Return the loss float[] in float32, or its mean over the pairs ``rows`` alone.

        Raises:
            DataError: ``ignore_within_m`` is set and the references have no coordinates.
        """
        device = embedded.query.device
        # bool[B, B], True where reference j is no negative of query i.
        mask = embedded.batch.semi_positive_mask if self.ignore_semi_positives else None
        if self.ignore_within_m is not None:
            near = _near(embedded.batch, self.ignore_within_m)
            mask = near if mask is None else near | mask
        ignored = None if mask is None else _sent(mask, device)
        with torch.autocast(device.type, enabled=False):
            scale = real(embedded.logit_scale)
            if self.max_logit_scale is not None:
                scale = scale.clamp(max=self.max_logit_scale)
            query, reference = real(embedded.query), real(embedded.reference)
            smoothing = self.label_smoothing
            transposed = None if ignored is None else ignored.T
            if rows is None:
                logits = scale * (query @ reference.T)
                of_queries = _cross_entropy(logits, ignored, smoothing)
                of_references = _cross_entropy(logits.T, transposed, smoothing)
            else:
                first = rows.start
                of_queries, of_references = (
                    _cross_entropy(
                        scale * (own[rows] @ other.T),
                        None if mask is None else mask[rows],
                        smoothing,
                        first,
                    )
                    for own, other, mask in (
                        (query, reference, ignored),
                        (reference, query, transposed),
                    )
                )
            return (of_queries + of_references) / 2


def _sent(mask: Bools, device: torch.device) -> torch.Tensor:
    """Return the mask on the device; from pinned memory, so that the host need not wait for it."""
    tensor = torch.from_numpy(mask)
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


def _near(batch: Batch, radius_m: float) -> Bools:
    latlon = batch.latlon(REFERENCE)
    if latlon is None:
        raise DataError(
            "ignore_within_m needs coordinates, and the references have none",
            where=batch.table.references.name,
            hint="drop ignore_within_m, or use a data set with coordinates",
        )
    near: Bools = distance_m(latlon[:, None], latlon[None, :]) < radius_m
    near[range(len(near)), range(len(near))] = False
    return near


def _cross_entropy(
    logits: torch.Tensor, ignored: torch.Tensor | None, smoothing: float, first: int = 0
) -> torch.Tensor:
    """Return the mean cross-entropy float[] of logits float[b, B]; row i's target is first + i.

    The smoothed mass is shared by the classes that are not ignored: a share of an ignored one,
    whose log-probability is minus infinity, would make the loss infinite.
    """
    if ignored is None:
        target = torch.arange(first, first + len(logits), device=logits.device)
        return F.cross_entropy(logits, target, label_smoothing=smoothing)
    log_p = logits.masked_fill(ignored, -torch.inf).log_softmax(dim=1)
    spread = log_p.masked_fill(ignored, 0).sum(dim=1) / (~ignored).sum(dim=1)
    right = log_p.diagonal(offset=first)
    return -((1 - smoothing) * right + smoothing * spread).mean()
