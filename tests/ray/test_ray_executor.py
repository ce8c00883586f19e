"""Galleries made by a real Ray on this machine, in a network of its own, equal local ones."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from georet.gallery.files.journal import entries
from georet.gallery.making.build import build_gallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None,
    reason="ray is not installed: pip install 'georet[ray]'",
)

DRIVER = """
import sys
from pathlib import Path

import georet_ray.executor
from georet.errors import GeoretError
from georet.gallery.making.build import build_gallery
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec
from georet_ray.cluster import Cluster


class Hog:
    def ready(self):
        return True


class Busy(Cluster):
    def __enter__(self):
        super().__enter__()
        num = self.ray.cluster_resources()["CPU"]
        self.hog = self.ray.remote(num_cpus=num)(Hog).remote()
        assert self.ray.get(self.hog.ready.remote())
        return self


if __name__ == "__main__":
    wait_s = float(sys.argv[3])
    if sys.argv[4:] == ["busy"]:
        georet_ray.executor.Cluster = Busy
    from georet.plugins import Selection

    class Spec(PixelSpec):
        selection = Selection(("georet_ray",))

    try:
        build_gallery(
            DrawnTiles(200, wait_s=wait_s), Spec(), Path(sys.argv[1]),
            shard_size=5, batch_size=2, executor=sys.argv[2], say=print,
        )
    except GeoretError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
"""


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a gallery of 40 shards, built in this process."""
    folder = tmp_path_factory.mktemp("quiet") / "a"
    return build_gallery(DrawnTiles(200), PixelSpec(), folder, shard_size=5, batch_size=2)


def start(
    tmp_path: Path, executor: str, wait_s: float = 0.001, *more: str
) -> subprocess.Popen[str]:
    """Start a build by Ray; in a network namespace where that is allowed, as Ray listens to all."""
    driver = tmp_path / "driver.py"
    driver.write_text(DRIVER)
    command = [sys.executable, str(driver), str(tmp_path / "g"), executor, str(wait_s), *more]
    environment = dict(os.environ)
    if can_unshare():
        alone = 'ip link set lo up && exec "$@"'
        command = ["unshare", "-n", "bash", "-c", alone, "_", *command]
        environment["RAY_AUTH_MODE"] = "disabled"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def can_unshare() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    return (
        subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode == 0
    )


def num_noted(out: Path) -> int:
    return len({entry.shard for entry in entries(out)})


def test_two_actors_give_the_bytes_of_a_local_build(quiet: Path, tmp_path: Path) -> None:
    errors = start(tmp_path, "ray?actors=2&cpus=0.5").communicate()[1]
    assert contents(tmp_path / "g") == contents(quiet), errors


def test_a_killed_actor_is_started_again_and_the_result_is_the_same(
    quiet: Path, tmp_path: Path
) -> None:
    process = start(tmp_path, "ray?actors=2&cpus=0.5", 0.02)
    while num_noted(tmp_path / "g") < 3:
        assert process.poll() is None
        time.sleep(0.02)
    actors = [
        int(folder.name)
        for folder in Path("/proc").iterdir()
        if folder.name.isdecimal() and named(folder).startswith(b"ray::ShardActor")
    ]
    os.kill(actors[0], signal.SIGKILL)
    errors = process.communicate()[1]
    assert process.returncode == 0, errors
    assert contents(tmp_path / "g") == contents(quiet)


def named(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_build_killed_with_its_ray_goes_on_with_the_same_call(
    quiet: Path, tmp_path: Path
) -> None:
    process = start(tmp_path, "ray?actors=2&cpus=0.5", 0.02)
    while num_noted(tmp_path / "g") < 5:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert num_noted(tmp_path / "g") < 40
    errors = start(tmp_path, "ray?actors=2&cpus=0.5").communicate()[1]
    assert contents(tmp_path / "g") == contents(quiet), errors


def test_sigterm_ends_with_75_and_keeps_what_is_done(quiet: Path, tmp_path: Path) -> None:
    process = start(tmp_path, "ray?actors=2&cpus=0.5", 0.02)
    while num_noted(tmp_path / "g") < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    errors = process.communicate()[1]
    assert process.returncode == 75, errors
    assert "stopped by SIGTERM" in errors
    assert "Traceback" not in errors


def test_more_than_any_node_has_is_refused_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, "ray?cpus=800")
    errors = process.communicate()[1]
    assert process.returncode == 3
    assert "an actor wants 800 CPU, no node has so much" in errors


def test_a_cluster_that_is_full_is_told_after_a_while(tmp_path: Path) -> None:
    began_s = time.monotonic()
    process = start(tmp_path, "ray?cpus=1&actors=2&patience_s=5", 0.001, "busy")
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 3, errors
    assert "no actor was started for 5 s: each wants 1 CPU, Ray has 0 of" in errors
    assert time.monotonic() - began_s < 60


def test_an_option_that_there_is_not_is_named(tmp_path: Path) -> None:
    errors = start(tmp_path, "ray?cpu=2").communicate()[1]
    assert "cpus" in errors
