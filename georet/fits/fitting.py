"""Fitting one after the other, each to what those before it made, and checking what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from georet.blame import blaming, maker_of
from georet.contracts.encoding import Affine, Fit
from georet.embeddings import is_unit_length
from georet.encoder import Encoder, LinearMap
from georet.types import Floats, Ints

_BLOCK = 65536


@dataclass(frozen=True)
class Fitted:
    """What one fit made: a map for each view."""

    fit: Fit
    maps: Mapping[str, LinearMap]


def check_fits(fits: Sequence[Fit], embed_dim: int, views: Sequence[str]) -> None:
    """Let fits that can say beforehand whether they will fit do so."""
    for number, fit in enumerate(fits):
        check = getattr(fit, "check", None)
        if check is None:
            return  # what comes out of it, and so what the next one gets, isn't known
        with blaming(fit, f"check() of fits.{number}"):
            embed_dim = check(embed_dim, tuple(views))


def fit_all(fits: Sequence[Fit], embeddings: Mapping[str, Floats], pairs: Ints) -> Iterator[Fitted]:
    """Fit to unit-length embeddings {view: float32[R, D]} and pairs int64[N, V] of their rows.

    ComponentError, with the fit's name, for maps that don't fit or that leave an embedding without
    a direction.
    """
    current = dict(embeddings)
    for number, fit in enumerate(fits):
        with blaming(fit, f"fits.{number}"):
            found: object = fit(current, pairs)
        maps = _checked(fit, found, current)
        for view, each in maps.items():
            current[view] = _applied(each, current[view])
            lost = int((~is_unit_length(current[view])).sum())
            if lost:
                raise maker_of(fit).broke(
                    f"its map of the view {view!r} takes the direction from {lost} of "
                    f"{len(current[view])} embeddings, or makes them infinite"
                )
        yield Fitted(fit, maps)


def fit_behind(
    encoder: Encoder, fits: Sequence[Fit], embeddings: Mapping[str, Floats], pairs: Ints
) -> list[Fitted]:
    """Put what fits make of embeddings behind an encoder's branches; return what each one made.

    ``embeddings`` {view: float32[R, D]} are the encoder's own, for each view that it shall embed
    from then on, and ``pairs`` int64[N, V] rows of them in that order. Where there are tiles alone,
    as for an encoder that nobody has trained, give their embeddings under every view and each row
    as a pair with itself. What was fitted before is replaced; embed without it (``attach({})``).
    """
    fitted = list(fit_all(fits, embeddings, pairs))
    encoder.attach({view: [one.maps[view] for one in fitted] for view in embeddings})
    return fitted


def _checked(fit: Fit, found: object, current: Mapping[str, Floats]) -> dict[str, LinearMap]:
    maker = maker_of(fit)
    if not isinstance(found, Mapping) or set(found) != set(current):
        shown = sorted(found) if isinstance(found, Mapping) else type(found).__name__
        raise maker.broke(
            f"the fit returned {shown}", f"Return {{view: Affine}} for {', '.join(current)}."
        )
    sizes = set()
    for view, affine in found.items():
        num = current[view].shape[1]
        matrix = np.asarray(affine.matrix if isinstance(affine, Affine) else np.nan, np.float64)
        offset = np.asarray(affine.offset if isinstance(affine, Affine) else np.nan, np.float64)
        fits = matrix.ndim == 2 and matrix.shape[1] == num and offset.shape == matrix.shape[:1]
        if not fits or not np.isfinite(matrix).all() or not np.isfinite(offset).all():
            raise maker.broke(
                f"for the view {view!r} the fit returned a {type(affine).__name__} of matrix "
                f"{list(matrix.shape)} and offset {list(offset.shape)}",
                f"Wanted an Affine of finite numbers: matrix [E, {num}], offset [E].",
            )
        sizes.add(len(matrix))
    if len(sizes) != 1:
        raise maker.broke(f"the views' maps make {sorted(sizes)} values", "E must be the same.")
    return {
        view: LinearMap(torch.tensor(found[view].matrix), torch.tensor(found[view].offset))
        for view in current
    }


def _applied(each: LinearMap, table: Floats) -> Floats:
    out = np.empty((len(table), len(each.weight)), np.float32)
    with torch.inference_mode():
        for start in range(0, len(table), _BLOCK):
            rows = torch.from_numpy(np.ascontiguousarray(table[start : start + _BLOCK]))
            out[start : start + _BLOCK] = each(rows).numpy()
    return out
