"""JSON that carries its own hash, and with it what vouches for the files of a finished run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from georet.errors import DataError, IntegrityError
from georet.files import file_entry, read_object, write_atomic
from georet.progress import say
from georet.run_layout import (
    BAD_IMAGES,
    BANKS,
    CHECKPOINTS,
    CONFIG,
    EVALUATION,
    EVENTS,
    FINAL,
    MANIFEST,
    PLUGINS,
    PROBE,
    VOUCHED,
)

_SEAL: Final = "seal"
_FINISHED: Final = (
    CONFIG,
    PLUGINS,
    MANIFEST,
    EVENTS,
    BAD_IMAGES,
    PROBE,
    f"{BANKS}/*",
    f"{CHECKPOINTS}/*.json",
    f"{CHECKPOINTS}/*/manifest.json",
    f"{EVALUATION}/**/*",
)
"""What no longer changes at the end of a training; a checkpoint's manifest vouches for the rest."""
READ_ALWAYS: Final = (CONFIG, PLUGINS)
"""What decides how a run's encoder is built."""


def canonical(values: Mapping[str, Any]) -> bytes:
    """Return values as JSON in the one form in which georet writes them."""
    plain = json.loads(json.dumps(values))
    return (json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def hash_of(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of the values."""
    return hashlib.sha256(canonical(values)).hexdigest()


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Replace ``path`` by values with a seal, the hash of all the others."""
    write_atomic(path, canonical({**values, _SEAL: hash_of(values)}))


def read_sealed(path: Path, *, hint: str) -> dict[str, Any]:
    """Return the values that ``write_sealed`` wrote, without the seal.

    Raises IntegrityError with ``hint`` where a single byte differs, DataError where there is no
    such file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", where=str(path)) from error
    try:
        values = json.loads(content)
        # Compared as bytes, since changed white space alone would pass the hash of the values.
        is_whole = canonical(values) == content
        is_whole = values.pop(_SEAL) == hash_of(values) and is_whole
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        is_whole = False
    if not is_whole:
        raise IntegrityError(
            "is not the file that was written: its SHA-256 differs", where=str(path), hint=hint
        )
    return dict(values)


def is_inside(name: str) -> bool:
    """Whether a path within a folder, as a manifest or a caller gives it, stays in the folder."""
    path = PurePosixPath(name)
    return bool(path.parts) and not (path.is_absolute() or ".." in path.parts or "\\" in name)


def vouch_for_run(run_dir: Path) -> None:
    """Write the hashes of all files of a run whose training is over."""
    paths = {path for pattern in _FINISHED for path in run_dir.glob(pattern) if path.is_file()}
    _write(run_dir, {}, paths)


def vouch_for(run_dir: Path, paths: Iterable[Path]) -> None:
    """Add the hashes of files of a run that were just written to those that there are, if any."""
    if not (run_dir / VOUCHED).is_file():
        return
    _write(run_dir, vouched(run_dir), paths)


def forget_vouched(run_dir: Path) -> None:
    """Remove the hashes, before a training changes the files."""
    (run_dir / VOUCHED).unlink(missing_ok=True)


def vouched(run_dir: Path) -> dict[str, Any]:
    """Return {path within the run: sha256 and bytes}; empty for a run that has no hashes (yet)."""
    path = run_dir / VOUCHED
    if not path.is_file():
        return {}
    return dict(read_sealed(path, hint=_hint(run_dir))["files"])


def check_vouched(run_dir: Path, names: Iterable[str] | None = None) -> int:
    """Hold a run's files (by default all, else ``names``) against their hashes; return how many.

    IntegrityError names the first that is gone or differs. What nothing vouches for, as in a run
    whose training is not over, is not checked; of a finished one that is said on stderr.
    """
    files = vouched(run_dir)
    if not files and names is None and _is_finished(run_dir):
        say(f"warning: {run_dir / VOUCHED} is missing: nothing vouches for the run's files")
    chosen = files if names is None else [name for name in names if name in files]
    for name in chosen:
        path = run_dir / name
        if not is_inside(name) or not path.is_file():
            raise IntegrityError(
                "is missing, the run lists it", where=str(path), hint=_hint(run_dir)
            )
        if file_entry(path) != files[name]:
            raise IntegrityError(
                "is not the file that the run wrote: its SHA-256 differs",
                where=str(path),
                hint=_hint(run_dir),
            )
    return len(chosen)


def _is_finished(run_dir: Path) -> bool:
    try:
        last = str(read_object(run_dir / CHECKPOINTS / "last.json", "checkpoint")["checkpoint"])
    except DataError:
        return False
    return FINAL in last


def _write(run_dir: Path, files: Mapping[str, Any], paths: Iterable[Path]) -> None:
    added = {path.relative_to(run_dir).as_posix(): file_entry(path) for path in paths}
    write_sealed(run_dir / VOUCHED, {"files": {**files, **added}})


def _hint(run_dir: Path) -> str:
    return (
        f"Restore it from a copy. If you changed it on purpose, remove {run_dir / VOUCHED}: then "
        "nothing vouches for the run's files."
    )
