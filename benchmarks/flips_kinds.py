"""What `flips.py` damages: one of each kind of artefact that georet writes, made small."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from georet.cli import main
from georet.errors import GeoretError
from georet.facade import Gallery
from georet.gallery.files.additions import CALIBRATION
from georet.gallery.joined import join_galleries
from georet.gallery.making.build import build_gallery
from georet.gallery.parting import pack
from georet.gallery.stored import StoredGallery
from georet.locate.calibrating.calibrate import calibrate
from georet.locate.calibrating.page import calibration_page
from georet.run_layout import ARTEFACT
from georet.sessions import SessionSpec
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet.testing.fixtures import TINY_PLUGINS
from georet.testing.pixel_session import PixelSession

Ending = tuple[int, str]
"""Exit code and last words."""
Reader = Callable[[Path], Ending]
PLUGINS: Final = ("--plugins", ",".join(TINY_PLUGINS))
BUNDLE: Final = "part.zip"


@dataclass(frozen=True)
class Kind:
    """A folder to damage, what verifies it, and the commands that read such a folder."""

    name: str
    folder: Path
    verify: Reader
    readers: dict[str, Reader]


def call(*words: object) -> Ending:
    """Run ``georet`` in this process; return its exit code and what it said on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return code, err.getvalue()


def called(*words: object) -> None:
    """Run ``georet``; RuntimeError with its last words where it fails."""
    code, said = call(*words)
    if code:
        raise RuntimeError(said)


def attempt(act: Callable[[], object]) -> Ending:
    """Do something in Python, and say how that ended as ``call`` does."""
    try:
        act()
    except GeoretError as error:
        return error.exit_code, str(error)
    except Exception as error:
        return 1, f"{type(error).__name__}: {error}"
    return 0, ""


def train(work: Path, *, is_mined: bool) -> Path:
    """Train a tiny run; a mined one, of the same settings, has a bank and fits of its own."""
    from georet.testing.tiny_run import tiny_run

    if not is_mined:
        return tiny_run(work)
    sets = ["sampler={name: 'sample4geo:sample4geo', select: 2, pool: 4, first_mine_epoch: 1}"]
    sets += ["train.epochs=2", "fits=[{name: pca, dim: 8}]"]
    told = [word for text in sets for word in ("--set", text)]
    out = work / "mined"
    given = "-c", work / "tiny.yaml", "--recipe", "none", *PLUGINS
    called("train", *given, *told, "--out", out)
    return out


def make_gallery(out: Path, *, corner: tuple[float, float] = (46.0, 7.0), **how: object) -> Path:
    """Build a gallery of drawn tiles with an index added to it."""
    tiles = DrawnTiles(24, corner_latlon=corner, prefix=out.name)
    build_gallery(tiles, PixelSpec(), out, shard_size=12, **how)  # type: ignore[arg-type]
    Gallery.open(out).index("sign_bits")
    return out


def add_calibration(folder: Path) -> Path:
    """Calibrate a gallery by its own tiles, and add the calibration and its page."""
    gallery = StoredGallery.open(folder)
    rows = np.arange(len(gallery.tiles)).repeat(4)
    noise = np.random.default_rng(0).normal(0, 0.1, (len(rows), gallery.rows.shape[1]))
    embeddings = (gallery.rows.take(rows) + noise).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    latlon = gallery.tiles.latlon[rows]
    made, trials = calibrate(gallery, embeddings, latlon, about="own tiles", seeds=(0,))
    gallery.save_addition(CALIBRATION, made.as_bytes())
    page = calibration_page(made, trials, folder.name)
    gallery.save_addition("calibration.html", page.encode())
    return folder


def add_faiss(folder: Path) -> Path:
    """Add an index of faiss to a gallery."""
    Gallery.open(folder).index("faiss_flat", plugins=["faiss"])
    return folder


def joined(work: Path) -> Path:
    """Make a folder with two galleries and ``all``, which joins them."""
    parts = [make_gallery(work / name, corner=(46 + at, 7)) for at, name in enumerate("ab")]
    join_galleries([StoredGallery.open(part) for part in parts], work / "all")
    return work


def bundle(work: Path) -> Path:
    """Make a folder with a gallery and a run as one file."""
    work.mkdir()
    gallery = make_gallery(work.parent / "to-pack")
    pack(gallery, work / BUNDLE, work.parent / "run-0")
    return work


def unpacked(folder: Path) -> Ending:
    """Unpack a damaged bundle and verify what comes out; 3 as well where that is nothing new.

    A flipped date or attribute in a ZIP archive changes nothing of what is unpacked: then the
    words are ``harmless``.
    """
    out = folder / "unpacked"
    shutil.rmtree(out, ignore_errors=True)
    code, said = call("gallery", "unpack", folder / BUNDLE, "--out", out)
    if code:
        return code, said
    for part in ("gallery", "encoder"):
        code, said = call("verify", out / part)
        if code:
            return code, said
    return 0, "harmless"


def verified(folder: Path) -> Ending:
    """Run ``georet verify``."""
    return call("verify", folder)


def export(run: Path, out: Path, *words: str) -> Path:
    """Write an artefact of a run and return its folder."""
    called("export", run, *words, "--out", out, *PLUGINS)
    return next(out.rglob(ARTEFACT)).parent


def of_run() -> dict[str, Reader]:
    """Return the commands that read a run."""
    return {
        "report": lambda p: call("report", p),
        "page": lambda p: call("report", p, "--html", *PLUGINS),
        "eval": lambda p: call("eval", p, *PLUGINS),
        "resume": lambda p: call("train", "--resume", p, *PLUGINS),
    }


def of_gallery(index: str = "sign_bits") -> dict[str, Reader]:
    """Return what reads a gallery."""
    photo = np.zeros((1, 8, 8, 3), np.uint8)

    def located(folder: Path) -> Ending:
        from georet.locate import Locator

        def act() -> object:
            return Locator(Gallery.open(folder), PixelSession()).locate(list(photo), k=2)

        return attempt(act)

    return {
        "info": lambda p: call("gallery", "info", p),
        "bench": lambda p: call("gallery", "bench", p, "--index", index, "--k", 2),
        "locate": located,
    }


def of_artefact() -> dict[str, Reader]:
    """Return what opens an artefact as `georet locate` does."""
    return {"open": lambda p: attempt(lambda: SessionSpec(p).open().close())}


def in_all(readers: dict[str, Reader]) -> dict[str, Reader]:
    """Return readers of the set that joins the galleries of a folder."""

    def within(reader: Reader) -> Reader:
        return lambda p: reader(p / "all")

    return {name: within(reader) for name, reader in readers.items()}


def every_kind(work: Path) -> list[Kind]:
    """Make one of each kind below ``work``; what this machine can't make is left out and said."""
    work.mkdir(parents=True, exist_ok=True)
    run = train(work, is_mined=False)
    made: dict[str, tuple[Callable[[], Path], Reader, dict[str, Reader]]] = {
        "run": (lambda: run, verified, of_run()),
        "mined run with fits": (lambda: train(work, is_mined=True), verified, of_run()),
        "gallery": (lambda: make_gallery(work / "g"), verified, of_gallery()),
        "gallery of int8, calibrated": (
            lambda: add_calibration(make_gallery(work / "g8", storage="int8")),
            verified,
            of_gallery(),
        ),
        "faiss index": (
            lambda: add_faiss(make_gallery(work / "gf")),
            verified,
            of_gallery("faiss_flat"),
        ),
        "joined set": (
            lambda: joined(work / "set"),
            lambda p: call("verify", p / "all"),
            in_all(of_gallery()),
        ),
        "bundle": (lambda: bundle(work / "bundle"), unpacked, {"unpack": unpacked}),
        "ONNX": (lambda: export(run, work / "onnx", "--onnx"), verified, of_artefact()),
        "OpenVINO": (lambda: export(run, work / "ov", "--openvino"), verified, of_artefact()),
        "TensorRT": (
            lambda: export(run, work / "trt", "--trt", "--images", "0"),
            verified,
            of_artefact(),
        ),
    }
    kinds = []
    for name, (make, verify, readers) in made.items():
        try:
            folder = make()
        except (RuntimeError, ImportError, GeoretError) as error:
            print(f"left out {name}: {str(error).splitlines()[0]}")
            continue
        kinds.append(Kind(name, folder, verify, readers))
    return kinds
