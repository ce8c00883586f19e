"""The check for fits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from georet.contracts.encoding import Affine, Fit
from georet.fits.fitting import fit_all
from georet.testing.expect import expect
from georet.types import QUERY, REFERENCE, Floats, Ints


def check_fit(fit: Fit, *, embed_dim: int = 16, num_pairs: int = 200) -> Mapping[str, Affine]:
    """Raise unless a fit makes a linear map for each view; return the maps that it made.

    The embeddings are made up: references and queries in ``embed_dim`` dimensions, two queries a
    reference. Checked: maps of finite numbers and of one size, which leave every embedding a
    direction; the same from the same embeddings; embeddings and pairs are not changed; a third view
    that some pairs lack; and embeddings that span half of the dimensions only.
    """
    embeddings, pairs = _made_up(embed_dim, num_pairs)
    before = {view: rows.copy() for view, rows in embeddings.items()}, pairs.copy()
    found = fit(embeddings, pairs)
    same = all(np.array_equal(before[0][view], rows) for view, rows in embeddings.items())
    expect(
        same and np.array_equal(before[1], pairs),
        "the fit changes its embeddings or its pairs",
        "Work on copies",
    )
    again = fit(embeddings, pairs)
    expect(
        all(
            np.array_equal(found[view].matrix, again[view].matrix, equal_nan=True)
            and np.array_equal(found[view].offset, again[view].offset, equal_nan=True)
            for view in found
        ),
        "the same embeddings gave another map",
        "Nothing but the embeddings may decide; give random numbers a fixed seed",
    )
    _check_maps(fit, embeddings, pairs)
    num = num_pairs // 2
    third, lacking = embeddings[QUERY][:num], np.where(pairs[:, :1] < num, pairs[:, :1], -1)
    _check_maps(fit, {**embeddings, "third": third}, np.hstack([pairs, lacking]))
    flat = {
        view: _unit(rows * (np.arange(embed_dim) < embed_dim // 2))
        for view, rows in embeddings.items()
    }
    _check_maps(fit, flat, pairs)
    return found


def _check_maps(fit: Fit, embeddings: Mapping[str, Floats], pairs: Ints) -> None:
    (made,) = fit_all([fit], embeddings, pairs)
    expect(set(made.maps) == set(embeddings), "not every view has its map", "Return one for each")


def _made_up(embed_dim: int, num_pairs: int) -> tuple[dict[str, Floats], Ints]:
    rng = np.random.default_rng(0)
    strengths = np.linspace(1, 0.2, embed_dim)
    places = rng.normal(size=(num_pairs // 2, embed_dim)) * strengths + 0.3
    rows = np.arange(num_pairs) // 2
    noise = 0.3 * rng.normal(size=(num_pairs, embed_dim))
    turned = np.roll(places[rows], 1, axis=1) + noise
    pairs = np.stack([np.arange(num_pairs), rows], axis=1)
    return {QUERY: _unit(turned), REFERENCE: _unit(places)}, pairs


def _unit(rows: np.ndarray) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / lengths, np.float32)
