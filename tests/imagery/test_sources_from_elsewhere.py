"""Each kind of imagery from elsewhere: what is fetched lies where the file lies, and stays."""

from __future__ import annotations

import json
import pickle
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import rasterio

from georet.cli import main
from georet.errors import DataError, IntegrityError, UsageError
from georet.ground.region import Region
from georet.ground.wgs84 import span_m
from georet.sources.opening import open_source
from georet.sources.reopening import reopen_source
from georet.testing.local_host import serve_file, serve_tiles, tile_png
from georet.tiles.tiling import Tiling

LATLON = (46.9529, 9.0020)


def opened(text, area=None, **tiling):
    where = f"{LATLON[0]},{LATLON[1]},60m" if area is None else area
    return open_source(text, Tiling(area=where, **tiling))


def decoded(data):
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)))


TEMPLATES = {
    "xyz": "xyz:{url}/a/{{z}}/{{x}}/{{y}}.png",
    "unnamed": "{url}/a/{{z}}/{{x}}/{{y}}.png",
    "wmts": "{url}/a/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.png",
    "wmts by query": "{url}/q?TILEMATRIX={{TileMatrix}}&TILECOL={{TileCol}}&TILEROW={{TileRow}}",
    "tms": "{url}/tms/{{z}}/{{x}}/{{-y}}.png",
    "quadkey": "{url}/quad/{{q}}.png",
}


def answer_any(handler, path, times):
    query = dict(p.split("=") for p in handler.path.partition("?")[2].split("&") if "=" in p)
    if path == "/q":
        z, x, y = (int(query[k]) for k in ("TILEMATRIX", "TILECOL", "TILEROW"))
    elif path.startswith("/quad/"):
        key = path.removeprefix("/quad/").removesuffix(".png")
        z = len(key)
        x = sum((int(d) & 1) << (z - 1 - i) for i, d in enumerate(key))
        y = sum((int(d) >> 1) << (z - 1 - i) for i, d in enumerate(key))
    else:
        z, x, y = (int(v) for v in path.removesuffix(".png").split("/")[-3:])
        y = 2**z - 1 - y if path.startswith("/tms/") else y
    handler.send(tile_png(z, x, y))


@pytest.mark.parametrize("kind", TEMPLATES)
def test_templates_of_tiles(host, kind):
    host.answer = answer_any
    source = opened(TEMPLATES[kind].format(url=host.url), zoom=19)
    table = source.tiles()
    z, x, y = (int(v) for v in table.ids[0].split("/"))
    assert z == 19
    assert np.array_equal(source.read(0), decoded(tile_png(z, x, y)))
    # A tile of zoom 19 lies where the world's square, cut 2 ** 19 times, has it.
    west = x / 2**19 * 360 - 180
    assert table.corners_latlon[0, 0, 1] == pytest.approx(west, abs=1e-9)
    assert Region.parse_area(f"{LATLON[0]},{LATLON[1]},60m").mask(table.latlon).all()


def test_what_was_fetched_is_used_without_the_host(host, tmp_path):
    host.answer = serve_tiles
    text = f"xyz:{host.url}/{{z}}/{{x}}/{{y}}.png#attribution=Some town&captured=2024-06"
    first = opened(text, zoom=19)
    asked = host.num_asked
    assert asked > 0
    host.close()
    again = opened(text, zoom=19)
    assert again.tiles().ids == first.tiles().ids
    assert again.describe() == first.describe()
    assert host.num_asked == asked
    about = again.describe()
    assert (about["attribution"], about["captured"]) == ("Some town", "2024-06")
    reopened = reopen_source(json.loads(json.dumps(about)))
    assert np.array_equal(reopened.read(1), first.read(1))
    carried = pickle.loads(pickle.dumps(again))
    assert np.array_equal(carried.read(1), first.read(1))


def test_a_gallery_from_anybody_fetches_nothing(host):
    host.answer = serve_tiles
    described = opened(f"{host.url}/{{z}}/{{x}}/{{y}}.png", zoom=18).describe()
    asked = host.num_asked
    described["text"] = described["text"].replace("{z}", "other/{z}")
    with pytest.raises(DataError, match="not in the cache"):
        reopen_source(described)
    assert host.num_asked == asked


def test_tiles_of_a_side_are_cut_across_the_edges_of_fetched_ones(host):
    host.answer = serve_tiles
    source = opened(f"{host.url}/{{z}}/{{x}}/{{y}}.png", side_m=(30.0,), overlap=0.5)
    table = source.tiles()
    assert len(table) > 9
    assert np.allclose(table.side_m, 30, rtol=0.01)
    assert source.read(0).shape[0] >= 100


def test_a_map_service(host):
    def answer(handler, path, times):
        query = dict(p.split("=", 1) for p in handler.path.partition("?")[2].split("&"))
        assert query["CRS"] == "EPSG:3857"
        assert query["layers"] == "ortho"
        west, _, east, north = (float(v) for v in query["BBOX"].split(","))
        side = 2 * 20037508.342789244 / 2**18
        x, y = round((west + 20037508.342789244) / side), round((20037508.342789244 - north) / side)
        assert east - west == pytest.approx(side, abs=1e-4)
        handler.send(tile_png(18, x, y))

    host.answer = answer
    source = opened(f"wms:{host.url}/wms?layers=ortho", zoom=18)
    z, x, y = (int(v) for v in source.tiles().ids[0].split("/"))
    assert np.array_equal(source.read(0), decoded(tile_png(z, x, y)))


def arcgis(wkid):
    def answer(handler, path, times):
        if path.endswith("/MapServer"):
            levels = [{"level": level} for level in range(20)]
            about = {
                "copyrightText": "City of Somewhere, 2023",
                "tileInfo": {"spatialReference": {"wkid": wkid}, "lods": levels},
            }
            handler.send(json.dumps(about).encode(), kind="application/json")
            return
        z, y, x = (int(v) for v in path.split("/")[-3:])
        handler.send(tile_png(z, x, y))

    return answer


def test_a_tile_service_of_arcgis_with_its_copyright(host):
    host.answer = arcgis(102100)
    source = opened(f"arcgis:{host.url}/rest/services/A/MapServer", zoom=18)
    z, x, y = (int(v) for v in source.tiles().ids[0].split("/"))
    assert np.array_equal(source.read(0), decoded(tile_png(z, x, y)))
    assert source.describe()["attribution"] == "City of Somewhere, 2023"


def distance_to_file(source, path):
    """Return metres between the corners of tiles and where the file says those pixels lie."""
    table = source.tiles()
    with rasterio.open(path) as whole:
        from rasterio.warp import transform

        corners = table.corners_latlon.reshape(-1, 2)
        x, y = transform("EPSG:4326", whole.crs, corners[:, 1], corners[:, 0])
        columns, rows = ~whole.transform * (np.array(x), np.array(y))
        image = whole.read()
    worst = 0.0
    for row in range(len(table)):
        four = slice(4 * row, 4 * row + 4)
        left, top = columns[four].min(), rows[four].min()
        pixels = source.read(row)
        # The tile's pixels are those of the file at the place that its corners tell.
        at = np.round([top, left]).astype(int)
        height, width = pixels.shape[:2]
        part = image[:, at[0] : at[0] + height, at[1] : at[1] + width].transpose(1, 2, 0)
        assert np.array_equal(pixels, part)
        worst = max(worst, float(np.abs([top - at[0], left - at[1]]).max()) * 0.2)
    return worst


def test_a_raster_at_an_address_lies_where_the_file_lies(host, raster):
    host.answer = serve_file(raster)
    source = opened(f"{host.url}/map.tif", side_m=(25.0,))
    assert len(source.tiles()) > 4
    assert distance_to_file(source, raster) < 1.0
    local = open_source(raster, Tiling((25.0,)))
    nearest = span_m(source.tiles().latlon[:, None], local.tiles().latlon[None]).min(axis=1)
    assert nearest.max() < 25  # cut from the area's own corner
    asked = host.num_asked
    host.close()
    again = opened(f"{host.url}/map.tif", side_m=(25.0,))
    assert again.describe() == source.describe()
    assert host.num_asked == asked


def test_a_raster_in_a_bucket(host, raster, monkeypatch):
    host.answer = serve_file(raster)
    address = host.url.removeprefix("http://")
    settings = {"AWS_S3_ENDPOINT": address, "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"}
    for name, value in {**settings, "AWS_NO_SIGN_REQUEST": "YES"}.items():
        monkeypatch.setenv(name, value)
    source = opened("s3://bucket/map.tif", side_m=(25.0,))
    assert distance_to_file(source, raster) < 1.0
    assert host.asked["/bucket/map.tif"] > 0


def test_a_raster_by_gdals_own_names(raster, tmp_path, monkeypatch):
    import zipfile

    monkeypatch.setenv("GEORET_CACHE", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
        archive.write(raster, "map.tif")
    source = opened(f"/vsizip/{tmp_path}/maps.zip/map.tif", side_m=(25.0,))
    assert distance_to_file(source, raster) < 1.0


def item(url, name, day, box):
    return {
        "type": "Feature",
        "id": name,
        "bbox": box,
        "properties": {"datetime": f"{day}T10:00:00Z", "license": "CC-BY-4.0"},
        "assets": {"visual": {"href": f"{url}/map.tif", "type": "image/tiff; application=geotiff"}},
        "links": [],
    }


HERE, AWAY = [8.99, 46.94, 9.01, 46.96], [10.0, 40.0, 10.1, 40.1]


@pytest.mark.parametrize("kind", ["item", "collection", "search"])
def test_stac(host, raster, kind):
    file = serve_file(raster)
    here, away = (
        item(host.url, "here", "2024-06-01", HERE),
        item(host.url, "away", "2024-06-02", AWAY),
    )
    old = item(host.url, "old", "2019-06-01", HERE)
    pages = {
        "/item.json": here,
        "/old.json": old,
        "/away.json": away,
        "/collection.json": {
            "type": "Collection",
            "extent": {"spatial": {"bbox": [HERE]}},
            "links": [{"rel": "item", "href": f"./{n}.json"} for n in ("away", "old", "item")],
        },
        "/search": {"type": "FeatureCollection", "features": [away, old, here]},
    }

    def answer(handler, path, times):
        if path in pages:
            handler.send(json.dumps(pages[path]).encode(), kind="application/json")
        else:
            file(handler, path, times)

    host.answer = answer
    end = {"item": "/item.json", "collection": "/collection.json", "search": "/search"}[kind]
    source = opened(f"stac:{host.url}{end}#date=2024-01-01/2024-12-31", side_m=(25.0,))
    about = source.describe()
    assert [one["id"] for one in about["items"].values()] == ["here"]
    assert about["captured"] == "2024-06-01T10:00:00Z"
    assert about["attribution"] == "CC-BY-4.0"
    assert distance_to_file(source, raster) < 1.0
    if kind == "search":
        assert any("bbox=" in path for path in host.requests)


def halves(raster, folder):
    from rasterio.windows import Window
    from rasterio.windows import transform as transform_of

    folder.mkdir()
    with rasterio.open(raster) as whole:
        for number in range(2):
            window = Window(600 * number, 0, 600, 1200)
            profile = {**whole.profile, "width": 600}
            profile["transform"] = transform_of(window, whole.transform)
            with rasterio.open(folder / f"{number}.tif", "w", **profile) as out:
                out.write(whole.read(window=window))
    return folder


def test_a_mosaic_is_cut_across_the_edges_of_its_rasters(raster, tmp_path, monkeypatch):
    monkeypatch.setenv("GEORET_CACHE", str(tmp_path / "cache"))
    source = open_source(f"mosaic:{halves(raster, tmp_path / 'parts')}", Tiling((40.0,)))
    whole = open_source(raster, Tiling((40.0,)))
    assert source.tiles().ids == whole.tiles().ids
    assert np.allclose(source.tiles().corners_latlon, whole.tiles().corners_latlon, atol=1e-9)
    for row in range(len(whole.tiles())):
        assert np.array_equal(source.read(row), whole.read(row))


VRT = """<VRTDataset rasterXSize="1200" rasterYSize="1200"><SRS>EPSG:32632</SRS>
<GeoTransform>500000, 0.2, 0, 5200100, 0, -0.2</GeoTransform>{bands}</VRTDataset>"""
BAND = """<VRTRasterBand dataType="Byte" band="{n}"><SimpleSource>
<SourceFilename relativeToVRT="1">{name}</SourceFilename><SourceBand>{n}</SourceBand>
</SimpleSource></VRTRasterBand>"""


def vrt_of(name):
    return VRT.format(bands="".join(BAND.format(n=n, name=name) for n in (1, 2, 3)))


def test_a_virtual_raster(raster, tmp_path):
    (tmp_path / "all.vrt").write_text(vrt_of("map.tif"))
    source = open_source(tmp_path / "all.vrt", Tiling((40.0,)))
    whole = open_source(raster, Tiling((40.0,)))
    assert np.allclose(source.tiles().corners_latlon, whole.tiles().corners_latlon, atol=1e-9)
    assert np.array_equal(source.read(3), whole.read(3))


@pytest.mark.parametrize(
    "text",
    [
        vrt_of("../elsewhere.tif"),
        vrt_of("/vsicurl/http://127.0.0.1/map.tif"),
        vrt_of("/etc/passwd"),
        vrt_of("other.vrt"),
        VRT.format(bands="<VRTRasterBand subClass='VRTDerivedRasterBand'>"
                   "<PixelFunctionType>x</PixelFunctionType></VRTRasterBand>"),
        "<!DOCTYPE x [<!ENTITY a 'b'>]>" + vrt_of("map.tif"),
        "<OGRVRTDataSource/>",
        "no xml",
    ],
)  # fmt: skip
def test_a_virtual_raster_that_reaches_out_is_refused(raster, tmp_path, text):
    (tmp_path / "all.vrt").write_text(text)
    (tmp_path / "other.vrt").write_text(vrt_of("map.tif"))
    with pytest.raises(DataError):
        open_source(tmp_path / "all.vrt", Tiling((40.0,)))


def test_a_mosaic_of_unlike_rasters_is_refused(raster, tmp_path, monkeypatch):
    monkeypatch.setenv("GEORET_CACHE", str(tmp_path / "cache"))
    folder = halves(raster, tmp_path / "parts")
    with rasterio.open(folder / "1.tif", "r+") as one:
        one.transform = one.transform * one.transform.translation(0.4, 0)
    with pytest.raises(UsageError, match="another grid"):
        open_source(f"mosaic:{folder}", Tiling((40.0,)))


def test_a_geopackage_of_tiles(raster, tmp_path):
    from rasterio.shutil import copy

    path = tmp_path / "map.gpkg"
    copy(raster, path, driver="GPKG", TILE_FORMAT="PNG")
    assert sqlite3.connect(path).execute("SELECT count(*) FROM gpkg_contents").fetchone()[0] == 1
    source = open_source(path, Tiling((40.0,)))
    whole = open_source(raster, Tiling((40.0,)))
    assert np.allclose(source.tiles().latlon, whole.tiles().latlon, atol=1e-7)
    assert np.array_equal(source.read(0), whole.read(0))


def test_an_area_also_narrows_what_is_on_this_machine(raster):
    all_of_it = open_source(raster, Tiling((20.0,)))
    part = open_source(raster, Tiling((20.0,), area=f"{LATLON[0]},{LATLON[1]},50m"))
    kept = set(part.tiles().ids)
    inside = Region.parse_area(f"{LATLON[0]},{LATLON[1]},50m").mask(all_of_it.tiles().latlon)
    assert kept == {n for n, is_in in zip(all_of_it.tiles().ids, inside, strict=True) if is_in}
    assert 0 < len(kept) < len(all_of_it.tiles())
    row = all_of_it.tiles().ids.index(part.tiles().ids[2])
    assert np.array_equal(part.read(2), all_of_it.read(row))
    assert reopen_source(part.describe()).tiles().ids == part.tiles().ids


def test_an_area_is_needed_and_so_is_a_size(host):
    with pytest.raises(UsageError, match="which area"):
        open_source(f"{host.url}/{{z}}/{{x}}/{{y}}.png", Tiling(zoom=18))
    with pytest.raises(UsageError, match="which area"):
        open_source(f"{host.url}/map.tif", Tiling((20.0,)))
    with pytest.raises(UsageError, match="how large"):
        opened(f"{host.url}/{{z}}/{{x}}/{{y}}.png")
    assert host.num_asked == 0


def test_too_much_is_refused_before_anything_is_fetched(host):
    host.answer = serve_tiles
    with pytest.raises(UsageError, match="the limit is 20,000"):
        opened(f"{host.url}/{{z}}/{{x}}/{{y}}.png", area="46.9,9.0,20km", zoom=19)
    assert host.num_asked == 0
    with pytest.raises(UsageError, match="the limit is 3"):
        opened(f"{host.url}/{{z}}/{{x}}/{{y}}.png#max_requests=3", zoom=19)
    assert host.num_asked == 0


def test_too_many_bytes_are_refused_after_three_tiles(host):
    host.answer = lambda handler, path, times: handler.send(tile_png(3, 1, 2, side=1024))
    with pytest.raises(UsageError, match="MB"):
        opened(f"{host.url}/{{z}}/{{x}}/{{y}}.png#max_mb=0.01", zoom=19)
    assert host.num_asked == 3


def test_a_tile_that_changed_in_the_cache_is_not_believed(host, tmp_path):
    host.answer = serve_tiles
    source = opened(f"{host.url}/{{z}}/{{x}}/{{y}}.png", zoom=18)
    source.read(0)
    (path,) = (tmp_path / "cache").rglob("tiles.sqlite")
    with sqlite3.connect(path) as base:
        base.execute("UPDATE tiles SET data = ?", (tile_png(1, 1, 1),))
    with pytest.raises(IntegrityError, match="SHA-256"):
        opened(f"{host.url}/{{z}}/{{x}}/{{y}}.png", zoom=18).read(0)


def test_the_command_line_takes_an_area_and_says_what_it_fetches(host, tmp_path, capsys):
    host.answer = serve_tiles
    encoder = "timm:tf_efficientnet_lite0?weights=none&stage=1&size=32"
    text = f"xyz:{host.url}/{{z}}/{{x}}/{{y}}.png?key=SECRET#attribution=Some town"
    area = f"{LATLON[0]},{LATLON[1]},100m"
    where = ["--encoder", encoder, "--area", area, "--zoom", "18"]
    out = str(tmp_path / "g")
    assert main(["gallery", "build", text, *where, "--out", out]) == 0
    said = capsys.readouterr()
    assert "requests for tiles of zoom 18" in said.err
    assert "MB" in said.err
    assert "SECRET" not in said.err + said.out
    assert "SECRET" not in "".join(p.read_text() for p in Path(out).rglob("*.json*"))
    manifest = json.loads((Path(out) / "gallery.json").read_text())
    assert manifest["settings"]["source"]["attribution"] == "Some town"
    assert any("key=SECRET" in path for path in host.requests)
    assert main(["gallery", "info", out]) == 0
    assert "Some town" in capsys.readouterr().out
    photo = tmp_path / "photo.png"
    photo.write_bytes(tile_png(1, 1, 1))
    page = tmp_path / "found.html"
    assert main(["locate", out, str(photo), "--json", "--out", str(page)]) == 0
    said = json.loads(capsys.readouterr().out)["provenance"]["gallery"]
    assert said["credits"] == ["Some town"]
    assert "Imagery: Some town" in page.read_text()
    from georet import Gallery
    from georet.serve.site import Site

    assert Site(Gallery.open(out), None, name="g").about["credits"] == ["Some town"]
