"""Try a wheel as a newcomer has it: a new environment, an empty folder, the README's first command.

    python .ci/try_wheel.py dist/georet-0.1.0-py3-none-any.whl [--borrow]

With ``--borrow`` the dependencies are those of the environment that runs this (nothing is
fetched); georet itself comes from the wheel in any case. The training is cut short: one epoch on a
third of the photos.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
SHORT = (
    "train.epochs=1",
    "dataset.train_renders=1",
    "evaluate.during=[]",
    "evaluate.final=[cross]",
)


def main(wheel: str, *, borrow: bool) -> int:
    """Return 0 when the wheel works; what it prints goes to the terminal."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        python = made(work / "venv", Path(wheel).resolve(), borrow=borrow)
        empty = work / "empty"
        empty.mkdir()
        georet = [str(python), "-m", "georet"]
        where = told(
            [str(python), "-c", "import georet; print(georet.__file__, georet.__version__)"], empty
        )
        if str(work) not in where:
            raise SystemExit(f"georet comes from elsewhere: {where}")
        sys.stdout.write(where)
        json.loads(told([*georet, "doctor", "--json"], empty))
        told([*georet, "plugins", "--check"], empty)
        sets = [word for value in SHORT for word in ("--set", value)]
        told([*georet, *first_command(), *sets, "--out", "run"], empty)
        told([*georet, "verify", "run"], empty)
        left = {path.name for path in empty.iterdir()}
        if left != {"run"}:
            raise SystemExit(f"written beside the run: {sorted(left)}")
    sys.stdout.write("the wheel works\n")
    return 0


def first_command() -> list[str]:
    """Return the words behind ``georet`` of the first training command in the README."""
    found = re.search(r"georet (train --plugins \w+)", README.read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit("README.md has no `georet train --plugins ...`")
    return found[1].split()


def made(folder: Path, wheel: Path, *, borrow: bool) -> Path:
    """Make an environment with the wheel, and return its Python."""
    venv.create(folder, with_pip=True)
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = folder / scripts / ("python.exe" if os.name == "nt" else "python")
    if borrow:
        # Found behind the environment's own packages, and its .pth files are not read: an
        # editable georet there stays out.
        own = told(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder
        )
        lent = sysconfig.get_path("purelib")
        Path(own.strip(), "lent.pth").write_text(f"{lent}\n", encoding="utf-8")
        told([str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], folder)
    else:
        told([str(python), "-m", "pip", "install", "--quiet", f"{wheel}[demo]"], folder)
    return python


def told(command: list[str], folder: Path) -> str:
    """Run a command in a folder and return what it printed; SystemExit if it failed."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GEORET_PLUGINS")}
    done = subprocess.run(  # noqa: S603 - what stands in this file
        command, cwd=folder, env=clean, capture_output=True, text=True
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    paths = [word for word in sys.argv[1:] if not word.startswith("--")]
    sys.exit(main(paths[0], borrow="--borrow" in sys.argv))
