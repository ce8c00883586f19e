"""The folder of an exported encoder: its files, and the manifest that vouches for each of them.

Nothing here loads an artefact into a runtime: a session asks for bytes, and gets those that were
hashed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from georet.errors import DataError, IntegrityError
from georet.files import file_entry, sha256_of, write_json
from georet.identity import EncoderIdentity
from georet.run_layout import ARTEFACT

VERSION = 1
OWN_HASH = "self_sha256"
MAX_MANIFEST = 4 << 20
"""Bytes; a manifest is a few kilobytes."""
_EXPORT_AGAIN = "Export it again: georet export RUN"


@dataclass(frozen=True)
class Artefact:
    """A verified artefact: its folder, and the JSON of its manifest."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def format(self) -> str:
        """``onnx``, ``openvino``, ``tensorrt_rtx``, ``tensorrt``, or what a plugin writes."""
        return str(self.manifest["format"])

    @property
    def main(self) -> str:
        """The name of the file to open; others of ``files`` belong to it."""
        return str(self.manifest["main"])

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """``sha256`` and ``bytes`` of each file by name."""
        return dict(self.manifest["files"])

    @property
    def views(self) -> tuple[str, ...]:
        """The views that it embeds."""
        return tuple(self.manifest["identity"])

    @property
    def precision(self) -> str:
        """``fp32``, ``fp16`` or ``int8``."""
        return str(self.manifest["precision"])

    @property
    def batch(self) -> tuple[int, int, int]:
        """Smallest, usual and largest number of images at once."""
        smallest, usual, largest = map(int, self.manifest["batch"])
        return smallest, usual, largest

    @property
    def targets(self) -> tuple[str, ...]:
        """The GPU architectures that it was compiled for."""
        return tuple(self.manifest["targets"])

    @property
    def fidelity(self) -> dict[str, Any] | None:
        """What the comparison with torch found, or None where none was made."""
        found = self.manifest.get("fidelity")
        return None if found is None else dict(found)

    @property
    def verified_on_gpu(self) -> bool | None:
        """Whether a GPU has executed it; None for formats that need none."""
        found = self.manifest.get("verified_on_gpu")
        return None if found is None else bool(found)

    def identity(self, view: str) -> EncoderIdentity:
        """Return what decides the embeddings of a view; DataError if it embeds no such view."""
        where = str(self.path / ARTEFACT)
        if view not in self.manifest["identity"]:
            raise DataError(
                f"embeds {', '.join(self.views)}, not {view!r}",
                where=str(self.path),
                hint="Name the artefact of that view.",
            )
        return EncoderIdentity.from_json(self.manifest["identity"][view], where=where)

    def read(self, name: str) -> bytes:
        """Return a file's bytes: exactly those whose hash was compared with the manifest's."""
        path = self.path / _plain(name, self.path)
        check_regular(path)
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.files[name]["sha256"]:
            raise _changed(path)
        return content


def read_artefact(path: Path) -> Artefact:
    """Return the artefact in a folder after holding its manifest and each file against a hash.

    Raises DataError where there is none, IntegrityError where a byte differs, or where a file is
    a link, a second name of another file, or lies elsewhere.
    """
    manifest = _read_manifest(path / ARTEFACT)
    artefact = Artefact(path, manifest)
    for name, entry in artefact.files.items():
        file = path / _plain(name, path)
        check_regular(file)
        if file.stat().st_size != entry["bytes"] or sha256_of(file) != entry["sha256"]:
            raise _changed(file)
    for view in artefact.views:
        artefact.identity(view)
    return artefact


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of an artefact's folder, true to its own hash; no other file is read."""
    return _read_manifest(folder / ARTEFACT)


def seal(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a folder, with hashes of the manifest itself and of ``files``.

    ``manifest["files"]`` are the names of the files, which must be on disk already.
    """
    names = [_plain(name, folder) for name in manifest["files"]]
    files = {name: file_entry(folder / name) for name in names}
    whole = {"version": VERSION, **manifest, "files": files}
    whole.pop(OWN_HASH, None)
    write_json(folder / ARTEFACT, {**whole, OWN_HASH: canonical_sha256(whole)})


def amend(path: Path, **changes: Any) -> Artefact:
    """Verify an artefact, change keys of its manifest (``fidelity=...``), and seal it again."""
    artefact = read_artefact(path)
    seal(path, {**artefact.manifest, **changes})
    return read_artefact(path)


def canonical_sha256(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest in its one canonical spelling, its own hash left out."""
    rest = {key: value for key, value in manifest.items() if key != OWN_HASH}
    spelled = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(spelled.encode()).hexdigest()


def check_regular(path: Path) -> None:
    """Raise IntegrityError unless the path is a plain file with one name, reached by no link."""
    try:
        found = os.lstat(path)
    except OSError as error:
        raise IntegrityError(
            "is missing, its manifest lists it", where=str(path), hint=_EXPORT_AGAIN
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise IntegrityError("is a link or no plain file; not opened", where=str(path))
    if found.st_nlink != 1:
        raise IntegrityError(
            f"has {found.st_nlink} names (hard links), so others can change it; not opened",
            where=str(path),
            hint="Copy the folder with `cp -r` and use the copy.",
        )


def _plain(name: str, folder: Path) -> str:
    """Return the name if it is one, and no path to somewhere else on any system."""
    kinds: tuple[type[PurePath], ...] = (PurePosixPath, PureWindowsPath)
    is_plain = name not in ("", ".", "..") and "\0" not in name
    if not (is_plain and all(kind(name).name == name for kind in kinds)):
        raise IntegrityError(
            f"lists {name!r}, which is a path and no file name; not opened",
            where=str(folder / ARTEFACT),
        )
    return name


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.exists() and not path.is_symlink():
        raise DataError(
            f"there is no exported artefact here: {ARTEFACT} is missing",
            where=str(path.parent),
            hint="Name a folder that `georet export` printed.",
        )
    check_regular(path)
    if path.stat().st_size > MAX_MANIFEST:
        raise IntegrityError("is too large for a manifest", where=str(path))
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        is_own = manifest[OWN_HASH] == canonical_sha256(manifest)
        version = int(manifest["version"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError("is no readable manifest", where=str(path)) from error
    if not is_own:
        raise IntegrityError(
            "was changed after it was written: its own SHA-256 does not fit",
            where=str(path),
            hint=_EXPORT_AGAIN,
        )
    if version != VERSION:
        raise DataError(
            f"has version {version}, this georet reads {VERSION}",
            where=str(path),
            hint=_EXPORT_AGAIN,
        )
    kinds = {
        "format": str,
        "main": str,
        "files": dict,
        "identity": dict,
        "precision": str,
        "batch": list,
        "targets": list,
    }
    for key, kind in kinds.items():
        if not isinstance(manifest.get(key), kind):
            raise IntegrityError(f"lacks {key!r}", where=str(path), hint=_EXPORT_AGAIN)
    if manifest["main"] not in manifest["files"] or not manifest["identity"]:
        raise IntegrityError("lists no file to open", where=str(path), hint=_EXPORT_AGAIN)
    return dict(manifest)


def _changed(path: Path) -> IntegrityError:
    return IntegrityError(
        "is not the file that was exported: its SHA-256 differs from the manifest's; not opened",
        where=str(path),
        hint=_EXPORT_AGAIN,
    )
