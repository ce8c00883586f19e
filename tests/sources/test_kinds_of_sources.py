"""Sources are components: a plugin's opens what it matches, and says whose fault it is."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from georet.errors import ComponentError, ConfigError, DataError, UsageError
from georet.plugins import Selection, load_plugins
from georet.sources.opening import named_source, open_source
from georet.testing import check_source
from georet.tiles.tiling import Tiling

BOARD = """
import numpy as np
from georet import Component, hookimpl
from georet.errors import DataError
from georet.tiles.table import TileTable


class Tiles:
    def __init__(self, value, spoilt):
        self.value, self.spoilt = value, spoilt

    def tiles(self):
        centre = np.array([[47.0, 8.0], [47.0, 8.01]])
        corners = centre[:, None] + 0.001 * np.array([(1, -1), (1, 1), (-1, 1), (-1, -1)])
        return TileTable(["a", "b"], centre, corners, np.full(2, 200.0))

    def read(self, row):
        if self.spoilt == "raises":
            raise KeyError("lost")
        if self.spoilt == "torn":
            raise DataError("is torn", where="tile b")
        shape = (8, 8) if self.spoilt == "grey" else (8, 8, 3)
        return np.full(shape, self.value + row, np.uint8)

    def describe(self):
        return {"kind": "board", "value": self.value}


class Board:
    def __init__(self, value: int = 5, spoilt: str = "") -> None:
        self.value, self.spoilt = value, spoilt

    @staticmethod
    def matches(text):
        return text.endswith(SUFFIX)

    def open(self, text, tiling):
        return None if self.spoilt == "nothing" else Tiles(self.value, self.spoilt)


SUFFIX = ".board"


@hookimpl
def georet_sources():
    yield Component("board", Board, summary="Two flat tiles")
"""


@pytest.fixture
def board(tmp_path):
    path = tmp_path / "boards.py"
    path.write_text(BOARD)
    return Selection.of([str(path)])


@pytest.mark.parametrize("named", ["x.board", "board:anything", "boards:board:anything"])
def test_a_source_of_a_plugin_is_found_by_what_it_matches_or_by_its_name(board, named):
    source = open_source(named, Tiling(), selection=board)
    assert source.tiles().ids == ["a", "b"]
    assert source.read(1).tolist() == np.full((8, 8, 3), 6).tolist()
    assert source.describe()["opened_by"] == "boards:board"
    other = open_source(f"{named}?value=9", Tiling(), selection=board)
    assert other.read(0)[0, 0, 0] == 9
    assert other.describe() != source.describe()


def test_without_the_plugin_there_is_no_such_source(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        open_source("x.board", Tiling())
    with pytest.raises(DataError, match="no such source") as caught:
        open_source("rastre:area.tif", Tiling())
    assert "did you mean 'raster'" in str(caught.value)


def test_options_of_a_source_are_checked(board):
    with pytest.raises(UsageError, match="no option 'valu'") as caught:
        open_source("x.board?valu=3", Tiling(), selection=board)
    assert "value" in str(caught.value)
    with pytest.raises(ConfigError, match="value"):
        open_source("x.board?value=much", Tiling(), selection=board)


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [("nothing", "returned a NoneType"), ("grey", r"returned uint8\[8, 8\]"), ("raises", "lost")],
)
def test_what_a_source_does_wrong_is_told_with_its_plugin(board, spoilt, said):
    with pytest.raises(ComponentError, match=said) as caught:
        open_source(f"x.board?spoilt={spoilt}", Tiling(), selection=board).read(1)
    assert "sources 'boards:board' of plugin 'boards' (boards.py sha256:" in str(caught.value)


def test_a_tile_that_cannot_be_read_stays_a_fault_of_the_data(board):
    with pytest.raises(DataError, match="is torn") as caught:
        open_source("x.board?spoilt=torn", Tiling(), selection=board).read(1)
    assert "boards:board" in str(caught.value)


def test_two_plugins_that_match_are_named_and_the_user_chooses(tmp_path, board):
    other = tmp_path / "mine.py"
    other.write_text(BOARD.replace('SUFFIX = ".board"', 'SUFFIX = ".tif"'))
    both = Selection.of([*board.plugins, str(other)])
    (tmp_path / "area.tif").write_bytes(b"II*\0")
    with pytest.raises(UsageError, match="'core:raster' of plugin 'core'") as caught:
        open_source(tmp_path / "area.tif", Tiling(), selection=both)
    assert "mine:board" in str(caught.value)
    assert "--source" in str(caught.value)
    text = named_source(str(tmp_path / "area.tif"), "mine:board", selection=both)
    assert open_source(text, Tiling(), selection=both).tiles().ids == ["a", "b"]
    with pytest.raises(ComponentError, match="board"):
        named_source("x", "bord", selection=both)
    with pytest.raises(ComponentError, match="brought by"):
        named_source("x", "board", selection=both)


def test_a_source_of_a_plugin_in_a_file_is_carried_to_another_process(tmp_path, board):
    sent = tmp_path / "sent"
    sent.write_bytes(pickle.dumps(open_source("x.board?value=7", Tiling(), selection=board)))
    code = f"import pickle; print(pickle.load(open({str(sent)!r}, 'rb')).read(0)[0, 0, 0])"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said == "7\n"


def test_the_source_of_the_example_keeps_the_contract(board):
    catalog = load_plugins(board).catalog
    check_source(lambda: catalog.create("sources", "board"), "x.board")


def test_georets_own_sources_keep_the_contract(tmp_path):
    import cv2

    catalog = load_plugins(["none"]).catalog
    (tmp_path / "9" / "268").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "9" / "268" / "180.png"), np.full((32, 32, 3), 90, np.uint8))
    check_source(lambda: catalog.create("sources", "xyz"), str(tmp_path))
