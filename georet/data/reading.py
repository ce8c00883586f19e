"""Single images of files, as a feeder asks for them; the unreadable ones are told, not lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from georet.contracts.transforming import Size
from georet.data.images import MAX_PIXELS, RESIZE_RULE, preprocess, read_image
from georet.data.pixels import PixelStore
from georet.data.resizing import prepare
from georet.data.samples import GREY
from georet.data.transforms.field_of_view import Crop
from georet.errors import DataError
from georet.types import Ints, Pixels


@dataclass(frozen=True)
class FileFiller:
    """Reads files for a feeder, to ``size`` (height, width); an unreadable one becomes grey.

    ``rule`` is one of ``georet.data.resizing.RULES``. With ``crop`` a part of each image, known by
    its entry in ``ids``, is shown, cut from full decoding. A ``store`` must be that of all this.
    """

    paths: Sequence[Path]
    size: Size
    rule: str = RESIZE_RULE
    max_pixels: int = MAX_PIXELS
    crop: Crop | None = None
    ids: Sequence[str] = ()
    store: PixelStore | None = None

    def __post_init__(self) -> None:
        prepare(self.rule)

    def fill(self, row: int, out: Pixels) -> bytes | None:
        """Write an image to ``out`` uint8[H, W, 3]; return what ``error_in`` reads, if any."""
        try:
            out[:] = self._read(row)
        except DataError as error:
            out[:] = GREY
            return told_error(error)
        return None

    def _read(self, row: int) -> Pixels:
        path, most = self.paths[row], self.max_pixels
        if self.store is not None:
            return self.store.read(path)
        if self.crop is None:
            return read_image(path, size=self.size, rule=self.rule, max_pixels=most)
        image = read_image(path, rule=self.rule, max_pixels=most)
        return preprocess(self.crop(image, self.ids[row]), self.size, self.rule)

    def lanes(self, rows: Ints) -> None:
        """Return None: files share nothing."""

    def name(self, row: int) -> str:
        """Return the file."""
        return str(self.paths[row])


def told_error(error: DataError) -> bytes:
    """Return what ``error_in`` makes an error of again, in another process."""
    return json.dumps([error.what, error.where, error.hint]).encode()


def error_in(extra: bytes | None) -> DataError | None:
    """Return the error of an image that a filler could not read, None of others."""
    told = None if extra is None else json.loads(extra)
    if not isinstance(told, list):
        return None
    what, where, hint = told
    return DataError(what, where=where, hint=hint)
