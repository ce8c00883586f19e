"""GeoTIFFs: bands, missing data, overviews, Web Mercator tiles, and what is refused."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import from_origin

from georet.errors import DataError, UsageError
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling

AFFINE = from_origin(5e5, 5.3e6, 0.5, 0.5)


SIDE_M = 100.0


def write(path, pixels, *, crs="EPSG:32632", affine=AFFINE, colours=None, masks=None, **more):
    num, height, width = pixels.shape
    profile = {"driver": "GTiff", "count": num, "height": height, "width": width}
    with rasterio.open(
        path, "w", dtype=pixels.dtype, crs=crs, transform=affine, **profile, **more
    ) as raster:
        raster.write(pixels)
        if colours:
            raster.colorinterp = [ColorInterp[name] for name in colours]
        if masks is not None:
            raster.write_mask(masks)
    return path


def noise(num=3, height=400, width=600, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).integers(1, 255, (num, height, width)).astype(dtype)


def cut(path, *side_m, **more):
    return open_source(path, Tiling(side_m=side_m or (SIDE_M,), **more))


def test_one_band_is_grey(tmp_path):
    pixels = noise(1)
    tile = cut(write(tmp_path / "a.tif", pixels)).read(0)
    assert np.array_equal(tile, np.repeat(pixels[0, :200, :200, None], 3, axis=2))


def test_alpha_is_missing_data_and_no_colour(tmp_path):
    pixels = noise(4)
    pixels[3] = 255
    pixels[3, :200, :150] = 0
    path = write(tmp_path / "a.tif", pixels, colours=["red", "green", "blue", "alpha"])
    tile = cut(path, max_nodata=0.8).read(0)
    assert not tile[:, :150].any()
    assert np.array_equal(tile[:, 150:], np.moveaxis(pixels[:3, :200, 150:200], 0, -1))
    assert "100m/0/0" not in cut(path).tiles().ids


def test_bands_are_found_by_their_colours(tmp_path):
    pixels = noise(4)
    colours = ["blue", "green", "red", "undefined"]
    tile = cut(write(tmp_path / "a.tif", pixels, colours=colours)).read(0)
    assert np.array_equal(tile, np.moveaxis(pixels[[2, 1, 0], :200, :200], 0, -1))


def test_a_palette_becomes_colours(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 3, (1, 400, 600), dtype=np.uint8)
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=400, width=600, dtype="uint8",
        crs="EPSG:32632", transform=AFFINE, photometric="palette",
    ) as raster:  # fmt: skip
        raster.write(pixels)
        raster.write_colormap(1, {0: (9, 8, 7), 1: (200, 0, 0), 2: (0, 0, 255)})
    palette = np.array([(9, 8, 7), (200, 0, 0), (0, 0, 255)], np.uint8)
    assert np.array_equal(cut(path).read(0), palette[pixels[0, :200, :200]])


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_samples_of_more_than_8_bits_are_stretched_between_percentiles(tmp_path, dtype):
    pixels = (noise(3) * 40).astype(dtype)
    path = write(tmp_path / "a.tif", pixels)
    source = cut(path)
    tile = source.read(0).astype(float)
    low, high = source.describe()["scaled_from"]
    assert low == pytest.approx(np.percentile(pixels, 2), rel=0.05, abs=40)
    assert high == pytest.approx(np.percentile(pixels, 98), rel=0.05)
    wanted = np.clip((np.moveaxis(pixels[:, :200, :200], 0, -1) - low) / (high - low), 0, 1) * 255
    assert np.abs(tile - wanted).max() <= 0.51


def test_tiles_without_enough_data_are_left_out(tmp_path):
    pixels = noise(3)
    pixels[:, 200:, :] = 0
    pixels[:, :120, :200] = 0
    path = write(tmp_path / "a.tif", pixels, nodata=0)
    assert cut(path, max_nodata=0.5).tiles().ids == ["100m/0/1", "100m/0/2"]
    assert cut(path, max_nodata=0.7).tiles().ids == ["100m/0/0", "100m/0/1", "100m/0/2"]
    assert len(cut(path, max_nodata=1.0).tiles()) == 6


def test_a_mask_beside_the_bands_counts_as_missing_data(tmp_path):
    mask = np.full((400, 600), 255, np.uint8)
    mask[:200, :200] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = write(tmp_path / "a.tif", noise(3), masks=mask)
    ids = cut(path).tiles().ids
    assert len(ids) == 5
    assert "100m/0/0" not in ids


def test_nothing_but_missing_data_is_an_error(tmp_path):
    path = write(tmp_path / "a.tif", noise(3) * 0, nodata=0)
    with pytest.raises(DataError, match="no tile is left"):
        cut(path).tiles()


def test_large_tiles_are_read_from_overviews_at_1024_pixels(tmp_path):
    # An overview that differs from the raster shows that it was used.
    pixels = np.full((3, 2100, 2100), 50, np.uint8)
    path = write(tmp_path / "a.tif", pixels, tiled=True)
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2], Resampling.nearest)
    with rasterio.open(path, "r+", OVERVIEW_LEVEL=0) as overview:
        overview.write(np.full((3, 1050, 1050), 99, np.uint8))
    tile = cut(path, 1040.0).read(0)
    assert tile.shape == (1024, 1024, 3)
    assert (tile == 99).all()
    assert (cut(path, 200.0).read(0) == 50).all()


def test_reduced_tiles_show_the_mean_of_their_pixels(tmp_path):
    pixels = np.zeros((3, 2200, 2200), np.uint8)
    pixels[:, ::2] = 200
    tile = cut(write(tmp_path / "a.tif", pixels), 1090.0).read(0)
    assert abs(float(tile.mean()) - 100) < 2
    assert np.ptp(tile[100:900, 100:900].mean(axis=(1, 2))) < 60


def test_description_is_json_and_changes_with_the_file(tmp_path):
    import json

    path = write(tmp_path / "a.tif", noise(3))
    before = json.dumps(cut(path).describe())
    write(path, noise(3, seed=1))
    after = json.dumps(cut(path).describe())
    assert before != after
    assert json.loads(after)["crs"] == "EPSG:32632"
    assert json.loads(after)["tiling"]["side_m"] == [SIDE_M]


def test_what_is_no_raster_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    path.write_text("<VRTDataset rasterXSize='9' rasterYSize='9'></VRTDataset>")
    with pytest.raises(DataError, match="is no GeoTIFF") as caught:
        cut(path)
    assert "gdalinfo" in str(caught.value)
    with pytest.raises(DataError, match="no such file"):
        cut(tmp_path / "none.tif")


def test_another_format_under_the_name_of_a_tif_is_refused(tmp_path):
    # GDAL would open it; drivers such as VRT may name other files and addresses.
    inner = write(tmp_path / "a.tif", noise(3))
    path = tmp_path / "b.tif"
    with rasterio.open(inner) as raster, rasterio.vrt.WarpedVRT(raster) as warped:
        del warped
    path.write_text(
        '<VRTDataset rasterXSize="600" rasterYSize="400"><SRS>EPSG:32632</SRS>'
        "<GeoTransform>5e5,.5,0,5.3e6,0,-.5</GeoTransform>"
        '<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>'
        f"{inner}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    assert rasterio.open(path).width == 600
    with pytest.raises(DataError, match="is no GeoTIFF"):
        cut(path)


@pytest.mark.parametrize(
    ("crs", "affine", "said", "advice"),
    [
        (None, AFFINE, "coordinate system", "gdal_translate -a_srs"),
        ("EPSG:32632", None, "geotransform", "gdal_translate -a_ullr"),
        ('LOCAL_CS["site",UNIT["metre",1]]', AFFINE, "neither projected", "gdal_translate -a_srs"),
        ("EPSG:4326", from_origin(5e5, 5.3e6, 1, 1), "no pixel of it lies on Earth", "gdalinfo"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_raster_that_is_not_placed_says_what_to_type(tmp_path, crs, affine, said, advice):
    path = write(tmp_path / "a.tif", noise(3), crs=crs, affine=affine)
    with pytest.raises(DataError, match=said) as caught:
        cut(path)
    assert str(path) in str(caught.value)
    assert advice in str(caught.value)


def test_complex_samples_are_refused(tmp_path):
    path = write(tmp_path / "a.tif", noise(1).astype(np.complex64))
    with pytest.raises(DataError, match="complex64, not an image"):
        cut(path)


def test_a_raster_in_one_huge_block_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=7008, width=7008, dtype="uint8",
        crs="EPSG:32632", transform=AFFINE, tiled=True, blockxsize=7008, blockysize=7008,
        SPARSE_OK=True,
    ) as raster:  # fmt: skip
        del raster
    with pytest.raises(DataError, match="blocks have 7008 x 7008 pixels") as caught:
        cut(path)
    assert "gdal_translate -of COG" in str(caught.value)


def test_a_truncated_raster_names_the_tile(tmp_path):
    path = write(tmp_path / "a.tif", noise(3), compress="deflate", tiled=True, blockxsize=128,
                 blockysize=128)  # fmt: skip
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = cut(path)
    last = len(source.tiles()) - 1
    with pytest.raises(DataError, match=f"tile {source.tiles().ids[last]}") as caught:
        source.read(last)
    assert str(path) in str(caught.value)
    assert "truncated or damaged" in str(caught.value)


def test_a_raster_needs_a_size_and_says_which_would_do(tmp_path):
    path = write(tmp_path / "a.tif", noise(3))
    with pytest.raises(UsageError, match="how large") as caught:
        open_source(path, Tiling())
    assert "--side 130m" in str(caught.value)
    assert "0.3 x 0.2 km" in str(caught.value)


def test_a_raster_is_cut_by_size_or_by_zoom_not_both(tmp_path):
    path = write(tmp_path / "a.tif", noise(3))
    with pytest.raises(UsageError, match="either by --side or by --zoom"):
        open_source(path, Tiling(side_m=(50.0,), zoom=19))
    with pytest.raises(UsageError, match="overlap only where"):
        open_source(path, Tiling(zoom=19, overlap=0.5))


def test_a_damaged_part_spoils_only_its_own_tiles(tmp_path):
    pixels = noise(3)
    pixels[:, :50, :50] = 0
    path = write(tmp_path / "a.tif", pixels, nodata=0, compress="deflate", tiled=True,
                 blockxsize=128, blockysize=128, interleave="pixel")  # fmt: skip
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    source = cut(path)
    assert len(source.tiles()) == 6
    assert source.read(0).shape == (200, 200, 3)
    with pytest.raises(DataError, match="tile 100m/1/2"):
        source.read(5)


def test_handles_are_not_shared_by_a_forked_process(tmp_path):
    import multiprocessing

    source = cut(write(tmp_path / "a.tif", noise(3)))
    wanted = source.read(1)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.apply(source.read, (1,))
    assert np.array_equal(found, wanted)
    assert np.array_equal(source.read(1), wanted)


def test_a_raster_with_control_points_says_what_to_type(tmp_path):
    path = tmp_path / "a.tif"
    points = [
        rasterio.control.GroundControlPoint(row, column, 9 + column, 48 - row)
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=40, width=40, dtype="uint8"
    ) as raster:
        raster.gcps = (points, "EPSG:4326")
    with pytest.raises(DataError, match="control points") as caught:
        cut(path)
    assert "gdalwarp" in str(caught.value)


def test_rasters_that_are_no_pictures_are_refused(tmp_path):
    path = write(tmp_path / "a.tif", np.full((3, 90, 90), np.nan, np.float32))
    with pytest.raises(DataError, match="no valid sample"):
        cut(path)
    path = tmp_path / "b.tif"
    write(path, noise(3, dtype=np.uint16))
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(DataError, match="truncated or damaged"):
        cut(path)


def test_strips_are_read_by_one_process_each(tmp_path):
    source = cut(write(tmp_path / "a.tif", noise(3, 1200, 4000)), 50.0, 100.0, overlap=0.5)
    lanes = source.lanes(np.arange(len(source.tiles())))
    windows, part = source._plan.windows, source._plan.part
    for size, px in ((0, 100), (1, 200)):
        middle = windows[part == size, 0] + px / 2
        assert np.array_equal(lanes[part == size], middle // (8 * px))
    assert len(np.unique(lanes[part == 0])) == 5
