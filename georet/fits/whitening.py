"""PCA and whitening: fewer dimensions, and none that outweighs the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

from georet.contracts.encoding import Affine
from georet.errors import ConfigError
from georet.fits.spectrum import Spectrum, spectrum_of
from georet.types import Floats, Ints

Dim = Annotated[int, Field(gt=0)]


class PCA:
    """Project onto the ``dim`` directions of greatest variance: y = U^T (x - mean).

    U are the first eigenvectors of the covariance of the training embeddings, those of all views
    together, or with ``per_view`` of each view on its own. Without ``dim`` all directions are kept
    in which they vary.
    """

    def __init__(self, dim: Dim | None = None, *, per_view: bool = False) -> None:
        self.dim, self.per_view = dim, per_view

    def check(self, embed_dim: int, views: tuple[str, ...]) -> int:  # noqa: ARG002
        """Return the size of what will come out; ConfigError where it can't be."""
        if self.dim is not None and self.dim > embed_dim:
            raise ConfigError(
                f"{self.dim} is more than the {embed_dim} values of an embedding", where="dim"
            )
        return self.dim or embed_dim

    def __call__(self, embeddings: Mapping[str, Floats], _: Ints, /) -> dict[str, Affine]:
        """Return each view's projection."""
        if not self.per_view:
            return dict.fromkeys(embeddings, self._map(spectrum_of(list(embeddings.values()))))
        spectra = {view: spectrum_of([table]) for view, table in embeddings.items()}
        # All views must come out in the same size.
        dim = self.dim or min(len(found.variances) for found in spectra.values())
        return {view: self._map(found, dim) for view, found in spectra.items()}

    def _map(self, found: Spectrum, dim: int | None = None) -> Affine:
        num = found.first(dim or self.dim)
        matrix = found.directions[:num] * self._scale(found)[:num, None]
        return Affine(matrix, -matrix @ found.mean)

    def _scale(self, found: Spectrum) -> np.ndarray:
        return np.ones(len(found.variances))


class Whitening(PCA):
    """PCA to ``dim`` directions, each divided by its standard deviation.

    y = diag(v)^(-1/2) U^T (x - mean) with the variances v. ``shrinkage`` s in 0..1 replaces v by
    (1 - s) v + s mean(v): 0 is whitening, 1 nearly PCA. Source: Jegou and Chum, Negative evidences
    and co-occurences in image retrieval: the benefit of PCA and whitening, ECCV 2012, section 3.
    """

    def __init__(
        self,
        dim: Dim | None = None,
        *,
        per_view: bool = False,
        shrinkage: Annotated[float, Field(ge=0, le=1)] = 0.0,
    ) -> None:
        super().__init__(dim, per_view=per_view)
        self.shrinkage = shrinkage

    def _scale(self, found: Spectrum) -> np.ndarray:
        mean = found.variances.mean()
        shrunk = (1 - self.shrinkage) * found.variances + self.shrinkage * mean
        return np.asarray(1 / np.sqrt(shrunk))
