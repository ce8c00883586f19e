from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from georet.errors import ConfigError, DataError
from georet.plugins import load_plugins
from georet.testing import check_dataset, check_plugin
from georet_peng import RECIPES
from georet_peng.city.canvas import turned, windowed
from georet_peng.city.layout import read_graph
from georet_peng.dataset import CityBlocksGraph, Graph
from georet_peng.window import Window

NODES = "id,latitude,longitude,tile,side_m\na,48.0,16.0,t.png,50\nb,48.0003,16.0,t.png,50\n"
EDGES = "from,to\na,b\n"
STREETS = "image,node,heading_deg\ns.png,a,90\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A city of two nodes, one edge and one street image, which looks east."""
    root = tmp_path / "town"
    root.mkdir()
    for name, text in (("nodes", NODES), ("edges", EDGES), ("streets", STREETS)):
        (root / f"{name}.csv").write_text(text)
    cv2.imwrite(str(root / "t.png"), np.full((8, 8, 3), 90, np.uint8))
    cv2.imwrite(str(root / "s.png"), np.full((8, 16, 3), 90, np.uint8))
    return root


def test_the_plugin_and_its_data_keep_their_contracts(cities):
    check_plugin("peng")
    check_dataset(cities, protocols=["peng:edges"])


@pytest.mark.parametrize("recipe", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_every_recipe_is_valid_by_its_name_alone(recipe, capsys):
    from georet.cli import main

    assert main(["config", "show", "--recipe", f"peng/{recipe}"]) == 0
    assert "shared: false" in capsys.readouterr().out


def test_edges_join_neighbouring_places_once(cities):
    graph = cities.city
    assert len({tuple(sorted(pair)) for pair in graph.ends.tolist()}) == len(graph.ends)
    length = np.hypot(*(graph.nodes_m[graph.ends[:, 0]] - graph.nodes_m[graph.ends[:, 1]]).T)
    assert length.min() > 15
    assert length.max() < 60
    found = cities.evaluations()["edges"]
    away = graph.from_edges_m(graph.plane.metres(found.queries.latlon))
    # Cameras stand at most 0.8 m off the street, or 4 m beyond its end.
    assert away.min(axis=1).max() < 4.2
    rows = np.arange(len(away))
    assert np.array_equal(away[rows, found.positives[:, 0]], away.min(axis=1))


def test_with_a_known_heading_things_stay_where_they_are_and_the_rest_is_black(cities):
    sets = cities.evaluations()
    whole, cut, looked = sets["edges"], sets["edges-90"], sets["unknown-90"]
    for row in (0, 7):
        full, part, middle = (
            cv2.imread(str(each.queries.paths[row])) for each in (whole, cut, looked)
        )
        seen = part.max(axis=(0, 2)) > 40
        assert abs(seen.mean() - 0.25) < 0.03
        assert np.abs(part[:, seen].astype(int) - full[:, seen]).mean() < 8
        dark = middle.max(axis=(0, 2)) < 40
        assert dark[: len(dark) // 3].all()
        # Turned back by the heading that is recorded, it shows what it shows with north known.
        back = turned(middle, -looked.queries.heading_deg[row])
        kept = (back.max(axis=(0, 2)) > 40) & seen
        assert kept.sum() > 0.8 * seen.sum()
        assert np.abs(back[:, kept].astype(int) - full[:, kept]).mean() < 12


def test_photos_that_train_are_none_that_judge(cities):
    train = {str(path) for path in cities.train().queries.paths}
    judged = {str(path) for path in cities.evaluations()["edges"].queries.paths}
    shown = {str(path) for path in cities.city.streets.paths}
    assert not train & judged
    assert not judged & shown
    assert not train & shown


def test_windows_are_drawn_and_reported():
    canvas = np.full((4, 72, 3), 200, np.uint8)
    for heading in ("known", "unknown"):
        window, starts = Window(degrees=[90], heading=heading), set()
        for seed in range(20):
            seen = window(canvas, np.random.default_rng(seed)).max(axis=(0, 2)) > 0
            assert seen.sum() in (18, 17, 19)
            starts.add(int(np.flatnonzero(seen)[0]))
        assert len(starts) > 5 if heading == "known" else starts == {27}
    with pytest.raises(ConfigError, match="20 to 360"):
        Window(degrees=[5])


def test_a_window_is_cut_around_its_direction():
    canvas = np.full((2, 360, 3), 9, np.uint8)
    seen = np.flatnonzero(windowed(canvas, 90, 60).max(axis=(0, 2)))
    # The middle is column 180: 60 to 120 degrees to the right of it.
    assert (seen[0], seen[-1]) == (240, 299)


def test_a_city_is_read(folder):
    graph = read_graph(folder)
    assert graph.edge_ids == ["a--b"]
    assert graph.streets.latlon[0].tolist() == [48.0, 16.0]
    assert len(graph.photos) == 0
    assert np.degrees(graph.bearings_rad(0)) == pytest.approx([0], abs=1e-6)
    assert graph.neighbours == [[1], [0]]


def test_cities_of_ones_own_train_with_north_in_the_middle(folder, tmp_path):
    other = tmp_path / "test"
    other.mkdir()
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    (other / "photos.csv").write_text("image,node,heading_deg,fov_deg\ns.png,b,10,90\n")
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 8:10] = 250
    cv2.imwrite(str(folder / "s.png"), image)
    cities = Graph(root=tmp_path, train=["town"], test="test", cache_dir=tmp_path / "cache")
    check_dataset(cities, protocols=["peng:edges"])
    pairs = cities.train()
    assert pairs.pairs.tolist() == [[0, 0]]
    # Nodes a and b are 33 m apart, and b's tile reaches 25 m.
    assert (pairs.semi_positives == -1).all()
    # It looked east: what was in the middle comes to lie a quarter, 4 columns, to the right.
    shown = cv2.imread(str(pairs.queries.paths[0])).max(axis=(0, 2))
    assert np.flatnonzero(shown > 120).tolist() == [12, 13]
    assert set(cities.evaluations()) == {
        "edges", "edges-180", "edges-90", "unknown", "unknown-180", "unknown-90"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "where", "said"),
    [
        ("nodes", NODES + "a,48,16,t.png,50\n", "nodes.csv:4", "'a' stands there twice"),
        ("nodes", NODES + "c,98,16,t.png,50\n", "nodes.csv:4", "latitude is 98"),
        ("nodes", NODES + "c,48,16,no.png,50\n", "nodes.csv:4", "no image 'no.png'"),
        ("nodes", NODES + "c,48,16,t.png,0\n", "nodes.csv:4", "side_m is 0"),
        ("nodes", "id,latitude\n", "nodes.csv:1", "longitude"),
        ("nodes", NODES.split("\n")[0] + "\n", "nodes.csv", "lists nothing"),
        ("edges", EDGES + "a,c\n", "edges.csv:3", "to is 'c', which is no node"),
        ("edges", EDGES + "b,a\n", "edges.csv:3", "is there already"),
        ("edges", EDGES + "b,b\n", "edges.csv:3", "to itself"),
        ("streets", STREETS + "t.png,z,0\n", "streets.csv:3", "node is 'z'"),
        ("streets", STREETS + "t.png,a,north\n", "streets.csv:3", "heading_deg is 'north'"),
        ("streets", STREETS + "s.png,a,0\n", "streets.csv:3", "twice"),
    ],
)
def test_a_table_that_can_t_be_is_told_by_file_and_line(folder, name, text, where, said):
    (folder / f"{name}.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_graph(folder)
    assert where in str(caught.value)
    assert said in str(caught.value)


def test_files_that_are_missing_are_told(folder):
    (folder / "streets.csv").unlink()
    with pytest.raises(DataError, match="neither streets"):
        read_graph(folder)
    (folder / "edges.csv").unlink()
    with pytest.raises(DataError, match="no such file"):
        read_graph(folder)
    with pytest.raises(DataError, match="no such folder"):
        read_graph(folder / "nowhere")


def test_cities_that_can_t_be_are_refused(tmp_path, folder):
    with pytest.raises(ConfigError, match="there is no city 9"):
        CityBlocksGraph(size="mini", held_out=9, cache_dir=tmp_path)
    with pytest.raises(ConfigError, match="trains as well"):
        Graph(root=tmp_path, train=["town"], test="town")


def test_a_refiner_of_another_data_set_s_tiles_refuses(cities, folder):
    from georet.testing.refiner_check import drawn_case

    catalog = load_plugins(["peng"]).catalog
    refiner = catalog.create("refiners", {"name": "peng:streets", "graph": str(folder)})
    photo, tiles, _ = drawn_case(0.0, (0, 0))
    assert "none of the tiles is an edge" in refiner(photo, tiles).reason
    with pytest.raises(ConfigError, match="either graph or dataset"):
        catalog.create("refiners", {"name": "peng:streets"})
