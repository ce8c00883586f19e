"""``georet gallery``: build, info, verify, merge as they are typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from georet.cli import main
from georet.testing.tiny_run import PLUGINS, tiny_run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_run(tmp_path_factory.mktemp("cli"))


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return what calls ``georet gallery`` and returns exit code, stdout and stderr."""
    monkeypatch.setenv("GEORET_PLUGINS", ",".join(PLUGINS))

    def calling(*arguments: object) -> tuple[int, str, str]:
        code = main(["gallery", *map(str, arguments)])
        return code, *capsys.readouterr()

    return calling


def building(run: Path, out: Path, *more: object) -> list[str]:
    plan = ["--side", "1km", "--shard-size", "12", "--workers", "0"]
    return ["build", f"run:{run}", "--encoder", str(run), "--out", str(out), *plan, *map(str, more)]


@pytest.fixture
def gallery(call: Call, run: Path, tmp_path: Path) -> Path:
    code, out, err = call(*building(run, tmp_path / "g"))
    assert (code, out) == (0, f"{tmp_path / 'g'}: 36 tiles in 3 shards\n")
    assert "36 tiles in" in err
    assert "tiles/s; reading took" in err
    return tmp_path / "g"


def test_a_build_that_is_done_says_that_nothing_was_left(
    call: Call, gallery: Path, run: Path
) -> None:
    code, out, err = call(*building(run, gallery))
    assert (code, out) == (0, f"{gallery}: 36 tiles in 3 shards\n")
    assert "nothing was left to embed" in err


def test_info_prints_a_table_and_json(call: Call, gallery: Path, run: Path) -> None:
    code, out, _ = call("info", gallery)
    assert code == 0
    assert "tiles       36 in 3 shards; 0 bad" in out
    assert "side        1000 m" in out
    assert "ground      36 km², overlaps" in out
    found = json.loads(call("info", gallery, "--json")[1])
    assert found["tiles"] == 36
    assert found["side_m"] == pytest.approx([1000, 1000])
    assert found["ground_km2"] == pytest.approx(36)
    assert found["encoder_source"]["source"] == str(run.resolve())
    assert found["indexes"] == []
    assert not found["calibrated"]
    assert found["bytes"] == sum(p.stat().st_size for p in gallery.rglob("*") if p.is_file())
    west, south, east, north = found["bounds_latlon"]
    assert west < 7 < east
    assert south < 46 < north


def test_verify_ends_with_4_and_names_the_file(call: Call, gallery: Path) -> None:
    code, out, _ = call("verify", gallery)
    assert code == 0
    assert "12 files" in out
    path = gallery / "shards/part-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    code, out, err = call("verify", gallery, "--json")
    assert code == 4
    assert str(path) in err
    assert len(json.loads(out)["faults"]) == 1


def test_shares_say_what_is_missing(call: Call, run: Path, tmp_path: Path) -> None:
    code, out, _ = call(*building(run, tmp_path / "g", "--shard", "2/2"))
    assert code == 0
    assert "12 of 36 tiles are done; not finished, 2 of 3 shards are missing: 0, 2" in out
    code, _, err = call("info", tmp_path / "g")
    assert code == 3
    assert "is not finished" in err
    assert call(*building(run, tmp_path / "g", "--shard", "1/2"))[1].endswith("in 3 shards\n")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (["--shard", "0/2"], "--shard"),
        (["--shard", "two"], "--shard"),
        (["--side", "1 mile"], "--side"),
        (["--storage", "fp8"], "no storage 'fp8'"),
        (["--overlap", "1"], "overlap"),
    ],
)
def test_wrong_options_end_with_2(
    wrong: list[str], named: str, call: Call, run: Path, tmp_path: Path
) -> None:
    code, _, err = call(*building(run, tmp_path / "g", *wrong))
    assert code == 2
    assert named in err
    assert not (tmp_path / "g").exists()


def test_other_settings_end_with_2_and_are_named(call: Call, run: Path, gallery: Path) -> None:
    code, _, err = call(*building(run, gallery, "--storage", "int8"))
    assert code == 2
    assert "storage: 'fp32', now 'int8'" in err


def test_merge_joins_and_refuses_twice_the_same(
    call: Call, run: Path, gallery: Path, tmp_path: Path
) -> None:
    code, _, err = call("merge", gallery, gallery, "--out", tmp_path / "m")
    assert code == 3
    assert "--duplicates" in err
    code, out, _ = call("merge", gallery, gallery, "--out", tmp_path / "m", "--duplicates=suffix")
    assert (code, out) == (0, f"{tmp_path / 'm'}: 72 tiles in 1 shard\n")


def test_sigterm_ends_with_75_and_the_command_that_goes_on(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "g"
    words = [*building(run, out), "--batch", "1", "--shard-size", "1"]
    environment = {**os.environ, "GEORET_PLUGINS": ",".join(PLUGINS)}
    command = [sys.executable, "-m", "georet", "gallery", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    while process.poll() is None and not (out / "journal.jsonl").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate()[1]
    assert process.returncode == 75, errors
    assert "stopped by SIGTERM" in errors
    assert f"Go on with: georet gallery build run:{run} --encoder {run} --out {out}" in errors


def test_the_commands_of_gallery_are_listed_without_torch() -> None:
    code = (
        "import sys; from georet.cli import main; main(['gallery', '--help']); "
        "print({'torch', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(
        name in done.stdout for name in ("build", "info", "verify", "merge", "bench", "calibrate")
    )
    assert done.stdout.endswith("set()\n")


def test_plan_and_a_dry_run_say_what_it_takes_and_write_nothing(
    call: Call, run: Path, tmp_path: Path
) -> None:
    what = (f"run:{run}", "--encoder", run, "--side", "1km")
    code, out, _ = call("plan", *what)
    assert code == 0
    assert "tiles      36\n" in out
    assert "ground     36 km²" in out
    found = json.loads(call("plan", *what, "--json", "--area", "3600", "--storage", "fp16")[1])
    assert found["tiles"] == 3600
    assert found["embed_device_hours"] > 0
    assert found["read_core_hours"] > 0
    dry = call(*building(run, tmp_path / "g", "--dry-run"))[1]
    assert "nothing was written" in dry
    assert not (tmp_path / "g").exists()


def test_the_bytes_that_plan_tells_are_those_of_the_gallery(
    call: Call, run: Path, gallery: Path
) -> None:
    found = json.loads(call("plan", f"run:{run}", "--encoder", run, "--side", "1km", "--json")[1])
    shards = sum(path.stat().st_size for path in gallery.glob("shards/*.parquet"))
    plan = (gallery / "plan.parquet").stat().st_size
    # Small files carry much of their own: 36 tiles in three shards, and in one.
    assert found["bytes"] == pytest.approx(shards + plan, rel=0.35)
