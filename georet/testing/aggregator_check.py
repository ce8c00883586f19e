"""The check for aggregators."""

from __future__ import annotations

import torch

from georet.contracts.encoding import Aggregator, Grids
from georet.encoder import Aggregation
from georet.testing.expect import expect

_BATCH = 3
_CLOSE = 1e-5


def check_aggregator(
    aggregator: Aggregator,
    *,
    num_channels: int = 16,
    grids: Grids | None = None,
    has_token: bool = True,
) -> None:
    """Raise unless an aggregator makes features float[B, D] of maps float[B, C, h, w].

    Call it with a new one: ``prepare`` is called here. Checked: the same D for all ``grids`` (view
    to height and width, by default 3 x 5 and 4 x 4; give one grid for those of fixed size); finite
    features that differ between images; in evaluation mode an image's feature depends neither on
    chance nor on the rest of the batch; maps are not changed; a finite gradient reaches the map, or
    the token, and all parameters. ``has_token`` is False for networks without a class token.
    """
    grids = grids or {"query": (3, 5), "reference": (4, 4)}
    made = Aggregation(
        aggregator, num_channels=num_channels, grids=grids, has_token=has_token
    ).eval()
    for height, width in dict.fromkeys(grids.values()):
        drawn = torch.Generator().manual_seed(0)
        maps = torch.randn(_BATCH, num_channels, height, width, generator=drawn)
        token = torch.randn(_BATCH, num_channels, generator=drawn) if has_token else None
        with torch.no_grad():
            _check_features(made, maps, token)
        _check_gradient(made, maps, token)


def _check_features(made: Aggregation, maps: torch.Tensor, token: torch.Tensor | None) -> None:
    before = maps.clone()
    features = made(maps, token)
    near = _CLOSE * max(1.0, float(features.abs().max()))
    expect(
        bool(torch.isfinite(features).all()),
        "the features are not finite",
        "Look for a power or a logarithm of what may be negative or zero",
    )
    expect(torch.equal(maps, before), "the aggregator changes its map", "Use no in-place operation")
    expect(
        torch.allclose(made(maps, token), features, atol=near),
        "two passes over the same map differ in evaluation mode",
        "Use torch.nn.Dropout, which knows the mode",
    )
    rest = None if token is None else token[1:]
    expect(
        torch.allclose(made(maps[1:], rest), features[1:], atol=near),
        "an image's feature depends on the other images of the batch in evaluation mode",
        "Normalise over channels or places, or with running statistics; never over the batch",
    )
    expect(
        not torch.allclose(features[0], features[1], atol=near),
        "two different maps have the same feature",
        "Does the map, or the token, reach the output?",
    )


def _check_gradient(made: Aggregation, maps: torch.Tensor, token: torch.Tensor | None) -> None:
    made.train()
    maps = maps.clone().requires_grad_()
    given = [maps]
    if token is not None:
        token = token.clone().requires_grad_()
        given.append(token)
    parameters = [p for p in made.aggregator.parameters() if p.requires_grad]
    features = made(maps, token)
    # Along a drawn direction: the square of features of unit length is 1 whatever the map is.
    along = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    found: tuple[torch.Tensor | None, ...] = torch.autograd.grad(
        (features * along).sum(), [*given, *parameters], allow_unused=True
    )
    made.eval()
    expect(
        any(g is not None and bool(g.any()) for g in found[: len(given)]),
        "no gradient reaches the map or the token",
        "Is there a detach() or torch.no_grad()?",
    )
    expect(
        all(g is None or bool(torch.isfinite(g).all()) for g in found),
        "a gradient is not finite",
        "Look for a square root or a norm at zero",
    )
    unused = sum(g is None for g in found[len(given) :])
    expect(
        unused == 0, f"{unused} parameters have no gradient", "Remove what the features don't need"
    )
