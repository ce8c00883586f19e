"""``georet gallery push`` and ``--index qdrant``, with Qdrant's engine in a folder."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from georet.cli.app import run
from georet.errors import DataError, IntegrityError, Interrupted
from georet.facade import Gallery
from georet.gallery.indexes import open_index, placed_rows
from georet.gallery.joined import join_galleries
from georet.gallery.mapped import InMemory
from georet.ground.region import Region
from georet.locate import Locator
from georet.search.exact import ExactIndex
from georet.testing.pixel_session import PixelSession
from georet_qdrant.edge import Edge
from georet_qdrant.filters import GALLERY, PLACE, places
from georet_qdrant.index import Qdrant
from georet_qdrant.push import collection_of, push

NUM = 2300
REGION = Region.box(7.0, 45.8, 7.3, 46.0)


def pushed(gallery, folder):
    assert run(["gallery", "push", str(gallery.path), "--to", str(folder)]) == 0


def test_a_pushed_gallery_is_searched_as_exactly_as_by_itself(gallery, tmp_path, capsys):
    pushed(gallery, tmp_path)
    said = capsys.readouterr().out
    assert f"{NUM:,} tiles, {NUM:,} of them sent now" in said
    assert f"--index 'qdrant?url={tmp_path}'" in said
    index = open_index(gallery, f"qdrant?url={tmp_path}")
    assert index.note == f"candidates by {tmp_path}, ranked by the gallery's own embeddings"
    queries = np.random.default_rng(1).normal(size=(7, 32)).astype(np.float32)
    exact = ExactIndex()
    exact.add(gallery.embeddings, np.arange(NUM))
    mask = REGION.mask(gallery.tiles.latlon)
    for allowed in (None, mask):
        wanted = exact.search(queries, 20, allowed)
        found = (
            index.search(queries, 20)
            if allowed is None
            else index.search_in(queries, 20, allowed, REGION)
        )
        assert np.array_equal(found[0], wanted[0])
        assert np.array_equal(found[1], wanted[1])


def test_what_is_there_is_not_sent_again(gallery, tmp_path, capsys):
    pushed(gallery, tmp_path)
    capsys.readouterr()
    run(["gallery", "push", str(gallery.path), "--to", str(tmp_path), "--json"])
    about = json.loads(capsys.readouterr().out)
    assert (about["tiles"], about["sent"], about["server"]) == (NUM, 0, str(tmp_path))
    engine = Edge.at(tmp_path)
    assert engine.count(about["collection"]) == NUM


def test_the_payload_is_place_side_and_tile(gallery, tmp_path):
    pushed(gallery, tmp_path)
    rows = placed_rows(gallery)
    record = Edge.at(tmp_path)._shard(collection_of(rows)).retrieve([70], True, True)[0]
    (place,) = places(rows.latlon[70:71])
    assert record.payload == {
        "place": place,
        "side_m": 1000.0,
        "gallery": rows.key,
        "tile": "tile-00070",
    }
    assert np.array_equal(np.float32(record.vector), gallery.embeddings[70])


KILLED = """
import os, signal, sys
from pathlib import Path
from georet.facade import Gallery
from georet.gallery.indexes import placed_rows
from georet_qdrant import push
from georet_qdrant.edge import Edge

push._MOST_AT_ONCE = 100
rows = placed_rows(Gallery.open(sys.argv[1]))
left = int(sys.argv[3])
num_sent = 0

def advance(num):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

print(push.push(rows, Edge(Path(sys.argv[2])), push.collection_of(rows), advance=advance))
"""


def test_five_kills_cost_nothing_that_was_acknowledged(gallery, tmp_path):
    def go_on(left):
        call = [sys.executable, "-c", KILLED, str(gallery.path), str(tmp_path / "to"), str(left)]
        return subprocess.run(call, capture_output=True, text=True, check=False)

    num_sent = 0
    for left in (2, 5, 3, 4, 2):
        killed = go_on(left)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        num_sent += 100 * (left - 1)  # the first step counts what is there
    last = go_on(0)
    assert int(last.stdout) == NUM - num_sent, last.stderr
    rows = placed_rows(gallery)
    index = Qdrant(url=str(tmp_path / "to"))
    index.attach(rows)
    found = index.search(gallery.embeddings, 1)[1]
    assert np.array_equal(found[:, 0], np.arange(NUM))


def test_a_stop_between_requests_says_how_to_go_on(gallery, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "georet.interrupt.StopRequest.__enter__",
        lambda self: setattr(self, "requested", "SIGTERM") or self,
    )
    with pytest.raises(Interrupted, match="what was sent stays") as stopped:
        pushed(gallery, tmp_path)
    assert stopped.value.hint == "The same command goes on."


def test_a_gallery_that_is_not_there_or_half_is_refused_with_the_command(gallery, tmp_path):
    with pytest.raises(DataError, match="is not there") as missing:
        open_index(gallery, f"qdrant?url={tmp_path}")
    assert f"georet gallery push {gallery.path} --to" in str(missing.value.hint)
    rows = placed_rows(gallery)

    class Enough(Exception):  # noqa: N818
        pass

    calls = iter(range(2))

    def check():
        if next(calls, None) is None:
            raise Enough

    with pytest.raises(Enough):
        push(rows, Edge.at(tmp_path), collection_of(rows), check=check)
    with pytest.raises(DataError, match=r"holds 2,000 of the 2,300 tiles"):
        open_index(gallery, f"qdrant?url={tmp_path}")


def test_a_collection_of_something_else_is_left_alone(gallery, make_gallery, tmp_path):
    other = make_gallery(tmp_path / "other.gallery", seed=5, num=50)
    engine, rows = Edge.at(tmp_path / "to"), placed_rows(gallery)
    push(placed_rows(other), engine, "mine")
    with pytest.raises(DataError, match="holds 50 points of something else"):
        push(rows, engine, "mine")
    with pytest.raises(DataError, match=r"holds 0 of the 2,300 tiles"):
        open_index(gallery, f"qdrant?url={tmp_path / 'to'}&collection=mine")
    assert engine.count("mine") == 50


def test_a_collection_without_a_geo_index_is_refused(gallery, tmp_path, monkeypatch):
    monkeypatch.setattr(Edge, "index_fields", lambda self, collection: None)
    engine, rows = Edge.at(tmp_path), placed_rows(gallery)
    engine.create("late", 32)
    one = [{PLACE: places(rows.latlon[:1])[0], GALLERY: rows.key}]
    engine.upsert("late", np.arange(1), gallery.embeddings[:1], one)
    with pytest.raises(DataError, match="no index of gallery, place, side_m"):
        push(rows, engine, "late")


def test_a_killed_creation_goes_on(gallery, tmp_path, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(Edge, "index_fields", lambda self, collection: None)
        Edge.at(tmp_path).create("begun", 32)
    assert push(placed_rows(gallery), Edge.at(tmp_path), "begun") == NUM


def test_other_dimensions_are_refused(gallery, tmp_path):
    Edge.at(tmp_path).create("narrow", 8)
    engine = Edge.at(tmp_path)
    rows = replace(placed_rows(gallery), embed_dim=8)
    with pytest.raises(DataError):
        push(rows, engine, "narrow")
    with pytest.raises(DataError, match="8 dimensions, wanted 32"):
        push(placed_rows(gallery), engine, "narrow")


def test_what_is_not_finite_is_not_sent(gallery, tmp_path):
    embeddings = gallery.embeddings.copy()
    embeddings[1700, 3] = np.inf
    rows = replace(placed_rows(gallery), embeddings=InMemory(embeddings))
    with pytest.raises(DataError, match="row 1700 is not finite"):
        push(rows, Edge.at(tmp_path), "x")


def test_a_folder_serves_one_process(gallery, tmp_path):
    pushed(gallery, tmp_path)
    index = open_index(gallery, f"qdrant?url={tmp_path}")
    call = [sys.executable, "-m", "georet", "gallery", "push", gallery.path, "--to", tmp_path]
    second = subprocess.run(call, capture_output=True, text=True, check=False)
    assert second.returncode == 3
    assert "another process has it open" in second.stderr
    assert index.search(gallery.embeddings[:1], 1)[1].tolist() == [[0]]


def test_galleries_that_were_joined_are_one_collection(gallery, make_gallery, tmp_path):
    other = make_gallery(tmp_path / "other.gallery", seed=5, num=60, prefix="other")
    join_galleries([gallery, other], tmp_path / "all.atlas")
    atlas = Gallery.open(tmp_path / "all.atlas")
    pushed(atlas, tmp_path / "to")
    index = open_index(atlas, f"qdrant?url={tmp_path / 'to'}")
    found = index.search(other.embeddings, 1)[1][:, 0]
    assert np.array_equal(found, np.arange(NUM, NUM + 60))


def test_without_shards_the_servers_scores_rank_and_that_is_said(gallery, tmp_path, capsys):
    pushed(gallery, tmp_path / "to")
    bare = shutil.copytree(gallery.path, tmp_path / "bare.gallery")
    for shard in bare.rglob("part-*"):
        shard.unlink()
    photos = [np.random.default_rng(n).integers(0, 255, (48, 48, 3), np.uint8) for n in range(3)]
    asked = {"index": f"qdrant?url={tmp_path / 'to'}"}
    whole = Locator(gallery, PixelSession(), **asked).locate(photos, region=REGION)
    capsys.readouterr()
    light = Locator(Gallery.open(bare), PixelSession(), **asked).locate(photos, region=REGION)
    assert "has no shards here: the server's scores rank its tiles" in capsys.readouterr().err
    for one, other in zip(whole, light, strict=True):
        assert [c.id for c in one.candidates] == [c.id for c in other.candidates]
        scores = [[c.score for c in found.candidates] for found in (one, other)]
        assert np.allclose(*scores, atol=1e-6)
        assert np.allclose(one.latlon, other.latlon, atol=1e-6)
    with pytest.raises(IntegrityError, match=r"part-00000\.parquet: is missing"):
        Locator(Gallery.open(bare), PixelSession()).locate(photos)


def test_points_that_others_add_meanwhile_are_passed_by(gallery, tmp_path):
    pushed(gallery, tmp_path)
    rows = placed_rows(gallery)
    index = open_index(gallery, f"qdrant?url={tmp_path}")
    wanted = index.search(gallery.embeddings[:5], 3)[1]
    foreign = np.arange(NUM, NUM + 20)
    payloads = [{PLACE: place} for place in places(rows.latlon[:20])]
    near = np.repeat(gallery.embeddings[:5], 4, axis=0)
    Edge.at(tmp_path).upsert(collection_of(rows), foreign, near, payloads)
    assert np.array_equal(index.search(gallery.embeddings[:5], 3)[1], wanted)
    with pytest.raises(DataError, match="holds 20 points of something else"):
        open_index(gallery, f"qdrant?url={tmp_path}")


def test_what_is_handed_on_does_not_name_the_server(gallery, tmp_path):
    pushed(gallery, tmp_path)
    locator = Locator(gallery, PixelSession(), index=f"qdrant?url={tmp_path}")
    assert locator.index_name == "qdrant"


def test_bench_measures_a_server_when_it_is_named(gallery, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "georet.commands.benching.bench_queries",
        lambda *_, **__: (gallery.embeddings[:9], "its own"),
    )
    pushed(gallery, tmp_path)
    named = f"qdrant?url={tmp_path}"
    capsys.readouterr()
    assert run(["gallery", "bench", str(gallery.path), "--index", named, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (measured,) = [one for one in found["indexes"] if one["name"] == named]
    assert measured["recall"] == 1.0
    assert "ranked by the gallery's own embeddings" in measured["note"]
    assert run(["gallery", "bench", str(gallery.path), "--json"]) == 0
    assert "qdrant" not in capsys.readouterr().out
