"""Writing an artefact: files into a temporary folder, a manifest about them, one rename."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from georet.errors import DataError
from georet.export_spec import ExportSpec
from georet.files import replaced_folder, tidy_temporary
from georet.platforms import sync
from georet.version import __version__
from georet_export.artefact.artefact import seal

INPUT, OUTPUT = "image", "embedding"
"""The names of the graph's input uint8[B, H, W, 3] and output float32[B, D]."""


@dataclass
class Draft:
    """An artefact that is being written: put its files into ``folder``, its facts into ``facts``.

    ``facts`` are further keys of the manifest, as JSON values; ``verified_on_gpu`` is one of them.
    """

    folder: Path
    facts: dict[str, Any] = field(default_factory=dict)


@contextmanager
def new_artefact(
    out: Path, spec: ExportSpec, *, made_as: str, main: str, packages: Sequence[str]
) -> Iterator[Draft]:
    """Yield a draft that becomes the folder ``out``, whole, when all went well.

    ``made_as`` is the manifest's format, ``main`` the file to open; of the distributions
    ``packages`` the manifest names the versions.
    """
    if out.exists():
        raise DataError("exists already", where=str(out), hint="Remove it, or choose another.")
    tidy_temporary(out.parent, out.name)
    # Its parent is named: `out` itself may be a name that exists only while it is written.
    with replaced_folder(out, where=out.parent) as temporary:
        temporary.mkdir(parents=True)
        draft = Draft(temporary)
        yield draft
        files = sorted(path for path in temporary.iterdir() if path.is_file())
        for path in files:
            sync(path)
        about = describe(spec, packages) | {"format": made_as, "main": main} | draft.facts
        seal(temporary, about | {"files": [path.name for path in files]})


def describe(spec: ExportSpec, packages: Sequence[str]) -> dict[str, Any]:
    """Return what every manifest says, whatever the format."""
    height, width = spec.size
    identity = spec.identities[spec.view]
    return {
        "identity": {view: found.as_json() for view, found in spec.identities.items()},
        "weights_sha256": identity.weights_sha256,
        "precision": spec.precision,
        "batch": list(spec.batch),
        "targets": list(spec.targets),
        "embed_dim": spec.embed_dim,
        "input": {"name": INPUT, "type": "uint8", "shape": ["batch", height, width, 3]},
        "output": {"name": OUTPUT, "type": "float32", "shape": ["batch", spec.embed_dim]},
        "preprocessing": {
            "outside": {"size": [height, width], "resize_rule": identity.resize_rule},
            "inside": "normalisation; the graph takes RGB in 0..255 and returns unit length",
        },
        "origin": dict(spec.origin),
        "versions": {"georet": __version__, **versions_of(("torch", *packages))},
    }


def versions_of(packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of the distributions that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
