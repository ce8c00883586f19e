"""From the options of ``georet benchmark`` to its output."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from georet.cli.options import one_format
from georet.commands.foreseeing import foretell
from georet.errors import UsageError
from georet.files import write_atomic
from georet.plugins import Selection
from georet.pretrained.making import run_folder
from georet.progress import console, echo, echo_json, next_step, say
from georet_export.artefact.errors import ExportError
from georet_export.benchmark.contenders import Choice, find_contenders
from georet_export.benchmark.figures import Result
from georet_export.benchmark.plot import plot
from georet_export.benchmark.run import Schedule, run_benchmark
from georet_export.benchmark.table import NOTE, facts, speeds, values


@dataclass(frozen=True)
class Request:
    """What was typed."""

    paths: Sequence[Path]
    run: Path | None
    backends: Sequence[str] | None
    view: str
    batch: str
    threads: int
    seconds: float
    num_images: int
    selection: Selection
    overrides: tuple[str, ...]


def measure_and_print(
    asked: Request, picture: Path | None, *, as_json: bool, as_markdown: bool
) -> None:
    """Measure, print the table (or JSON, or Markdown), and draw the picture if one is wanted."""
    form = one_format(as_json=as_json, as_markdown=as_markdown, as_latex=False)
    _check_worth_it(asked.seconds, picture)
    paths = [run_folder(path, selection=asked.selection) for path in asked.paths]
    run = None if asked.run is None else run_folder(asked.run, selection=asked.selection)
    choice = Choice(asked.backends or None, asked.view, asked.threads, asked.selection)
    plan = Schedule(parse_batches(asked.batch), asked.seconds, asked.num_images, asked.overrides)
    result = run_benchmark(find_contenders(paths, choice, run), plan)
    for reason in result.absent:
        say(f"not executed: {reason}")
    title = f"{paths[0].resolve().name}, {_threads(asked.threads)}"
    if form == "json":
        echo_json(values(result))
    elif form == "markdown":
        echo(_markdown(result, asked.threads), end="")
    else:
        for table in (speeds(result).terminal(title), facts(result).terminal("")):
            console().print(table)
        say(about(result, asked.threads))
    if picture is not None:
        write_atomic(picture, plot(result, title))
        say(f"picture {picture}")
    if form is None:
        usual = ("--side", "60m", "--out", "area.gallery")
        next_step("gallery", "build", "AREA.tif", "--encoder", asked.paths[0], *usual)


def foresee_benchmark(asked: Request) -> None:
    """Print what would be measured and for how long; nothing is opened."""
    paths = [run_folder(path, selection=asked.selection) for path in asked.paths]
    run = None if asked.run is None else run_folder(asked.run, selection=asked.selection)
    choice = Choice(asked.backends or None, asked.view, asked.threads, asked.selection)
    entries, batches = find_contenders(paths, choice, run), parse_batches(asked.batch)
    for reason in entries.absent:
        say(f"not executed: {reason}")
    facts = {each.name: f"batches of {', '.join(map(str, batches))}" for each in entries.contenders}
    timed = asked.seconds * len(batches) * len(entries.contenders)
    compared = "no comparison" if not asked.num_images else f"at most {asked.num_images:,} images"
    foretell(
        {**facts, "compared": compared}, {"timing": timed}, "by --seconds; comparing not", writes=()
    )


def _check_worth_it(seconds: float, picture: Path | None) -> None:
    """Raise UsageError now for what would come to nothing after all the measuring."""
    if not math.isfinite(seconds):
        raise UsageError(f"{seconds} is no time", where="--seconds", hint="For example --seconds 3")
    if picture is not None and picture.suffix.lower() != ".svg":
        raise UsageError(f"{picture} is no .svg file", where="--plot", hint="Pictures are SVG.")


def about(result: Result, num_threads: int) -> str:
    """Return in words what was measured on what."""
    evidence = result.evidence
    compared = "timed on noise and compared with nothing: the run is not at hand (--run)"
    if evidence is not None:
        compared = f"timed on images of {evidence.name}"
    if evidence is not None and result.measured[0].compared is not None:
        sizes = f"{len(evidence.data.queries)} queries, {len(evidence.data.gallery)} references"
        compared += f"; cosine to torch and R@1: {sizes}"
    return f"{_threads(num_threads)}, {compared}. {NOTE}"


def _markdown(result: Result, num_threads: int) -> str:
    parts = (speeds(result).markdown(), facts(result).markdown(), about(result, num_threads))
    return "\n".join(parts) + "\n"


def accept_on_gpu(asked: Request, out: Path | None) -> None:
    """Build, execute, compare and time TensorRT plans of a run on this machine's GPU."""
    from georet_export.benchmark.gpu_acceptance import Acceptance, accept_on_gpu

    acceptance = Acceptance(
        run_dir=asked.run or asked.paths[0],
        view=asked.view,
        batches=parse_batches(asked.batch),
        num_images=asked.num_images,
        selection=asked.selection,
        overrides=asked.overrides,
    )
    path = out or Path("gpu-acceptance.json")
    report = accept_on_gpu(acceptance, path)
    if not report["accepted"]:
        raise ExportError("not every engine was accepted", where=str(path))
    say(f"accepted: {path}")


def _threads(num: int) -> str:
    return f"{num} thread{'s' if num > 1 else ''}"


def parse_batches(text: str) -> tuple[int, ...]:
    """Return the ascending numbers of ``1,8,32``; UsageError for anything else."""
    try:
        numbers = sorted({int(part) for part in text.replace(" ", ",").split(",") if part})
    except ValueError:
        numbers = []
    if not numbers or numbers[0] < 1:
        raise UsageError(
            f"{text!r} are no numbers of images", where="--batch", hint="For example 1,8,32"
        )
    return tuple(numbers)
