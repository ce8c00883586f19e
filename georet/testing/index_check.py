"""The check for indexes."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.contracts.searching import Index
from georet.errors import GeoretError, IntegrityError
from georet.testing.expect import expect
from georet.types import Bools, Floats, Ints

_ROUNDING = 1e-5
_CHANGES: Final = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"})


def check_index(
    make: Callable[[], Index],
    *,
    num_rows: int = 3000,
    embed_dim: int = 32,
    k: int = 10,
    least_recall: float = 0.99,
) -> None:
    """Raise AssertionError unless the indexes that ``make`` returns keep the contract.

    Checked on made-up clustered embeddings: shapes and types; scores are the cosines of the ids
    returned, best first; recall of the exact k best, without a region and in regions of 3 k rows
    and of half of all; no id from outside a region, -1 where there are too few; what was saved
    and loaded answers alike, and is refused once a bit of it is changed; nothing given is changed.
    """
    rows, queries = _clustered(num_rows, embed_dim), _clustered(24, embed_dim, num_skipped=num_rows)
    ids = np.arange(num_rows)[::-1] + 7
    before = rows.tobytes(), queries.tobytes()
    index = make()
    index.add(rows, ids)
    half, few = np.arange(num_rows) % 2 == 0, np.arange(num_rows) % max(2, num_rows // (3 * k)) == 0
    for region in (None, half, few):
        _check_search(index, rows, ids, queries, k, region, least_recall)
    _check_pads(index, ids, queries, k)
    _check_saved(index, make, queries, k)
    expect(
        (rows.tobytes(), queries.tobytes()) == before,
        "the index changes the embeddings or the queries it is given",
        "Copy an array before writing into it",
    )


def _check_search(
    index: Index,
    rows: Floats,
    ids: Ints,
    queries: Floats,
    k: int,
    region: Bools | None,
    least_recall: float,
) -> None:
    scores, found = index.search(queries, k, region)
    shape = (len(queries), k)
    expect(
        (str(scores.dtype), str(found.dtype)) == ("float32", "int64")
        and scores.shape == found.shape == shape,
        f"search returned {scores.dtype}{list(scores.shape)} and {found.dtype}{list(found.shape)}",
        f"Return float32{list(shape)} and int64{list(shape)}",
    )
    cosines = queries @ rows.T
    if region is not None:
        cosines[:, ~region] = -np.inf
    row_of = {int(own): row for row, own in enumerate(ids)}
    where = np.array([[row_of.get(int(own), -1) for own in line] for line in found])
    expect(where.min() >= 0, "ids were returned that were never added", "Return the ids, not rows")
    own = np.take_along_axis(cosines, where, axis=1)
    expect(bool(np.isfinite(own).all()), "rows outside the region were found", "Leave out ~region")
    expect(
        bool(np.abs(scores - own).max() < _ROUNDING) and bool((np.diff(scores) <= 0).all()),
        "the scores are not the cosines of the ids, best first",
        "Score the candidates by queries @ embeddings.T and sort them by it",
    )
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    recall = float(
        np.mean([len(np.intersect1d(a, b)) / k for a, b in zip(best, where, strict=True)])
    )
    about = "" if region is None else f" in a region of {int(region.sum())} rows"
    expect(
        recall >= least_recall,
        f"only {recall:.3f} of the {k} best were found{about}",
        "Propose more candidates; score few allowed rows one and all",
    )


def _check_pads(index: Index, ids: Ints, queries: Floats, k: int) -> None:
    for num_allowed in (0, 1, k - 1):
        region = np.arange(len(ids)) < num_allowed
        found = index.search(queries, k, region)[1]
        wanted = sorted([*ids[:num_allowed].tolist(), *[-1] * (k - num_allowed)])
        expect(
            all(sorted(line) == wanted for line in found.tolist())
            and bool((found[:, num_allowed:] == -1).all()),
            f"a region of {num_allowed} rows gave {found[0].tolist()}",
            "Return each allowed row once, and -1 after the last of them",
        )


def _check_saved(index: Index, make: Callable[[], Index], queries: Floats, k: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved"
        index.save(path)
        again = make()
        again.verify(path)
        again.load(path)
        (scores, found), (own_scores, own) = again.search(queries, k), index.search(queries, k)
        expect(
            np.array_equal(scores, own_scores) and np.array_equal(found, own),
            "a loaded index answers differently",
            "Save everything that search needs",
        )
        written = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in written:
            _check_damage(file, path, make)


def _check_damage(file: Path, path: Path, make: Callable[[], Index]) -> None:
    content = file.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 4
    file.write_bytes(flipped)
    try:
        make().load(path)
    except IntegrityError:
        return
    finally:
        file.write_bytes(content)
    expect(
        is_so=False,
        what=f"{file.name} was loaded although one bit of it had been changed",
        advice="Save the SHA-256 of each file and compare before reading: IntegrityError",
    )


def _clustered(num: int, embed_dim: int, *, num_skipped: int = 0) -> Floats:
    """Return unit-length float32[num, D] around 50 centres; with ``num_skipped`` others of them."""
    centres = np.random.default_rng(0).normal(size=(50, embed_dim))
    rng = np.random.default_rng([1, num_skipped])
    raw = centres[rng.integers(0, len(centres), num)] + rng.normal(size=(num, embed_dim))
    embeddings: Floats = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return embeddings


def check_kills(make: Callable[[], Index], rows: Floats, queries: Floats, k: int) -> None:
    """Raise AssertionError unless each state that a killed save leaves is whole, none or refused.

    Saved is to a new path, and over an index of half the rows. Of each state on the way a copy
    is made, which is what the disk holds had the process been killed there; it must load as
    the old or the new index, or be refused, and saving again must succeed.
    """
    half, whole = make(), make()
    # The second half, so that its embeddings under ids of the new index, or the other way round,
    # don't pass for either.
    half.add(rows[len(rows) // 2 :], np.arange(len(rows) - len(rows) // 2))
    whole.add(rows, np.arange(len(rows)))
    wanted = [one.search(queries, k)[1] for one in (half, whole)]
    for is_there in (False, True):
        with tempfile.TemporaryDirectory(prefix="georet-kills-") as name:
            home, copies = Path(name) / "home", Path(name) / "copies"
            home.mkdir()
            if is_there:
                half.save(home / "saved")
            with _copied(home, copies):
                whole.save(home / "saved")
            states = sorted(copies.iterdir()) if copies.is_dir() else []
            expect(len(states) > 0, "save changed nothing", "Write the index under its path")
            for state in states:
                _check_state(state / "saved", make, whole, wanted, queries)


def _check_state(
    path: Path, make: Callable[[], Index], whole: Index, wanted: list[Any], queries: Floats
) -> None:
    k = wanted[0].shape[1]
    found = make()
    try:
        found.load(path)
    except (GeoretError, FileNotFoundError):
        pass
    else:
        answer = found.search(queries, k)[1]
        expect(
            any(np.array_equal(answer, one) for one in wanted),
            "a save that was killed left an index that loads and answers as neither of both",
            "Write to a temporary name and rename; vouch for the files by their hashes",
        )
    try:
        whole.save(path)
    except (GeoretError, OSError) as error:
        expect(
            is_so=False,
            what=f"after a killed save, saving fails: {error}",
            advice="Write to a temporary name, and clear away what a killed process left",
        )
    again = make()
    again.load(path)
    expect(
        np.array_equal(again.search(queries, k)[1], wanted[1]),
        "after a killed save, another one is not whole",
        "Replace everything under the path",
    )


@contextmanager
def _copied(home: Path, copies: Path) -> Iterator[None]:
    """Copy ``home`` to ``copies/0000``, ... before each change of its files by this thread."""
    num = 0

    def copy() -> None:
        nonlocal num
        shutil.copytree(home, copies / f"{num:04d}")
        num += 1

    watcher = _watcher()
    watcher.thread, watcher.home, watcher.copy = threading.get_ident(), str(home), copy
    try:
        yield
    finally:
        watcher.copy = None


class _Watcher:
    """Python's audit hooks can't be taken away again, so one stays and does nothing."""

    thread = 0
    home = ""
    copy: Callable[[], None] | None = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        copy = self.copy
        if copy is None or event not in _CHANGES or threading.get_ident() != self.thread:
            return
        if not str(arguments[0]).startswith(self.home):
            return
        if event == "open" and not _is_writing(arguments[1]):
            return
        self.copy = None
        try:
            copy()
        finally:
            self.copy = copy


def _is_writing(mode: object) -> bool:
    return mode is None or (isinstance(mode, str) and any(one in mode for one in "wax+"))


@cache
def _watcher() -> _Watcher:
    watcher = _Watcher()
    sys.addaudithook(watcher)
    return watcher
