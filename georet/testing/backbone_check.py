"""The check for backbones."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch

from georet.blame import UNKNOWN, Maker, line_of, maker_of, mark
from georet.contracts.training import Backbone
from georet.encoder import SHARED, Branch, Encoder, asks_of
from georet.errors import GeoretError
from georet.plugins import load_plugins
from georet.testing.expect import expect
from georet.types import QUERY

_BATCH = 3
_RELATIVE = 1e-4


def check_backbone(
    backbone: Backbone,
    size: tuple[int, int] = (64, 64),
    *,
    make: Callable[..., Backbone] | None = None,
    exports: bool = True,
) -> None:
    """Raise AssertionError unless a backbone maps float[B, 3, *size] to float[B, embed_dim].

    Checked: ``embed_dim``, ``mean`` and ``std``; finite features that differ between images; in
    evaluation mode an image's feature does not depend on chance or on the others in the batch; the
    images are not changed; a finite gradient reaches its parameters. Its mode is given back.
    With ``make``, which takes options as ``bare_options`` names them and has the others already,
    it is built again from those, given its own weights, and must be the same: mean, std,
    embed_dim and features. With ``exports`` it must make a graph for every batch size, as far as an
    installed exporter can tell; the line that hinders it is named. Where its ``forward`` asks for
    ``view``, ``batch`` or ``outputs``, it gets the view ``query``, no batch, and is tried with and
    without outputs, which must not change the features. One that can't take images of ``size`` is
    told with its plugin and its line.
    """
    expect(
        isinstance(backbone, torch.nn.Module),
        f"a {type(backbone).__name__} is no torch.nn.Module",
        "Derive the backbone from torch.nn.Module, so that it can be moved and saved",
    )
    assert isinstance(backbone, torch.nn.Module)
    embed_dim = getattr(backbone, "embed_dim", None)
    expect(
        isinstance(embed_dim, int) and embed_dim > 0,
        f"embed_dim is {embed_dim!r}",
        "Set self.embed_dim to the number of columns of the features",
    )
    for name, low, high in (("mean", 0.0, 1.0), ("std", 1e-6, 2.0)):
        values = getattr(backbone, name, None)
        fits = isinstance(values, tuple) and len(values) == 3
        fits = fits and all(isinstance(v, int | float) and low <= v <= high for v in values or ())
        expect(
            fits,
            f"{name} is {values!r}",
            f"Set self.{name} to three numbers for RGB in 0..1; divide those for 0..255 by 255",
        )
    was_training = backbone.training
    images = torch.randn(_BATCH, 3, *size, generator=torch.Generator().manual_seed(0))
    try:
        backbone.eval()
        with torch.no_grad():
            _check_evaluation(backbone, images)
            if "outputs" in asks_of(backbone):
                _check_outputs(backbone, images)
            if make is not None:
                _check_rebuilt(backbone, make, images)
        if exports:
            _check_export(backbone, size)
        backbone.train()
        _check_gradient(backbone, images)
    finally:
        backbone.train(was_training)
        backbone.zero_grad(set_to_none=True)


def _check_evaluation(backbone: torch.nn.Module, images: torch.Tensor) -> None:
    before = images.clone()
    features = _features(backbone, images)
    embed_dim = int(str(backbone.embed_dim))
    expect(
        isinstance(features, torch.Tensor),
        f"the backbone returned a {type(features).__name__}",
        "Return one tensor, the pooled features",
    )
    assert isinstance(features, torch.Tensor)
    expect(
        tuple(features.shape) == (_BATCH, embed_dim),
        f"{_BATCH} images gave features of shape {tuple(features.shape)}, embed_dim is {embed_dim}",
        "Return [B, embed_dim]: pool maps over their places, and let embed_dim say the truth",
    )
    expect(
        features.is_floating_point() and bool(torch.isfinite(features).all()),
        "the features are not finite floating-point numbers",
        "Look for a division by zero, and for weights that were never initialised",
    )
    unchanged = torch.equal(images, before)
    expect(unchanged, "the backbone changes its images", "Use no in-place operation on them")
    expect(
        torch.allclose(
            _features(backbone, images), features, rtol=_RELATIVE, atol=_scale(features)
        ),
        "two passes over the same images differ in evaluation mode",
        "Something draws at random in evaluation mode: use torch.nn.Dropout, which knows the mode",
    )
    expect(
        torch.allclose(_features(backbone, images[1:]), features[1:], _RELATIVE, _scale(features)),
        "an image's feature depends on the other images of the batch in evaluation mode",
        "Normalise over channels or places, or with running statistics; never over the batch",
    )
    expect(
        not torch.allclose(features[0], features[1], rtol=_RELATIVE, atol=_scale(features)),
        "two different images have the same feature",
        "Does the input reach the output? Look for dead activations and zeroed layers",
    )


def _check_rebuilt(
    backbone: torch.nn.Module, make: Callable[..., Any], images: torch.Tensor
) -> None:
    options = dict(getattr(backbone, "bare_options", {}))
    again = make(**options)
    again.load_state_dict(backbone.state_dict())
    again.eval()
    for name in ("embed_dim", "mean", "std"):
        had, has = getattr(backbone, name), getattr(again, name)
        expect(
            np.array_equal(had, has),
            f"built again from bare_options {options}, {name} is {has}, and was {had}",
            "Let bare_options say all that decides it",
        )
    before, after = _features(backbone, images), _features(again, images)
    expect(
        torch.allclose(before, after, rtol=_RELATIVE, atol=_scale(before)),
        f"built again from bare_options {options} with the same weights, the features differ",
        "bare_options may leave out where weights come from, and nothing else",
    )


def _check_gradient(backbone: torch.nn.Module, images: torch.Tensor) -> None:
    trained = [p for p in backbone.parameters() if p.requires_grad]
    expect(bool(trained), "no parameter can be trained", "Leave some with requires_grad=True")
    features = _features(backbone, images)
    expect(
        features.requires_grad,
        "the features are cut off from the parameters",
        "Is there a detach() or torch.no_grad() around the last layers?",
    )
    # Along a drawn direction: the square of features of unit length is 1 whatever the weights are.
    along = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    gradients: tuple[torch.Tensor | None, ...] = torch.autograd.grad(
        (features * along).sum(), trained, allow_unused=True
    )
    reached = [gradient for gradient in gradients if gradient is not None]
    expect(
        any(bool(gradient.any()) for gradient in reached),
        "no gradient reaches the parameters",
        "Is the output a constant, or everything behind a dead activation?",
    )
    expect(
        all(bool(torch.isfinite(gradient).all()) for gradient in reached),
        "a parameter's gradient is not finite",
        "Look for a square root, a norm or a power at zero",
    )


def _check_outputs(backbone: torch.nn.Module, images: torch.Tensor) -> None:
    outputs: dict[str, torch.Tensor] = {}
    features = _features(backbone, images, outputs)
    expect(
        torch.allclose(features, _features(backbone, images), _RELATIVE, _scale(features)),
        "the features change where outputs are asked for",
        "Put into `outputs` what was computed anyway, or beside it",
    )
    for name, value in outputs.items():
        expect(
            list(getattr(value, "shape", ()))[:1] == [_BATCH],
            f"the output {name!r} of {_BATCH} images is {getattr(value, 'shape', type(value))}",
            "Outputs are tensors with one row an image",
        )


def _check_export(backbone: torch.nn.Module, size: tuple[int, int]) -> None:
    if maker_of(backbone) is UNKNOWN:
        # Whose lines the exporter looks for, where no catalogue made the backbone.
        mark(backbone, _maker(backbone))
    encoder = Encoder({SHARED: Branch(cast(Backbone, backbone))}, logit_scale=0.0)
    catalog = load_plugins(["sample4geo"]).catalog
    for entry in catalog.entries("exporters"):
        if entry.missing or not hasattr(entry.factory(), "check"):
            continue
        try:
            catalog.create("exporters", entry.id).check(encoder, {QUERY: size})
        except GeoretError as error:
            raise AssertionError(
                f"it can be trained, not exported ({entry.component.name}): {error}\n"
                "  check_backbone(exports=False) passes over this."
            ) from error


def _features(
    backbone: torch.nn.Module,
    images: torch.Tensor,
    outputs: dict[str, torch.Tensor] | None = None,
) -> Any:
    told = {"view": QUERY, "batch": None, "outputs": outputs}
    try:
        return backbone(images, **{name: told[name] for name in asks_of(backbone)})
    except (Exception, SystemExit) as error:
        maker, (num, _, height, width) = _maker(backbone), images.shape
        raise AssertionError(
            f"{maker} can't take {num} images of {height} x {width}: {type(error).__name__}: "
            f"{error}{line_of(error, maker.root)}\n"
            "  If it is made for another size, give that: check_backbone(backbone, (height, width))"
        ) from error


def _maker(backbone: torch.nn.Module) -> Maker:
    """Return who made a backbone; where no catalogue did, its class and the file of its code."""
    if maker_of(backbone) is not UNKNOWN:
        return maker_of(backbone)
    kind = type(backbone)
    file = inspect.getsourcefile(kind)
    return Maker("backbones", kind.__name__, f"file {file}", file)


def _scale(features: torch.Tensor) -> float:
    return _RELATIVE * float(features.abs().max())
