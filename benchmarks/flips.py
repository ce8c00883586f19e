"""Flips single bits and cuts files of runs, galleries and artefacts, and counts what is noticed.

    python benchmarks/flips.py WORK [--num 1000] [--seed 0]

A tiny run is trained, a gallery built and an artefact exported below WORK. Each damage must be
found by `georet verify` (exit 3 or 4), unless the file is one of ``CAN_DIFFER``, and no command
that reads the damaged folder may end as a bug (exit 1).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from georet.cli import main
from georet.errors import GeoretError
from georet.facade import Gallery
from georet.gallery.making.build import build_gallery
from georet.run_layout import ARTEFACT, REPORT, TIMING, VOUCHED
from georet.sessions import SessionSpec
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet.testing.fixtures import TINY_PLUGINS

CAN_DIFFER = {
    TIMING: "how long stages took: nothing is decided by it",
    REPORT: "a page for people, written anew by `georet report --html`",
    "tensorboard": "curves for people, read by TensorBoard alone",
    "events.out.tfevents": "curves for people, read by TensorBoard alone",
}
"""{name of a file or folder: why nothing vouches for it}"""
Reader = Callable[[Path], tuple[int, str]]
PLUGINS = ("--plugins", ",".join(TINY_PLUGINS))
FOUND = (3, 4)


@dataclass(frozen=True)
class Kind:
    """A folder to damage, and the commands that read such a folder."""

    name: str
    folder: Path
    readers: dict[str, Reader]


@dataclass(frozen=True)
class Damage:
    """What was done to which file, and how each command ended: (exit code, last words)."""

    kind: str
    file: str
    how: str
    verified: tuple[int, str]
    read: tuple[int, str]
    reader: str

    @property
    def is_missed(self) -> bool:
        """Whether neither `georet verify` found it nor the list says that it can't matter."""
        can_differ = any(part in self.file for part in CAN_DIFFER)
        return not can_differ and self.verified[0] not in FOUND

    @property
    def is_bug(self) -> bool:
        """Whether a command ended otherwise than georet means to."""
        return any(
            "This is a bug" in words or code == 1 for code, words in (self.verified, self.read)
        )


def call(*words: object) -> tuple[int, str]:
    """Run ``georet`` in this process; return its exit code and what it said on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return code, err.getvalue()


def export(run: Path, out: Path) -> None:
    """Write an ONNX artefact of a run."""
    code, said = call("export", run, "--onnx", "--out", out, *PLUGINS)
    if code:
        raise RuntimeError(said)


def make_gallery(out: Path) -> None:
    """Build a gallery of drawn tiles with an index added to it."""
    build_gallery(DrawnTiles(24), PixelSpec(), out, shard_size=12)
    Gallery.open(out).index("sign_bits")


def open_artefact(folder: Path) -> tuple[int, str]:
    """Open an artefact as `georet locate` does, and say how that ended as ``call`` does."""
    try:
        SessionSpec(folder).open().close()
    except GeoretError as error:
        return error.exit_code, str(error)
    except Exception as error:
        return 1, f"{type(error).__name__}: {error}"
    return 0, ""


def kinds(run: Path, gallery: Path, artefact: Path) -> list[Kind]:
    """Return what is damaged, with its readers by name."""
    of_run: dict[str, Reader] = {
        "report": lambda p: call("report", p),
        "page": lambda p: call("report", p, "--html", *PLUGINS),
        "eval": lambda p: call("eval", p, *PLUGINS),
        "resume": lambda p: call("train", "--resume", p, *PLUGINS),
    }
    of_gallery: dict[str, Reader] = {
        "info": lambda p: call("gallery", "info", p),
        "bench": lambda p: call("gallery", "bench", p, "--index", "sign_bits", "--k", 2),
    }
    return [
        Kind("artefact", artefact, {"open": open_artefact}),
        Kind("gallery", gallery, of_gallery),
        Kind("run", run, of_run),
    ]


def damage(path: Path, rng: random.Random) -> str:
    """Flip one bit of a file, or cut it; return what was done."""
    content = bytearray(path.read_bytes())
    if not content:
        path.write_bytes(b"\0")
        return "a byte added"
    if rng.random() < 0.25:
        length = rng.choice([0, len(content) // 2, len(content) - 2, rng.randrange(len(content))])
        path.write_bytes(content[: max(0, length)])
        return f"cut to {max(0, length)} of {len(content)} bytes"
    at, bit = rng.randrange(len(content)), rng.randrange(8)
    content[at] ^= 1 << bit
    path.write_bytes(content)
    return f"bit {bit} of byte {at} of {len(content)}"


def one(kind: Kind, work: Path, rng: random.Random) -> Damage:
    """Damage a file of a copy; a file is chosen first, so that small ones have their turn."""
    shutil.rmtree(work, ignore_errors=True)
    copy = work / kind.folder.name
    shutil.copytree(kind.folder, copy)
    files = sorted(p for p in copy.rglob("*") if p.is_file() and p.stat().st_size)
    path = rng.choice(files)
    how = damage(path, rng)
    verified = call("verify", copy)
    name = path.relative_to(copy).as_posix()
    if rng.random() < 0.5 and name != VOUCHED:
        # As in a run whose training is not over: what reads a file must notice by itself.
        (copy / VOUCHED).unlink(missing_ok=True)
    reader = rng.choice(sorted(kind.readers))
    return Damage(kind.name, name, how, verified, kind.readers[reader](copy), reader)


def damages(every: Sequence[Kind], num: int, seed: int) -> list[Damage]:
    """Return ``num`` damages, the kinds in turn; the seed decides all of them."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        return [one(every[i % len(every)], Path(folder) / "copy", rng) for i in range(num)]


def run() -> None:
    """Print one line for each damage that went wrong, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--num", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from georet.testing.tiny_run import tiny_run

    options.work.mkdir(parents=True)
    trained = tiny_run(options.work)
    make_gallery(options.work / "g")
    export(trained, options.work / "export")
    artefact = next((options.work / "export").rglob(ARTEFACT)).parent
    found = damages(kinds(trained, options.work / "g", artefact), options.num, options.seed)
    for each in found:
        if each.is_missed or each.is_bug:
            print(json.dumps({**vars(each), "missed": each.is_missed, "bug": each.is_bug}))
    ends = Counter(
        (each.kind, "found" if each.verified[0] in FOUND else "unseen") for each in found
    )
    print(json.dumps({f"{kind} {end}": num for (kind, end), num in sorted(ends.items())}))
    wrong = [sum(each.is_missed for each in found), sum(each.is_bug for each in found)]
    print(json.dumps({"tried": len(found), "missed": wrong[0], "bugs": wrong[1]}))


if __name__ == "__main__":
    run()
