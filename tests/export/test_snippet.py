"""The deployment snippet of docs/export.md, as it stands, without georet, torch or OpenCV."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from georet.data.images import read_image, resize
from georet_export.artefact.session import open_session
from georet_export.benchmark.cli import app as benchmark_app
from georet_export.exporting.cli import app as export_app

PAGE = Path(__file__).parents[2] / "docs/export.md"
PLUGINS = ("sample4geo", "georet.testing.plugin")
BLOCKED = ("georet", "georet_export", "torch", "cv2", "simplejpeg", "onnx", "timm")
BLOCKER = f"""
import sys
for name in {BLOCKED!r}:
    sys.modules[name] = None
"""


@pytest.fixture(scope="module")
def snippet() -> str:
    found = re.search(r"<!-- snippet -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def functions(snippet):
    """What the snippet defines, without what it does."""
    names = {}
    exec(snippet.partition("\nsession, *wanted")[0], names)
    return names


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    """JPEG files of many sizes, larger and smaller than wanted, grey, progressive, turned."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    paths = []
    for number, (height, width) in enumerate(
        [(32, 32), (64, 64), (17, 23), (240, 321), (33, 31), (500, 64), (16, 16), (97, 201)] * 2
    ):
        coarse = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
        smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        noisy = np.clip(smooth + rng.normal(0, 9, smooth.shape), 0, 255).astype(np.uint8)
        exif = Image.Exif()
        exif[0x0112] = 1 + number % 8
        photo = Image.fromarray(noisy).convert("L" if number % 5 == 4 else "RGB")
        paths.append(folder / f"{number:02d}.jpg")
        photo.save(
            paths[-1],
            quality=60 + 2 * number,
            subsampling=number % 3,
            progressive=number % 2 == 1,
            exif=exif,
        )
    return paths


def test_it_embeds_photos_as_georet_does(exported_run, snippet, photos, tmp_path):
    (tmp_path / "embed.py").write_text(snippet)
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    artefact = exported_run / "export/onnx-fp32"
    done = subprocess.run(
        [sys.executable, "embed.py", artefact, "out.npy", *photos],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    by_torch = open_session(exported_run, plugins=PLUGINS)
    expected = by_torch.embed(np.stack([read_image(p, size=(32, 32)) for p in photos]))
    assert np.abs(np.load(tmp_path / "out.npy") - expected).max() < 1e-5


def test_the_blocker_blocks(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(BLOCKER)
    for name in BLOCKED:
        done = subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0


def test_photos_are_decoded_to_the_same_bytes(functions, photos):
    for path in photos:
        whole = read_image(path)
        with Image.open(path) as photo:
            upright = np.asarray(functions["ImageOps"].exif_transpose(photo).convert("RGB"))
        assert np.array_equal(upright, whole), path


def test_its_resize_gives_the_same_bytes_for_any_sizes(functions):
    rng = np.random.default_rng(1)
    for number in range(400):
        height, width, out_height, out_width = rng.integers(1, 200, 4).tolist()
        if number % 4 == 0:
            out_height, out_width = 2 * height, 2 * width
        elif number % 4 == 1:
            height, width = 2 * out_height, 2 * out_width
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        found = functions["resize"](image, out_height, out_width)
        assert np.array_equal(found, resize(image, (out_height, out_width), "bilinear-exact")), (
            image.shape,
            number,
        )


def test_its_smooth_resize_gives_the_same_bytes_for_any_sizes(functions):
    rng = np.random.default_rng(2)
    for _ in range(100):
        height, width, out_height, out_width = rng.integers(1, 200, 4).tolist()
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        found = functions["RULES"]["bilinear-antialias"](image, out_height, out_width)
        assert np.array_equal(found, resize(image, (out_height, out_width), "bilinear-antialias"))


def test_a_changed_model_is_not_loaded(functions, exported_run, tmp_path):
    for name in ("artefact.json", "encoder.onnx"):
        (tmp_path / name).write_bytes((exported_run / "export/onnx-fp32" / name).read_bytes())
    functions["load"](tmp_path)
    with (tmp_path / "encoder.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(SystemExit, match="not the file that was exported"):
        functions["load"](tmp_path)


def test_the_example_with_georet_runs(exported_run, tools, monkeypatch):
    monkeypatch.setenv("GEORET_PLUGINS", ",".join(PLUGINS))
    example = re.search(
        r"## Embedding with georet\n\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    assert example is not None
    names = {"images": tools.images(3, (32, 32))}
    exec(example[1].replace("runs/first", str(exported_run)), names)
    assert names["embeddings"].shape == (3, 32)


@pytest.mark.parametrize("line", re.findall(r"^georet [^#\n]*", PAGE.read_text(), re.MULTILINE))
def test_every_command_of_the_page_can_be_parsed(line):
    _, name, *options = shlex.split(line)
    apps = {"export": export_app, "benchmark": benchmark_app}
    get_command(apps[name]).make_context(name, options)


def test_the_page_has_an_empty_place_for_a_gpu_and_no_figure_of_one():
    section = PAGE.read_text().partition("## On a GPU")[2]
    assert "(empty: no result yet)" in section
    assert not re.search(r"\d+ images/s", section)
