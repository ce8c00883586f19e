# SPDX-License-Identifier: GPL-2.0-or-later
"""Calling georet's command line: the words of a call, the process, and what it says.

Nothing of QGIS is imported here.
"""

from __future__ import annotations

import os
import queue
import shlex
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence

GEORET = "GEORET_COMMAND"
"""The environment's variable that says how georet is called, where it isn't on the PATH."""
ENCODER = "timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128"
"""What georet's page "Your own map" begins with."""
RESUMABLE = 75
_QGIS_OWN = ("PYTHON", "PROJ_", "GDAL_", "LD_LIBRARY_PATH", "DYLD_", "QT_PLUGIN", "VIRTUAL_ENV")
"""Beginnings of variables that QGIS sets for itself, over which georet's libraries would trip."""
_LOOK_S = 0.2


class CallError(Exception):
    """georet could not be called, or has failed; the text is for people."""


def called(typed: str, environment: Mapping[str, str]) -> list[str]:
    """Return the first words of a call: what was typed, else the variable's, else ``georet``.

    Several words are allowed: ``/opt/georet/bin/python -m georet``. A path that exists is one word,
    spaces and all.
    """
    text = typed.strip() or environment.get(GEORET, "").strip() or "georet"
    if os.path.exists(text):  # noqa: PTH110 - what is typed is no Path yet
        return [text]
    return shlex.split(text, posix=os.name != "nt")


def build_words(
    source: str,
    out: str,
    *,
    encoder: str,
    side_m: float,
    overlap: float = 0.5,
    area: tuple[float, float, float, float] | None = None,
) -> list[str]:
    """Return the words of ``georet gallery build``; ``area`` is west, south, east, north."""
    words = ["gallery", "build", source, "--encoder", encoder, "--out", out]
    words += ["--side", f"{side_m:g}m", "--overlap", f"{overlap:g}"]
    if area is not None:
        # One word with its option: a negative longitude isn't taken for an option.
        words.append("--area=box:" + ",".join(f"{value:.7f}" for value in area))
    return words


def locate_words(
    gallery: str,
    photos: Sequence[str],
    out: str,
    *,
    k: int = 5,
    telemetry: str = "",
    refine: str = "",
    encoder: str = "",
    bad_image_quota: float = 0.0,
) -> list[str]:
    """Return the words of ``georet locate``; what is empty is left out."""
    words = ["locate", gallery, "--k", str(k), "--out", out]
    for name, value in {"telemetry": telemetry, "refine": refine, "encoder": encoder}.items():
        words += [f"--{name}", value] if value else []
    if bad_image_quota:
        words += ["--bad-image-quota", f"{bad_image_quota:g}"]
    # Behind two dashes nothing is an option, whatever photos are called.
    return [*words, "--", *photos]


def environment_for(own: Mapping[str, str]) -> dict[str, str]:
    """Return QGIS's environment without what it has set for its own Python and libraries."""
    kept = {k: v for k, v in own.items() if not k.startswith(_QGIS_OWN)}
    return {**kept, "PYTHONUTF8": "1"}


def run(
    words: Sequence[str],
    environment: Mapping[str, str],
    say: Callable[[str], None],
    is_stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Run georet, tell ``say`` its lines as they come; CallError where it fails or is stopped."""
    try:
        process = subprocess.Popen(  # noqa: S603 - what the user named as georet
            list(words),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise CallError(
            f"{words[0]} can't be started: {error.strerror}. Install georet into an environment "
            f"of its own, and say where it is: the parameter GEORET, or the variable {GEORET}."
        ) from error
    said: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, said), daemon=True)
    reader.start()
    lines: list[str] = []
    was_stopped = False
    while True:
        # Looked at between lines too: a build may say nothing for a while.
        if is_stopped() and not was_stopped:
            was_stopped = True
            process.terminate()
        try:
            line = said.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
        if line is None:
            break
        lines.append(line)
        say(line)
    code = process.wait()
    if was_stopped or code:
        raise CallError(failure(code, lines))


def _read(process: subprocess.Popen[str], said: queue.Queue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        for line in stream:
            said.put(line.rstrip("\n"))
    said.put(None)


def failure(code: int, lines: Sequence[str]) -> str:
    """Return what went wrong, in georet's own words where it said some."""
    starts = [at for at, line in enumerate(lines) if line.startswith("error: ")]
    said = "\n".join(lines[starts[-1] :]) if starts else "\n".join(lines[-5:])
    more = "\nThe same call goes on where it stopped." if code == RESUMABLE else ""
    return f"georet ended with exit code {code}: {said or 'it said nothing'}{more}"
