"""An encoder's name, ``timm:MODEL?size=224&pool=gem``, and the run that it stands for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from georet.config import ComponentSpec, ResizeRule
from georet.configure.inline import spec_of
from georet.errors import DataError, UsageError
from georet.files import sha256_of
from georet.plugins import UNSAID, Selection, load_plugins
from georet.plugins.catalog import Catalog
from georet.plugins.discovery import installed
from georet.suggest import did_you_mean
from georet.vouching import hash_of

KIND: Final = "backbones"
HUB: Final = "hub"
Size = tuple[int, int]
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+:")
_MODEL: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*(\.[a-z0-9_]+)?")
_FORMAT: Final = 1
"""Changes where the same name shall make another encoder than before."""
SQUASH: Final = "squash"
FITS: Final[Mapping[str, ResizeRule]] = {
    SQUASH: "bilinear-antialias",
    "crop": "bilinear-antialias-crop",
    "letterbox": "bilinear-antialias-letterbox",
}
"""What becomes of images of another shape, and the rule of resizing that does it."""


@dataclass(frozen=True)
class Untrained:
    """A backbone of the catalogue with its options, as it comes, for images of ``size``.

    ``fit`` is what becomes of images of another shape, one of ``FITS``.
    """

    text: str
    backbone: ComponentSpec
    size: Size | None = None
    fit: str = SQUASH

    @property
    def model(self) -> str:
        """What it is called in files' names."""
        return str(self.backbone.options.get("model", self.backbone.name.rpartition(":")[2]))

    @property
    def slug(self) -> str:
        """A folder's name that no other encoder has."""
        return f"{re.sub(r'[^A-Za-z0-9._-]', '_', self.model)[:60]}-{self.key()[:16]}"

    def key(self) -> str:
        """Return a hash of what decides the encoder: options, size, content of a weights file."""
        options, weights = self.backbone.options, self.backbone.options.get("weights")
        if isinstance(weights, str) and Path(weights).is_file():
            options = {**options, "weights": sha256_of(Path(weights))}
        facts = {"format": _FORMAT, "name": self.backbone.name, "options": options}
        fit = {} if self.fit == SQUASH else {"fit": self.fit}
        return hash_of({**facts, "size": self.size, **fit})


def is_named(text: str | Path) -> bool:
    """Say whether an encoder is named rather than found in a folder: ``timm:...``, ``hub:...``."""
    return _SCHEME.match(str(text)) is not None and not Path(text).exists()


def check_folder(named: str | Path) -> Path:
    """Return a folder's path; DataError where nothing is there and timm has a model of the name.

    What else isn't there is left to whoever opens it.
    """
    path = Path(named)
    # Asking timm takes seconds: only for what may be a model's name.
    if path.exists() or _MODEL.fullmatch(str(named)) is None:
        return path
    import timm

    if timm.is_model(str(named)):
        raise DataError(
            "there is no such folder",
            where=str(named),
            hint=f"timm has a model of this name: timm:{named}?weights=...",
        )
    return path


def untrained(text: str, *, selection: Selection = UNSAID) -> Untrained:
    """Return the encoder that ``BACKBONE:MODEL[?option=value&...]`` names.

    ``size`` is a side in pixels or HEIGHTxWIDTH, ``fit`` what becomes of images of another shape;
    all other options are the backbone's own.
    DataError where no such backbone is loaded, UsageError for what can't be read.
    """
    named, options = text, dict[str, Any]()
    if "?" in text:
        if "=" not in text.partition("?")[2]:
            hint = "For example: timm:tf_efficientnet_lite0?weights=lite0"
            raise UsageError("what is behind the ? is not key=value", where=text, hint=hint)
        spec = spec_of(text, where="--encoder")
        named, options = spec.name, dict(spec.options)
    owner = named.partition(":")[0]
    catalog = load_plugins(selection, also=[owner] if owner in installed() else []).catalog
    backbone, model = _parted(named, catalog, text)
    size, fit = _size(options.pop("size", None), text), str(options.pop("fit", SQUASH))
    if fit not in FITS:
        known = f"Known: {', '.join(FITS)}."
        raise UsageError(f"fit is {fit!r}", where=text, hint=known)
    options = {**({"model": model} if model else {}), **options}
    if "stamped" in catalog.options_schema(KIND, backbone).get("properties", {}):
        options["stamped"] = True
    chosen = ComponentSpec.model_validate({"name": backbone, **options})
    catalog.check(KIND, chosen, where=text)
    usual = getattr(catalog.find(KIND, backbone).factory(), "usual_size", None)
    if size is None and usual is not None:
        size = usual(**options)
    return Untrained(text, chosen, size, fit)


def _parted(named: str, catalog: Catalog, text: str) -> tuple[str, str]:
    """Return the backbone's id and the model of ``timm:MODEL`` or ``sample4geo:timm:MODEL``."""
    first, _, rest = named.partition(":")
    second, _, model = rest.partition(":")
    entries = catalog.entries(KIND)
    for entry in entries:
        if entry.id == f"{first}:{second}":
            return entry.id, model
    if any(entry.component.name == first for entry in entries):
        return catalog.find(KIND, first, where=text).id, rest
    names = [*(entry.component.name for entry in entries), HUB]
    close = did_you_mean(first, names)
    known = f"Encoders by name: {', '.join(f'{name}:...' for name in dict.fromkeys(names))}."
    raise DataError(
        f"there is no such folder, and no backbone {first!r}",
        where=text,
        hint=f"{close} {known}" if close else known,
    )


def _size(value: Any, where: str) -> Size | None:
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,5})(?:x(\d{1,5}))?", str(value))
    if found is None or not all(int(n) for n in found.groups() if n):
        raise UsageError(
            f"size is {value!r}", where=where, hint="A side in pixels, or HEIGHTxWIDTH: size=224."
        )
    return int(found[1]), int(found[2] or found[1])
