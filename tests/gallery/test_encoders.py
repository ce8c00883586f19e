"""A gallery, which may come from anybody, does not choose what is executed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.facade import Gallery
from georet.sessions import SessionSpec
from georet.testing.pixel_session import PixelSession
from georet.tiles.table import TileTable

OPENED = []


@pytest.fixture(autouse=True)
def _nothing_opens(monkeypatch):
    """Record what would have been opened; nothing of an artefact is executed."""
    OPENED.clear()

    def opened(self):
        OPENED.append(self)
        return PixelSession(view=self.view)

    monkeypatch.setattr(SessionSpec, "open", opened)


@pytest.fixture
def gallery_of(tmp_path):
    """Make a gallery of three tiles that says its encoder is at ``source``."""

    class Named(SessionSpec):
        def as_json(self):
            return {"source": str(self.source), "checkpoint": "last"}

    def made(source):
        identity = PixelSession(view="reference").identity
        latlon = np.array([[47.0, 8.0], [47.1, 8.0], [47.2, 8.0]])
        corners = latlon[:, None] + 0.01 * np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]])
        return Gallery.from_arrays(
            tmp_path / "g",
            TileTable(["a", "b", "c"], latlon, corners, np.full(3, 500.0)),
            np.eye(3, identity.embed_dim, dtype=np.float32),
            identity,
            encoder_source=Named(source),
        )

    return made


def artefact(folder, form, **identity):
    folder.mkdir()
    known = {**PixelSession().identity.as_json(), **identity}
    (folder / "artefact.json").write_text(
        json.dumps({"format": form, "identity": {"query": known}})
    )
    return folder


@pytest.mark.parametrize("form", ["tensorrt", "tensorrt_rtx", "something_new"])
def test_a_gallery_does_not_choose_an_engine(form, gallery_of, tmp_path):
    folder = artefact(tmp_path / "engine", form)
    gallery = gallery_of(folder)
    with pytest.raises(UsageError, match=f"--encoder {folder}"):
        gallery.session()
    assert not OPENED
    gallery.session(source=folder)
    assert [spec.source for spec in OPENED] == [folder]


@pytest.mark.parametrize("form", ["onnx", "openvino"])
def test_a_gallery_is_followed_to_an_artefact_of_its_weights_only(form, gallery_of, tmp_path):
    gallery = gallery_of(folder := artefact(tmp_path / "export", form))
    gallery.session()
    assert [spec.source for spec in OPENED] == [folder]
    OPENED.clear()
    (folder / "artefact.json").unlink()
    folder.rmdir()
    artefact(folder, form, weights_sha256="f" * 64)
    with pytest.raises(UsageError, match="f" * 16):
        gallery.session()
    assert not OPENED


def test_an_artefact_in_a_folder_of_views_is_held_to_the_same(gallery_of, tmp_path):
    (tmp_path / "both").mkdir()
    artefact(tmp_path / "both" / "query", "tensorrt")
    with pytest.raises(UsageError, match="is code"):
        gallery_of(tmp_path / "both").session()


def test_a_relative_path_is_not_followed(gallery_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    artefact(tmp_path / "here", "onnx")
    with pytest.raises(DataError, match="no absolute path"):
        gallery_of("here").session()
    assert not OPENED


def test_the_weights_of_a_run_are_compared_before_it_is_built(gallery_of, tmp_path):
    (tmp_path / "run").mkdir()
    gallery = gallery_of(tmp_path / "run")
    gallery.session()
    assert OPENED[0].weights_sha256 == gallery.encoder.weights_sha256
