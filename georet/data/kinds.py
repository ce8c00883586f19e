"""Tells what a file is by its first bytes, and says in words what it is where it is no photo."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from georet.errors import DataError

SUFFIXES: Final = (
    *(".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp"),
    *(".avif", ".heic", ".heif", ".mpo"),
)
"""How files that count as images in a folder end, in lower case."""

RAW_SUFFIXES: Final = frozenset(
    [
        ".3fr",
        ".arw",
        ".cr2",
        ".cr3",
        ".crw",
        ".dcr",
        ".dng",
        ".erf",
        ".iiq",
        ".kdc",
        ".mef",
        ".mos",
        ".mrw",
        ".nef",
        ".nrw",
        ".orf",
        ".pef",
        ".raf",
        ".raw",
        ".rw2",
        ".rwl",
        ".sr2",
        ".srf",
        ".srw",
        ".x3f",
    ]
)
"""How cameras' raw files end; many are TIFFs whose first image is a thumbnail."""

KINDS_IN_WORDS: Final = "JPEG, PNG, TIFF, WebP, BMP, AVIF or HEIC"
HEAD: Final = 64
"""So many first bytes tell a file's kind."""

CONVERT: Final = "convert it to JPEG, PNG or TIFF first"
DEVELOP: Final = "develop it first, for instance: darktable-cli photo.dng photo.jpg"

_MAGIC: Final = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
}
_LFS: Final = b"version https://git-lfs"
_HEIF: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF: Final = (b"avif", b"avis")
_RAW: Final = (
    *(b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"II\x1a\0\0\0HEAPCCDR"),
    *(b"FOVb", b"\0MRM"),
)
_VIDEO: Final = (
    "it is a video",
    "georet track takes it; or save frames of it: ffmpeg -i video.mp4 -r 1 frame-%04d.jpg",
)
_OTHERS: Final = {
    b"GIF8": "a GIF",
    b"\0\0\0\x0cjP  ": "a JPEG 2000 image",
    b"\xffO\xffQ": "a JPEG 2000 image",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"\xff\x0a": "a JPEG XL image",
    b"8BPS": "a Photoshop document",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "packed by gzip, as tiles of vectors are",
    b"<!DOCTYPE": "a web page in place of the image",
    b"<!doctype": "a web page in place of the image",
    b"<html": "a web page in place of the image",
    b"<svg": "a drawing of vectors (SVG)",
    b"\x1aE\xdf\xa3": "a video",
    b"\0\0\x01\xba": "a video",
    b"\0\0\x01\xb3": "a video",
}


def kind_of(head: bytes) -> str | None:
    """Return the format that a file's first ``HEAD`` bytes speak of, or None where it is none."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return None if head[8:10] == b"CR" and kind == "TIFF" else kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brand, others = head[8:12], head[16:HEAD]
        if brand in _AVIF or (brand in (b"mif1", b"msf1") and b"avif" in others):
            return "AVIF"
        return "HEIF" if brand in _HEIF else None
    return None


def refusal(head: bytes, path: Path) -> DataError:
    """Return the error for a file that ``kind_of`` doesn't know: what it is, what to do."""
    if not head:
        return DataError(
            "the image is empty (0 bytes)", where=str(path), hint="fetch or copy the file again"
        )
    if head.startswith(_LFS):
        return DataError(
            f"not a {KINDS_IN_WORDS} image: it is a Git LFS pointer to one",
            where=str(path),
            hint="git lfs pull, in its repository, fetches the image itself",
        )
    what, hint = _named(head)
    return DataError(f"not a {KINDS_IN_WORDS} image: {what}", where=str(path), hint=hint)


def raw_refusal(path: Path) -> DataError:
    """Return the error for a camera's raw file, of which only the thumbnail could be read."""
    return DataError("it is a camera's raw file", where=str(path), hint=DEVELOP)


def _named(head: bytes) -> tuple[str, str]:
    """Return what a foreign file is, as a part of a sentence, and what to do about it."""
    if head.startswith(_RAW) or head[4:12] == b"ftypcrx " or head[8:10] == b"CR":
        return "it is a camera's raw file", DEVELOP
    if head[4:8] == b"ftyp" or head[4:8] in (b"moov", b"mdat", b"wide") or head[8:12] == b"AVI ":
        return _VIDEO
    for magic, name in _OTHERS.items():
        if head.startswith(magic):
            return _VIDEO if name == "a video" else (f"it is {name}", CONVERT)
    return f"it begins with {head[:12]!r}", f"{CONVERT}, or remove its row from the data set"
