"""The encoder itself: which branch embeds a view, and what was fitted behind it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, cast

import torch
from torch import Tensor, nn

from georet.blame import maker_of
from georet.config import SHARED
from georet.encoder.branch import Branch, LinearMap, Outputs, unit
from georet.encoder.weights import tensors_sha256
from georet.errors import ComponentError, ConfigError
from georet.suggest import hint_for
from georet.types import Batch

FITTED = "fitted"
_PIXELS: Final = 2**16
"""So many a thread: four images of 128 x 128."""
_LEAST: Final = 4


class Encoder(nn.Module):
    """Branches for the named views and the learned logarithm of the factor on cosines.

    ``views`` ties views to branches by name. Without it the branch ``shared`` embeds every view,
    or else a view's branch has its name.
    """

    def __init__(
        self,
        branches: Mapping[str, Branch],
        *,
        logit_scale: float,
        learn_logit_scale: bool = True,
        views: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        _check_names(branches, "branch")
        self.branches = nn.ModuleDict(branches)
        self.fitted = nn.ModuleDict()
        self._views = None if views is None else dict(views)
        self.log_scale = nn.Parameter(torch.tensor(logit_scale), requires_grad=learn_logit_scale)
        sizes = {name: branch.embed_dim for name, branch in branches.items()}
        if len(set(sizes.values())) != 1:
            raise ComponentError(
                f"the branches' embed_dim differ: {sizes}",
                where="encoder",
                hint="Give the backbones the same embed_dim.",
            )
        self.feature_dim = next(iter(sizes.values()))

    @property
    def embed_dim(self) -> int:
        """The size of an embedding: that of a feature, or what the last fit makes of it."""
        for maps in self.fitted.values():
            return len(cast(LinearMap, list(cast(nn.ModuleList, maps))[-1]).weight)
        return self.feature_dim

    @property
    def named(self) -> str:
        """The components that make the encoder, for errors."""
        makers = [maker_of(cast(Branch, branch).backbone) for branch in self.branches.values()]
        return "backbones " + ", ".join(dict.fromkeys(maker.id for maker in makers))

    def branch_name(self, view: str) -> str | None:
        """Return the name of the branch that embeds the view, None where there is none."""
        if self._views is not None:
            return self._views.get(view)
        name = SHARED if SHARED in self.branches else view
        return name if name in self.branches else None

    def branch(self, view: str) -> Branch:
        """Return the branch that embeds the view."""
        name = self.branch_name(view)
        if name is not None:
            return cast(Branch, self.branches[name])
        if self._views is not None:
            raise ComponentError(
                f"no branch for view {view!r}",
                where="encoder.branches",
                hint=hint_for(view, self._views, "views with one"),
            )
        raise ComponentError(
            f"no branch for view {view!r}",
            where="encoder.view_backbones",
            hint=f"Add encoder.view_backbones.{view} or set encoder.shared=true.",
        )

    def maps(self, view: str) -> Sequence[LinearMap]:
        """Return the linear maps that were fitted behind the view's branch, in order."""
        if not len(self.fitted):
            return ()
        if view not in self.fitted:
            raise ComponentError(
                f"nothing was fitted for the view {view!r}",
                where="fits",
                hint=f"The training had the views {', '.join(self.fitted)}.",
            )
        return [cast(LinearMap, each) for each in cast(nn.ModuleList, self.fitted[view])]

    def likeness(self, view: str) -> Hashable:
        """Return a value that is the same for views that are embedded in the same way."""
        found = [each.state_dict() for each in self.maps(view)]
        maps = tuple(tensors_sha256(tensors) for tensors in found)
        return self.branch_name(view), view if "view" in self.branch(view).asks else None, maps

    def attach(self, maps: Mapping[str, Sequence[LinearMap]]) -> None:
        """Put fitted maps behind the branches, by view; none: take away those there are."""
        _check_names(maps, "view")
        device = self.log_scale.device
        self.fitted = nn.ModuleDict({v: nn.ModuleList(m) for v, m in maps.items()}).to(device)

    def fitted_tensors(self) -> dict[str, Tensor]:
        """Return the tensors of the fitted maps, by their names in the encoder's state."""
        return {f"{FITTED}.{name}": t for name, t in self.fitted.state_dict().items()}

    def attach_like(self, tensors: Mapping[str, Tensor]) -> None:
        """Attach the maps whose tensors stand among a checkpoint's."""
        found: dict[str, list[LinearMap]] = {}
        parts = [name.split(".") for name in tensors if name.startswith(f"{FITTED}.")]
        for view, number in sorted({(part[1], int(part[2])) for part in parts}):
            own = f"{FITTED}.{view}.{number}"
            found.setdefault(view, []).append(
                LinearMap(tensors[f"{own}.weight"], tensors[f"{own}.bias"])
            )
        self.attach(found)

    def features(
        self,
        view: str,
        images: Tensor,
        *,
        batch: Batch | None = None,
        outputs: Outputs | None = None,
    ) -> Tensor:
        """Return raw features float32[B, D] of one view's uint8[B, H, W, 3]."""
        branch = self.branch(view)
        return cast(Tensor, branch(images, view=view, batch=batch, outputs=outputs))

    def embed(self, view: str, images: Tensor) -> Tensor:
        """Return unit-length embeddings float32[B, embed_dim] of one view's uint8[B, H, W, 3].

        On a CPU a few images at a time, where nothing is to be differentiated: what lies between
        two layers then stays in its caches, and in memory that the process has already.
        """
        parts = [unit(self.features(view, part)) for part in torch.split(images, _fitting(images))]
        embeddings = parts[0] if len(parts) == 1 else torch.cat(parts)
        for fitted in self.maps(view):
            embeddings = fitted(embeddings)
        return embeddings

    def forward(
        self,
        images: Mapping[str, Tensor],
        batch: Batch | None = None,
        outputs: Mapping[str, Outputs] | None = None,
    ) -> dict[str, Tensor]:
        """Return features float32[B, D] for each view, as training sees them.

        ``batch`` are the pairs of the images. Into ``outputs[view]``, where there is one, a
        backbone that asks for it puts what else losses want.
        """
        return {
            view: self.features(view, pixels, batch=batch, outputs=(outputs or {}).get(view))
            for view, pixels in images.items()
        }


def has_maps(tensors: Iterable[str]) -> bool:
    """Say whether among the names of an encoder's tensors are those of fitted maps."""
    return any(name.startswith(f"{FITTED}.") for name in tensors)


def _fitting(images: Tensor) -> int:
    """Return how many of the images [B, H, W, 3] are embedded at once."""
    if images.device.type != "cpu" or torch.is_grad_enabled():
        return max(1, len(images))
    pixels = _PIXELS * max(2, torch.get_num_threads())
    return max(_LEAST, pixels // (images.shape[1] * images.shape[2]))


def _check_names(names: Mapping[str, object], what: str) -> None:
    for name in names:
        if hasattr(nn.ModuleDict, name) or name == "training" or "." in name:
            raise ConfigError(
                f"{name!r} can't be the name of a {what}",
                where="encoder",
                hint="torch keeps it for itself; choose another.",
            )
