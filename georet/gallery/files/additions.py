"""What is added to a finished gallery, such as indexes and calibration, vouched for by hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from georet.errors import UsageError
from georet.files import file_entry, sha256_of, write_atomic
from georet.gallery.files.claims import waiting_claim
from georet.gallery.files.manifest import (
    EXTRAS,
    MANIFEST,
    damaged,
    is_inside,
    missing,
    read_sealed,
    vouched_bytes,
    write_sealed,
)


class Additions:
    """Files beside a gallery's own; those of an earlier state of the gallery count as absent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def files(self) -> dict[str, Any]:
        """{path within the gallery: entry} of what belongs to the gallery as it is now."""
        if not (self._folder / EXTRAS).is_file():
            return {}
        extras = read_sealed(self._folder / EXTRAS)
        return dict(extras["files"]) if extras["gallery"] == self._state() else {}

    def read(self, name: str) -> bytes | None:
        """Return the content of an extra, None if there is none; IntegrityError if it changed."""
        files = self.files
        return vouched_bytes(self._folder, name, files) if name in files else None

    def check(self, names: Iterable[str]) -> None:
        """Raise IntegrityError, naming it, for the first of these files that was changed."""
        files = self.files
        for name in names:
            path = self._folder / checked_name(name)
            if not path.is_file():
                raise missing(path)
            if sha256_of(path) != files[name]["sha256"]:
                raise damaged(path)

    def save(self, name: str, content: bytes) -> None:
        """Write an extra (``calibration.json``) and vouch for it."""
        path = self._folder / checked_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
        self.vouch([name])

    def vouch(self, names: list[str], *, forget: str | None = None) -> None:
        """List files that are there; others below the folder ``forget`` are listed no more."""
        for name in names:
            checked_name(name)
        with waiting_claim(self._folder / f".{EXTRAS}.claim"):
            files = self.files
            if forget is not None:
                files = {n: e for n, e in files.items() if not n.startswith(f"{forget}/")}
            files |= {name: file_entry(self._folder / name) for name in names}
            write_sealed(self._folder / EXTRAS, {"gallery": self._state(), "files": files})

    def _state(self) -> str:
        return hashlib.sha256((self._folder / MANIFEST).read_bytes()).hexdigest()


def checked_name(name: str) -> str:
    """Return the name of an extra; UsageError where it leaves the gallery or is the gallery's."""
    own = {"shards", "blocks", "plan.parquet", "build.json", "journal.jsonl", "bad_tiles.json"}
    first = name.partition("/")[0]
    if not is_inside(name) or first in {*own, MANIFEST, EXTRAS, "."}:
        raise UsageError(f"{name!r} can't be the name of an addition to a gallery")
    return name


CALIBRATION = "calibration.json"


INDEX_DIR: Final = "index"
