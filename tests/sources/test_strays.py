"""What lies in folders beside the tiles: counted and named once; and folders of several rasters."""

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from georet.errors import UsageError
from georet.sources.opening import open_source
from georet.tiles.remarks import remarks_of
from georet.tiles.tiling import Tiling

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


def png(seed=0, px=32):
    image = np.random.default_rng(seed).integers(0, 255, (px, px, 3), dtype=np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def grid(root, **files):
    folder = root / "5" / "16"
    folder.mkdir(parents=True)
    for name, content in {"10.png": png(), **files}.items():
        (folder / name).write_bytes(content)
    return root


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("readme.txt", b"x", "1 file left out, since their names tell no tile's place"),
        ("Thumbs.db", b"x", "names tell no tile's place"),
        ("011.png", png(), "names tell no tile's place"),
        ("11.gif", b"GIF89a", "names tell no tile's place"),
        ("10.webp", png(), "another file is the same tile"),
        ("10@2x.png", png(), "another file is the same tile"),
        ("11.png", b"", "1 file of 0 bytes"),
        ("11.png", LFS, "git lfs pull"),
    ],
)
def test_files_that_are_no_tiles_are_told_once(tmp_path, name, content, said):
    root = grid(tmp_path, **{name: content})
    lines = remarks_of(open_source(f"{root}?scheme=xyz", Tiling()))
    assert len(lines) == 1
    assert said in lines[0]
    assert f"5/16/{name}" in lines[0]


def test_many_files_that_are_no_tiles_are_counted(tmp_path):
    root = grid(tmp_path, **{f"note-{number:03d}.txt": b"x" for number in range(120)})
    (line,) = remarks_of(open_source(f"{root}?scheme=xyz", Tiling()))
    assert "120 files left out" in line
    assert line.endswith("5/16/note-000.txt, 5/16/note-001.txt, 5/16/note-002.txt, ...")


@pytest.mark.parametrize("name", ["10@2x.png", "10@3x.png", "10@4x.png"])
def test_tiles_for_finer_screens_are_the_same_ground(tmp_path, name):
    folder = tmp_path / "fine" / "5" / "16"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(png(px=512))
    fine = open_source(tmp_path / "fine", Tiling())
    plain = open_source(grid(tmp_path / "plain"), Tiling())
    assert fine.tiles().ids == plain.tiles().ids
    assert np.array_equal(fine.tiles().corners_latlon, plain.tiles().corners_latlon)
    assert fine.read(0).shape == (512, 512, 3)
    assert len(open_source(tmp_path / "fine", Tiling(side_m=(300_000.0,))).tiles()) > 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("overview.png", png(), "names tell no tile's place"),
        ("s_47.0_8.1.png", b"", "1 file of 0 bytes"),
        ("s_47.0_8.1.png", LFS, "git lfs pull"),
    ],
)
def test_named_images_tell_what_was_left_out(tmp_path, name, content, said):
    (tmp_path / "s_47.0_8.0.png").write_bytes(png())
    (tmp_path / name).write_bytes(content)
    (line,) = remarks_of(open_source(tmp_path, Tiling()))
    assert said in line
    assert name in line


@pytest.mark.parametrize(("content", "said"), [(b"", "1 file of 0 bytes"), (LFS, "git lfs pull")])
def test_files_of_tiles_csv_without_a_picture_are_told(tmp_path, content, said):
    (tmp_path / "a.png").write_bytes(content)
    (tmp_path / "tiles.csv").write_text("file,lat,lon,side_m\na.png,45,5,500\n")
    (line,) = remarks_of(open_source(tmp_path, Tiling()))
    assert said in line


def sheet(path, east=0, north=0, epsg=32632, seed=0):
    form = {"driver": "GTiff", "count": 3, "height": 100, "width": 200, "dtype": "uint8"}
    place = from_origin(500_000 + east, 5_200_000 + north, 5, 5)
    with rasterio.open(
        path, "w", **form, crs=f"EPSG:{epsg}", transform=place, photometric="RGB"
    ) as raster:
        image = np.random.default_rng(seed).integers(1, 255, (3, 100, 200), dtype=np.uint8)
        raster.write(image)
    return path


def test_a_folder_of_rasters_is_cut_sheet_by_sheet(tmp_path):
    paths = [sheet(tmp_path / f"{n}.tif", east=1000 * i, seed=i) for i, n in enumerate("ab")]
    tiling = Tiling(side_m=(250.0,))
    source = open_source(tmp_path, tiling)
    singles = [open_source(path, tiling) for path in paths]
    pairs = zip("ab", singles, strict=True)
    ids = [f"{stem}/{name}" for stem, single in pairs for name in single.tiles().ids]
    assert source.tiles().ids == ids
    half = len(singles[0].tiles())
    assert np.array_equal(source.read(half - 1), singles[0].read(half - 1))
    assert np.array_equal(source.read(half), singles[1].read(0))
    assert list(source.describe()["sheets"]) == ["a", "b"]


def test_sheets_may_lie_in_several_zones(tmp_path):
    sheet(tmp_path / "a.tif")
    sheet(tmp_path / "b.tif", epsg=32633)
    table = open_source(tmp_path, Tiling(side_m=(250.0,))).tiles()
    assert table.latlon[:, 1].max() - table.latlon[:, 1].min() > 5


def test_a_sheet_without_tiles_is_told(tmp_path):
    sheet(tmp_path / "a.tif")
    with rasterio.open(sheet(tmp_path / "b.tif", east=1000), "r+") as raster:
        raster.nodata = 0
        raster.write(np.zeros((3, 100, 200), np.uint8))
    source = open_source(tmp_path, Tiling(side_m=(250.0,)))
    assert all(name.startswith("a/") for name in source.tiles().ids)
    assert any("b.tif: no tile of it is used" in line for line in remarks_of(source))


def test_a_folder_of_rasters_is_not_warped(tmp_path):
    sheet(tmp_path / "a.tif")
    with pytest.raises(UsageError, match="cut by --side") as caught:
        open_source(tmp_path, Tiling(zoom=15))
    assert "gdalbuildvrt" in caught.value.hint
