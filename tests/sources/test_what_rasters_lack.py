"""Pixels without data, bands, and samples: what a raster doesn't say, or says wrongly."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from georet.errors import UsageError
from georet.sources.opening import open_source
from georet.tiles.remarks import one_colour_remark, remarks_of
from georet.tiles.tiling import Tiling

SIZE, SIDE_M = 200, 100.0
"""Pixels a side, and the side of a tile: 20 pixels of 5 m."""

NAN = float("nan")


def ground(dtype="uint8", high=250, count=3):
    """Return samples [C, h, w] that rise to the east in the first band, to the south in others."""
    across = np.linspace(10, high, SIZE)
    east, south = np.meshgrid(across, across)
    return np.stack([east, south, south[::-1], east[:, ::-1]][:count]).astype(dtype)


def write(path, samples, *, colours=None, names=None, **profile):
    count, height, width = samples.shape
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_200_000, 5, 5)}
    form = {"driver": "GTiff", "count": count, "height": height, "width": width}
    # GDAL tags three or four bands of bytes as red, green and blue unless told otherwise.
    form["photometric"] = "RGB" if colours else "MINISBLACK"
    with rasterio.open(path, "w", **form, dtype=samples.dtype, **{**place, **profile}) as raster:
        if colours:
            raster.colorinterp = [ColorInterp[colour] for colour in colours]
        raster.write(samples)
        for number, name in enumerate(names or (), start=1):
            raster.set_band_description(number, name)
    return path


def is_west(source):
    """Return which tiles have their centre in the western half."""
    middle = 9 + np.degrees(SIZE / 2 * 5 / 6_378_137 / np.cos(np.radians(46.95)))
    return source.tiles().latlon[:, 1] < middle - 1e-5


def pictures(source):
    return [(name, source.read(row)) for row, name in enumerate(source.tiles().ids)]


def emptied(value, dtype="uint8", **form):
    samples = ground(dtype, **form)
    samples[:, :, : SIZE // 2] = value
    return samples


@pytest.mark.parametrize(
    ("value", "dtype", "tiling"),
    [
        (NAN, "float32", {}),
        (NAN, "float64", {}),
        (np.inf, "float32", {}),
        (45, "uint8", {"nodata": 45.0}),
        (0, "uint16", {"nodata": 0.0}),
        (-9999, "int16", {"nodata": -9999.0}),
        (-9999, "float32", {"nodata": -9999.0}),
    ],
)
@pytest.mark.parametrize("cut", [{"side_m": (SIDE_M,)}, {"zoom": 17, "max_nodata": 0.3}])
def test_tiles_without_data_are_left_out(tmp_path, value, dtype, tiling, cut):
    path = write(tmp_path / "a.tif", emptied(value, dtype))
    source = open_source(path, Tiling(**cut, **tiling))
    assert len(source.tiles()) > 5
    assert not is_west(source).any()
    assert not any("no data, add" in line for line in remarks_of(source))


@pytest.mark.parametrize("band", [0, 1, 2])
@pytest.mark.parametrize("cut", [{"side_m": (SIDE_M,)}, {"zoom": 17, "max_nodata": 0.3}])
def test_what_is_no_number_in_one_band_has_no_colour(tmp_path, band, cut):
    samples = ground("float32")
    samples[band, :, : SIZE // 2] = NAN
    source = open_source(write(tmp_path / "a.tif", samples), Tiling(**cut))
    assert len(source.tiles()) > 5
    assert not is_west(source).any()


@pytest.mark.parametrize(("value", "dtype"), [(45, "uint8"), (0, "uint16"), (-9999, "float32")])
def test_a_value_that_looks_like_filling_is_told_with_what_to_type(tmp_path, value, dtype):
    source = open_source(write(tmp_path / "a.tif", emptied(value, dtype)), Tiling(side_m=(SIDE_M,)))
    (said,) = [line for line in remarks_of(source) if "no data" in line]
    assert f"50 % of the pixels with data are exactly {value} in all bands" in said
    assert f"--nodata {value}" in said
    assert "one and the same colour" in one_colour_remark(pictures(source), "a.tif")


def test_filling_does_not_spoil_the_contrast_of_the_rest(tmp_path):
    full = write(tmp_path / "full.tif", ground("uint16", high=3000)[:, :, SIZE // 2 :])
    filled = write(tmp_path / "filled.tif", emptied(0, "uint16", high=3000))
    limits = [
        open_source(path, Tiling(side_m=(SIDE_M,))).describe()["scaled_from"]
        for path in (full, filled)
    ]
    assert limits[0] == pytest.approx(limits[1])


def test_the_whole_ground_has_no_remark_on_colours(tmp_path):
    path = write(tmp_path / "a.tif", ground(), colours=("red", "green", "blue"))
    source = open_source(path, Tiling(side_m=(SIDE_M,)))
    assert remarks_of(source) == []
    assert one_colour_remark(pictures(source), "a.tif") is None


@pytest.mark.parametrize("cut", [{"side_m": (80.0,)}, {"zoom": 18, "max_nodata": 0.3}])
def test_blocks_that_were_never_written_are_without_data(tmp_path, cut):
    path = tmp_path / "a.tif"
    form = {"driver": "GTiff", "count": 3, "height": 256, "width": 256, "dtype": "uint8"}
    blocks = {"tiled": True, "blockxsize": 16, "blockysize": 16, "SPARSE_OK": True}
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_200_000, 5, 5)}
    with rasterio.open(path, "w", **form, **blocks, **place) as raster:
        part = np.random.default_rng(0).integers(1, 255, (3, 256, 128), dtype=np.uint8)
        raster.write(part, window=((0, 256), (128, 256)))
    source = open_source(path, Tiling(**cut))
    east = 9 + np.degrees(128 * 5 / 6_378_137 / np.cos(np.radians(46.95)))
    assert len(source.tiles()) > 20
    assert source.tiles().latlon[:, 1].min() > east - 2e-4
    assert any("50 % of its blocks were never written" in line for line in remarks_of(source))


def test_infrared_tagged_as_alpha_is_no_mask(tmp_path):
    samples = ground(count=4)
    samples[3, :, : SIZE // 4] = 0
    colours = ("red", "green", "blue", "alpha")
    path = write(tmp_path / "a.tif", samples, colours=colours)
    source = open_source(path, Tiling(side_m=(SIDE_M,)))
    assert len(source.tiles()) == 121
    assert any("tagged as alpha, but holds a picture" in line for line in remarks_of(source))
    masked = open_source(path, Tiling(side_m=(SIDE_M,), bands=(1, 2, 3, 4)))
    assert len(masked.tiles()) < 100


def test_a_true_alpha_band_stays_a_mask(tmp_path):
    samples = ground(count=4)
    samples[3] = 255
    samples[3, :, : SIZE // 2] = 0
    path = write(tmp_path / "a.tif", samples, colours=("red", "green", "blue", "alpha"))
    source = open_source(path, Tiling(side_m=(SIDE_M,)))
    assert not is_west(source).any()
    assert remarks_of(source) == []
    both = open_source(path, Tiling(side_m=(SIDE_M,), nodata=0.0))
    assert both.tiles().ids == source.tiles().ids


@pytest.mark.parametrize("zoom", [None, 17])
def test_bands_are_taken_in_the_order_that_is_asked_for(tmp_path, zoom):
    samples = ground()
    right = write(tmp_path / "rgb.tif", samples, colours=("red", "green", "blue"))
    swapped = write(tmp_path / "bgr.tif", samples[::-1].copy())
    tiling = {"side_m": () if zoom else (SIDE_M,), "zoom": zoom}
    wanted = open_source(right, Tiling(**tiling))
    found = open_source(swapped, Tiling(**tiling, bands=(3, 2, 1)))
    assert np.array_equal(wanted.read(5), found.read(5))
    assert remarks_of(found) == []
    (said,) = remarks_of(open_source(swapped, Tiling(**tiling)))
    assert "--bands 3,2,1" in said
    assert found.describe()["tiling"]["bands"] == [3, 2, 1]


@pytest.mark.parametrize(
    "names", [("Blue", "Green", "Red", "NIR"), ("B02", "B03", "B04", "B08"), ("b", "g", "r", "x")]
)
def test_names_of_bands_tell_their_colours(tmp_path, names):
    samples = ground(count=4)
    path = write(tmp_path / "a.tif", samples, names=names)
    source = open_source(path, Tiling(side_m=(SIDE_M,)))
    assert source.describe()["bands"] == [3, 2, 1]
    assert remarks_of(source) == []


def test_options_of_a_raster_stand_in_its_name_as_well(tmp_path):
    path = write(tmp_path / "a.tif", emptied(45))
    named = open_source(f"{path}?nodata=45&bands=3,2,1", Tiling(side_m=(SIDE_M,)))
    plain = open_source(path, Tiling(side_m=(SIDE_M,), nodata=45.0, bands=(3, 2, 1)))
    assert named.describe() == plain.describe()
    with pytest.raises(UsageError, match="no option 'nodat'"):
        open_source(f"{path}?nodat=45", Tiling(side_m=(SIDE_M,)))


@pytest.mark.parametrize(
    ("tiling", "said"),
    [
        ({"bands": (1, 2, 9)}, "there is no band 9"),
        ({"nodata": 300.0}, "no pixel can have the value 300"),
        ({"nodata": 0.5}, "no pixel can have the value 0.5"),
    ],
)
def test_what_a_raster_cannot_have_is_refused(tmp_path, tiling, said):
    with pytest.raises(UsageError, match=said):
        open_source(write(tmp_path / "a.tif", ground()), Tiling(side_m=(SIDE_M,), **tiling))


@pytest.mark.parametrize("bands", [(0, 1, 2), (1, 1, 2), (1, 2, 3, 4, 5)])
def test_bands_that_make_no_sense_are_refused(bands):
    with pytest.raises(UsageError, match="--bands 3,2,1"):
        Tiling(bands=bands)


def test_settings_that_were_not_asked_for_leave_a_gallery_as_it_was_begun():
    assert set(Tiling().as_json()) == {"side_m", "overlap", "zoom", "max_nodata"}
    assert Tiling(nodata=0.0).as_json()["nodata"] == 0.0
