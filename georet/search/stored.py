"""What every index of georet shares: its rows, its checks, and its files vouched for by hashes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from georet import files
from georet.errors import DataError, IntegrityError, UsageError
from georet.search.blocks import CheckedFile, block_hashes_of
from georet.search.rows import Rows, Stored
from georet.sweep import Vectors
from georet.types import Bools, Floats, Ints

META: Final = "index.json"
FORMAT: Final = 1
_EMBEDDINGS, _IDS = "embeddings.npy", "ids.npy"


class StoredIndex:
    """An index over R references that keeps their embeddings float32[R, D] as they were added.

    A kind of index says how to ``find``, and if it needs more than the embeddings, how to
    ``build`` that from ``rows``, to write it and to read it back.

    A folder on disk holds ``index.json`` (kind, options), the embeddings and ids, and what the kind
    adds; ``manifest.json`` has the SHA-256 of each. Nothing is unpickled, and nothing is read
    before its hash is known to be right.
    """

    kind: ClassVar[str]
    """The component's name, written into the file."""

    def __init__(self) -> None:
        self._rows: Rows | None = None
        self._blocks: dict[str, bytes] = {}

    @property
    def rows(self) -> Rows:
        """The references; UsageError while there are none."""
        if self._rows is None:
            raise UsageError(
                "nothing was added to the index", where=self.kind, hint="Call add() or load()."
            )
        return self._rows

    @property
    def num_bytes(self) -> int:
        """Memory beyond the embeddings that were added, in bytes."""
        return 0

    @property
    def note(self) -> str:
        """What a reader of its figures should know, for example that it fell back to another way.

        Empty where there is nothing to say.
        """
        return ""

    def options(self) -> dict[str, Any]:
        """Return the options as JSON values, under the names of the constructor."""
        return {}

    def add(self, embeddings: Floats | Stored, ids: Ints) -> None:
        """Add embeddings float32[M, D] of unit length under ids int64[M], all different.

        The first call keeps a reference to the array and copies nothing; each further one copies
        and builds anew, so add all at once. ``Stored`` embeddings stay where they are.
        """
        more = Rows.of(embeddings, ids)
        self._rows = more if self._rows is None else self._rows.and_more(more)
        self.build()

    def search(self, queries: Floats, k: int, region: Bools | None = None) -> tuple[Floats, Ints]:
        """Return cosines float32[Q, k] and ids int64[Q, k], best first, ties by row; -1 pads.

        ``region`` bool[R] are the rows allowed, in the order in which they were added. The score
        of a pad is -inf. Cosines are exact: computed in fp64, rounded once.
        """
        if k < 1:
            raise UsageError(f"k is {k}", where=self.kind, hint="Ask for at least one reference.")
        rows = self.rows
        checked = rows.checked_queries(queries)
        allowed = rows.checked_region(region)
        top = np.full((len(queries), k), -1, np.int64)
        if len(rows):
            top[:, : len(rows)] = self.find(checked, min(k, len(rows)), allowed)
        query, place = np.nonzero(top >= 0)
        scores = np.full(top.shape, -np.inf, np.float32)
        scores[query, place] = rows.cosines(checked, query, top[query, place])
        # An index without rows has no id that a pad could borrow.
        return scores, np.where(top < 0, -1, rows.ids[top] if len(rows) else top)

    def save(self, path: Path) -> None:
        """Write the index as the folder ``path``, whole or not at all; an index there is replaced.

        DataError where something else is there.
        """
        is_index = (path / META).is_file() and (path / files.MANIFEST).is_file()
        if path.exists() and not is_index:
            raise DataError("is there and is no index", where=str(path))
        with files.new_folder(path) as folder:
            self._write_about(folder)
            np.save(folder / _EMBEDDINGS, self.rows.embeddings)
            np.save(folder / _IDS, self.rows.ids)
            self.write_files(folder)

    def save_beside(self, folder: Path) -> None:
        """Write into an empty folder what is needed beside the rows; the caller vouches for it."""
        self._write_about(folder)
        self.write_files(folder)

    def load_beside(
        self, folder: Path, embeddings: Floats | Stored, ids: Ints, blocks: Mapping[str, bytes]
    ) -> None:
        """Take the place of an index that was saved beside these rows.

        Files of which ``blocks`` has the hashes (see ``block_hashes``) are verified as they are
        read, all others are known to be right. DataError where another kind of index was saved.
        """
        self._take_options(folder)
        self._blocks = dict(blocks)
        self._rows = Rows.of(embeddings, ids)
        self.read_files(folder)

    def mapped(self, path: Path) -> CheckedFile:
        """Return a file of the index, mapped into memory and verified as it is read."""
        size = path.stat().st_size
        hashes = self._blocks.get(path.name)
        return CheckedFile(path, block_hashes_of(path) if hashes is None else hashes, size)

    def load(self, path: Path) -> None:
        """Take the place of the index saved there, options included; embeddings stay on disk.

        They are mapped into memory and read when searched. IntegrityError unless it verifies,
        DataError where another kind of index was saved.
        """
        self.verify(path)
        self._take_options(path)
        embeddings = np.load(path / _EMBEDDINGS, mmap_mode="r", allow_pickle=False)
        self._rows = Rows.of(embeddings, np.load(path / _IDS, allow_pickle=False))
        self.read_files(path)

    def _write_about(self, folder: Path) -> None:
        about = {"format": FORMAT, "kind": self.kind, "options": self.options()}
        files.write_json(folder / META, about)

    def _take_options(self, path: Path) -> None:
        about = files.read_json(path / META)
        if about.get("kind") != self.kind or about.get("format") != FORMAT:
            raise DataError(
                f"holds an index {about.get('kind')!r} in format {about.get('format')}, "
                f"wanted {self.kind!r} in format {FORMAT}",
                where=str(path),
                hint="Delete the folder; it is built again when it is needed.",
            )
        type(self).__init__(self, **about["options"])

    def verify(self, path: Path) -> None:
        """Raise IntegrityError unless every file is the one that was saved."""
        try:
            files.verify(path)
            is_whole = (path / META).is_file()
        except IntegrityError as error:
            hint = "Delete the folder; the index is built again from the gallery's embeddings."
            raise IntegrityError(error.what, where=error.where, hint=hint) from error
        if not is_whole:
            raise IntegrityError(f"has no {META}", where=str(path))

    def find(self, queries: Vectors, k: int, allowed: Bools | None) -> Ints:
        """Return the rows int64[Q, k] found among the allowed, best first; -1 pads.

        0 < k <= R.
        """
        raise NotImplementedError

    def build(self) -> None:
        """Derive from the rows what searching needs."""

    def write_files(self, folder: Path) -> None:
        """Write what ``build`` derived."""

    def read_files(self, folder: Path) -> None:
        """Read it back; all files are verified."""
