"""Opening an encoder: a run by torch, an artefact by the back end that says it can."""

from __future__ import annotations

import pickle
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from georet.commands.training import start_run
from georet.contracts.running import Session
from georet.data.images import read_image
from georet.encoder import weights_sha256
from georet.errors import DataError, UsageError
from georet.evaluate.embed import Embedder
from georet.facade import Gallery
from georet.identity import EncoderIdentity
from georet.locate import Locator
from georet.photos.photos import PhotoReader, embed_photos
from georet.plugins import Selection
from georet.run_layout import ARTEFACT, VOUCHED
from georet.sessions import SessionSpec
from georet.testing import PixelSession
from georet.train.checkpoint import load_checkpoint
from georet.train.run import reconfigure
from georet.train.saving import encoder_of
from georet.types import ImageTable

CONFIG = """
dataset: {name: tiny, root: replaced, num_places: 8, num_held_out: 4}
data: {size: {query: [24, 24], reference: [32, 32]}}
encoder: {backbone: "georet.testing.plugin:tiny"}
losses: ["sample4geo:info_nce"]
sampler: random
train: {epochs: 1, batch_size: 4}
"""
SELECTION = Selection(("sample4geo", "georet.testing.plugin"))
BACKEND = """
    from georet import Component, hookimpl
    from georet.testing import PixelSession


    class Backend:
        def refuses(self, artefact):
            return None if (artefact / "fits").exists() else "there is no file `fits`"

        def open(self, artefact, view, *, threads=None):
            return PixelSession(view=view)


    @hookimpl
    def georet_backends():
        yield Component("absent", Backend, requires=("no_such_module",))
        yield Component("pixels", Backend)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "tiny.yaml").write_text(
        CONFIG.replace('["sample4geo:info_nce"]', "[{name: info_nce}]")
    )
    return start_run(
        selection=SELECTION,
        recipe="none",
        path=folder / "tiny.yaml",
        overrides=[f"dataset.root={folder}/data"],
        out=folder / "run",
    )


@pytest.fixture
def artefact(tmp_path) -> Path:
    (tmp_path / "plugin.py").write_text(textwrap.dedent(BACKEND))
    folder = tmp_path / "artefact"
    folder.mkdir()
    (folder / ARTEFACT).write_text("{}")
    return folder


def spec_of(artefact: Path, **options) -> SessionSpec:
    plugin = str(artefact.parent / "plugin.py")
    return SessionSpec(artefact, selection=Selection((plugin,), ("export",)), **options)


def images(side: int, num: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, side, side, 3)).astype(np.uint8)


def test_a_run_embeds_what_its_encoder_embeds(run):
    session = SessionSpec(run, selection=SELECTION, threads=1).open()
    pixels = images(24)
    with torch.inference_mode():
        expected = session._encoder.embed("query", torch.from_numpy(pixels)).numpy()
    assert isinstance(session, Session)
    assert np.array_equal(session.embed(pixels), expected)
    assert np.allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-6)


def test_more_images_than_a_batch_are_embedded_in_order(run):
    session = SessionSpec(run, selection=SELECTION).open()
    pixels = images(24, 150)
    assert np.allclose(session.embed(pixels)[149], session.embed(pixels[149:])[0], atol=1e-6)
    assert session.embed(pixels[:0]).shape == (0, session.identity.embed_dim)


def test_on_a_cpu_few_images_pass_the_network_at_once(run, monkeypatch):
    session = SessionSpec(run, selection=SELECTION, threads=1).open()
    monkeypatch.setattr("georet.encoder.network._PIXELS", 24 * 24)
    seen: list[int] = []
    backbone = session._encoder.branch("query").backbone
    hook = backbone.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    pixels = images(24, 10)
    found = session.embed(pixels)
    hook.remove()
    assert seen == [4, 4, 2]
    alone = np.concatenate([session.embed(pixels[at : at + 1]) for at in range(10)])
    assert np.allclose(found, alone, atol=1e-6)


def test_both_views_of_a_run_are_comparable_and_another_run_is_not(run):
    query, reference = (
        SessionSpec(run, view=view, selection=SELECTION).open().identity
        for view in ("query", "reference")
    )
    assert (query.size, reference.size) == ((24, 24), (32, 32))
    assert query.is_comparable(reference)
    assert not query.is_comparable(replace(reference, weights_sha256="0" * 64))


def test_the_hash_of_the_weights_changes_with_any_weight():
    linear = torch.nn.Linear(3, 2)
    before = weights_sha256(linear)
    assert weights_sha256(linear) == before
    with torch.no_grad():
        linear.bias[1] += 1e-6
    assert weights_sha256(linear) != before


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 24, 24, 3), np.float32),
        np.zeros((2, 3, 24, 24), np.uint8),
        np.zeros((24, 24, 3), np.uint8),
    ],
)
def test_images_of_another_type_or_shape_are_refused(run, wrong):
    with pytest.raises(UsageError, match=r"wanted uint8\[B, 24, 24, 3\]"):
        SessionSpec(run, selection=SELECTION).open().embed(wrong)


def test_a_folder_that_is_neither_run_nor_artefact_is_named(tmp_path):
    with pytest.raises(DataError, match=f"{tmp_path}.*neither a run"):
        SessionSpec(tmp_path).open()


def test_a_run_is_executed_by_torch_alone(run):
    with pytest.raises(UsageError, match="georet export"):
        SessionSpec(run, selection=SELECTION, backend="onnxruntime").open()


def test_auto_takes_the_back_end_that_does_not_refuse(artefact):
    (artefact / "fits").touch()
    assert isinstance(spec_of(artefact, view="reference").open(), PixelSession)


def test_without_a_back_end_each_says_why(artefact):
    with pytest.raises(UsageError) as caught:
        spec_of(artefact).open()
    assert "plugin:absent: no_such_module is not installed" in str(caught.value)
    assert "plugin:pixels: there is no file `fits`" in str(caught.value)


def test_the_artefact_of_a_view_stands_in_its_folder(artefact):
    (artefact / "query").mkdir()
    (artefact / ARTEFACT).rename(artefact / "query" / ARTEFACT)
    (artefact / "query" / "fits").touch()
    assert spec_of(artefact).open().identity.view == "query"
    with pytest.raises(DataError, match="neither a run"):
        spec_of(artefact, view="reference").open()


def test_a_spec_passes_to_another_process(run):
    spec = SessionSpec(run, selection=SELECTION)
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_an_identity_survives_json_and_a_torn_one_is_named():
    identity = PixelSession().identity
    assert EncoderIdentity.from_json(identity.as_json(), where="here") == identity
    with pytest.raises(DataError, match="here: describes no encoder"):
        EncoderIdentity.from_json({"size": [1, 2]}, where="here")


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("resize", ["bilinear-exact", "bilinear-antialias"])
def test_a_runs_rule_of_resizing_reaches_sessions_galleries_and_photos(run, tmp_path, resize, fast):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    values = yaml.safe_load((copy / "config.yaml").read_text())
    (copy / VOUCHED).unlink()  # the configuration is changed on purpose
    values["data"] |= {"resize": resize, "fast": fast}
    (copy / "config.yaml").write_text(yaml.safe_dump(values))
    reference = SessionSpec(copy, view="reference", selection=SELECTION)
    session = reference.open()
    rule = session.identity.resize_rule
    assert rule == resize + "-fast" * fast
    pixels = np.random.default_rng(0).integers(0, 256, (160, 160, 3)).astype(np.uint8)
    path = tmp_path / "tile.jpg"
    Image.fromarray(pixels).save(path, quality=95)
    (tmp_path / "tiles.csv").write_text("file,lat,lon,side_m\ntile.jpg,48,16,200\n")
    built = Gallery.build(tmp_path, reference, tmp_path / "g.gallery")
    assert built.encoder.resize_rule == rule
    tile = read_image(path, size=(32, 32), rule=rule)
    assert np.allclose(built.embeddings[0], session.embed(tile[None])[0], atol=1e-6)
    query = SessionSpec(copy, selection=SELECTION).open()
    read = PhotoReader(query.identity, 1).read([path])[path]
    assert np.array_equal(read, read_image(path, size=(24, 24), rule=rule))
    score = Locator(built, query).locate([path])[0].candidates[0].score
    assert score == pytest.approx(float(query.embed(read[None])[0] @ built.embeddings[0]), abs=1e-5)


@pytest.mark.parametrize("source", ["tile.jpg", "tile.png"])
def test_a_fast_run_is_located_with_the_embeddings_that_its_evaluation_has(run, tmp_path, source):
    copy, path = tmp_path / "run", tmp_path / source
    shutil.copytree(run, copy)
    values = yaml.safe_load((copy / "config.yaml").read_text())
    (copy / VOUCHED).unlink()
    values["data"]["fast"] = True
    (copy / "config.yaml").write_text(yaml.safe_dump(values))
    pixels = np.random.default_rng(1).integers(0, 256, (50, 70, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    (tmp_path / "tiles.csv").write_text(f"file,lat,lon,side_m\n{source},48,16,200\n")
    config, loaded = reconfigure(copy / "config.yaml", selection=SELECTION)
    encoder = encoder_of(load_checkpoint(copy, "last"), config, loaded, copy)
    evaluated = Embedder(encoder, config.data, batch_size=4)
    table = ImageTable(["x"], [path], None, {}, "x")
    spec = SessionSpec(copy, view="reference", selection=SELECTION)
    for workers in (0, 1):
        built = Gallery.build(tmp_path, spec, tmp_path / f"{workers}.gallery", workers=workers)
        wanted = evaluated.table("reference", table)
        assert np.abs(built.embeddings - wanted).max() < 1e-6
    photo = embed_photos([path], SessionSpec(copy, selection=SELECTION).open())
    assert np.abs(photo - evaluated.table("query", table)).max() < 1e-6


def test_an_old_run_without_the_key_means_the_first_rule(run, tmp_path, monkeypatch):
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    values = yaml.safe_load((copy / "config.yaml").read_text())
    (copy / VOUCHED).unlink()
    del values["data"]["resize"]
    (copy / "config.yaml").write_text(yaml.safe_dump(values))
    assert SessionSpec(copy, selection=SELECTION).open().identity.resize_rule == "bilinear-exact"


def test_weights_other_than_expected_are_refused_before_anything_is_built(run, monkeypatch):
    monkeypatch.setattr("georet.train.setup.make_encoder", lambda *_: pytest.fail("was built"))
    spec = SessionSpec(run, selection=SELECTION, weights_sha256="f" * 64)
    with pytest.raises(UsageError, match="f" * 16):
        spec.open()
