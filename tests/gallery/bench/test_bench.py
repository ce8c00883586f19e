"""Measuring indexes on a gallery: what is counted, and what is asked."""

from __future__ import annotations

import itertools
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from georet.cli import main
from georet.errors import UsageError
from georet.facade import Gallery
from georet.gallery.bench.measure import measure_indexes, overlap
from georet.gallery.bench.plot import plot
from georet.gallery.bench.queries import bench_queries, made_up
from georet.search.exact import ExactIndex
from georet.search.sign_bits import SignBits
from georet.testing.pixel_session import PixelSession
from georet.tiles.table import TileTable


class Half(ExactIndex):
    """Finds every second of the best."""

    note = "half of it"

    def search(self, queries, k, region=None):
        scores, ids = super().search(queries, k, region)
        ids[:, 1::2] = -1
        return scores, ids


def embeddings(num, seed=0):
    raw = np.random.default_rng(seed).normal(size=(num, 32)).astype(np.float32) + 0.4
    return raw / np.linalg.norm(raw, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    num = 300
    latlon = np.stack([np.linspace(40, 50, num), np.linspace(5, 15, num)], axis=1)
    corners = latlon[:, None] + 0.01 * np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]])
    tiles = TileTable([f"t{row}" for row in range(num)], latlon, corners, np.full(num, 2000.0))
    path = tmp_path_factory.mktemp("bench") / "a.gallery"
    return Gallery.from_arrays(path, tiles, embeddings(num), PixelSession().identity)


def test_overlap_is_the_share_of_the_exact_ids_and_pads_do_not_count():
    exact = np.array([[1, 2, 3, 4], [5, 6, -1, -1]])
    assert overlap(exact, exact) == 1
    assert overlap(np.array([[4, 9, 8, 1], [6, 5, 7, -1]]), exact) == 0.75
    assert overlap(np.full((2, 4), -1), exact) == 0


def test_recall_times_and_memory_are_those_of_each_index():
    ticks = itertools.count()
    found = measure_indexes(
        embeddings(500),
        embeddings(20, seed=1),
        {"bits": SignBits, "half": Half},
        k=4,
        about="random ones",
        calls=3,
        clock=lambda: float(next(ticks)),
    )
    exact, bits, half = found.indexes
    assert [one.name for one in found.indexes] == ["exact", "bits", "half"]
    assert (exact.recall, half.recall) == (1.0, 0.5)
    assert bits.recall > 0.9
    assert (exact.num_bytes, half.note) == (0, "half of it")
    assert bits.num_bytes > 500 * 32
    # Each call took one tick of the clock, a thousand milliseconds.
    assert half.latency[1].p50_ms == 1000
    assert half.latency[32].p90_ms == 1000 / 32
    assert half.latency[1].times_exact == 1
    assert json.loads(json.dumps(found.as_json()))["queries"] == "random ones"


def test_nothing_to_measure_is_said():
    with pytest.raises(UsageError, match="nothing to measure"):
        measure_indexes(embeddings(3), embeddings(0), {})


def test_made_up_queries_are_near_their_rows_but_not_on_them():
    rows = embeddings(400)
    queries = made_up(rows, 50)
    assert queries.dtype == np.float32
    assert np.abs(np.linalg.norm(queries, axis=1) - 1).max() < 1e-6
    best = (queries @ rows.T).max(axis=1)
    assert (best < 0.99).all()
    assert np.median(best) > 0.6
    assert np.array_equal(queries, made_up(rows, 50))


def test_without_a_run_queries_are_made_up_and_that_is_said(gallery, tmp_path):
    queries, about = bench_queries(gallery, None, 20)
    assert queries.shape == (20, 32)
    assert about == "made up: no run of the encoder is at hand"
    (tmp_path / "config.yaml").write_text("losses: [")
    _, about = bench_queries(gallery, None, 20, encoder=tmp_path)
    assert about.startswith("made up, as the run's photos can't be read: ")


def test_the_plot_shows_each_index_with_its_name_and_figures():
    found = measure_indexes(embeddings(200), embeddings(5, 1), {"half": Half}, calls=2)
    svg = ET.fromstring(plot(found, 32))
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"exact", "half", "ms a query, 32 at once", "% of the exact 10 best"} <= set(texts)
    title = next(svg.iter("{http://www.w3.org/2000/svg}title")).text
    assert "half" in title
    assert "recall 50.00 %" in title


@pytest.fixture
def bench(gallery, capsys):
    """Return a function that runs ``georet gallery bench``: exit code, stdout, stderr."""

    def run(*arguments):
        code = main(["gallery", "bench", str(gallery.path), *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_the_command_prints_a_table_and_draws(gallery, bench, tmp_path):
    plot_path = tmp_path / "bench.svg"
    code, out, err = bench("--num", 12, "--plot", plot_path)
    assert code == 0, err
    assert "300 tiles, 32 dimensions" in out
    assert "sign_bits" in out
    assert "12 queries, made up: no run of the encoder is at hand" in out
    assert ET.parse(plot_path).getroot().tag.endswith("svg")
    assert not (gallery.path / "index").exists()


def test_the_command_gives_json_of_the_indexes_asked_for(bench):
    _, out, _ = bench("--index", "exact", "--num", 5, "--json", "--k", 3)
    found = json.loads(out)
    assert [one["name"] for one in found["indexes"]] == ["exact"]
    assert found["k"] == 3


@pytest.mark.parametrize(
    ("name", "code", "said"), [("b.pdf", 2, "plots are SVG"), ("no/b.svg", 3, "no such folder")]
)
def test_a_plot_that_cant_be_drawn_is_refused_before_the_work(bench, tmp_path, name, code, said):
    found, out, err = bench("--plot", tmp_path / name)
    assert (found, out) == (code, "")
    assert said in err


def test_an_unknown_index_is_named_with_the_ones_there_are(bench):
    code, _, err = bench("--index", "sign_bit")
    assert code == 2
    assert "'sign_bit'" in err
    assert "sign_bits" in err
