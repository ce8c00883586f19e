import hashlib
import io
import re
from importlib.resources import files

import numpy as np
import pytest
import simplejpeg
from PIL import Image
from starlette.testclient import TestClient

from georet.serve.access import Access
from georet.serve.app import make_app

JPEG = {"content-type": "image/jpeg"}
TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def client(land):
    with TestClient(make_app(land.site(), Access()), base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.fixture
def photo(land):
    return land.photo_file(land.place(40)).read_bytes()


def test_the_page_and_all_that_it_names_are_there(client):
    page = client.get("/")
    names = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert page.headers["content-type"].startswith("text/html")
    assert len(names) >= 6
    for name in names:
        assert client.get(name).status_code == 200, name


def test_modules_import_only_files_that_are_served(client):
    left, seen = ["/static/main.js"], set()
    while left:
        name = left.pop()
        if name in seen or "/vendor/" in name:
            continue
        seen.add(name)
        answer = client.get(name)
        assert answer.status_code == 200, name
        left += ["/static/" + found for found in re.findall(r'from "\./([^"]+)"', answer.text)]
    assert len(seen) >= 6


def test_the_map_library_is_what_was_published():
    folder = files("georet.serve").joinpath("static/vendor/maplibre")
    sums = dict(
        line.split()[::-1] for line in folder.joinpath("SHA256SUMS").read_text().splitlines()
    )
    kept = {entry.name for entry in folder.iterdir()} - {"SHA256SUMS", "ORIGIN.txt"}
    assert set(sums) == kept
    for name, wanted in sums.items():
        assert hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest() == wanted, name


def test_the_page_has_no_inline_script_or_style(client):
    page = client.get("/").text
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page) == []


def test_every_answer_has_the_headers(client):
    for path in ("/", "/static/page.css", "/api/gallery", "/nowhere", "/api/tile/0"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json", "/static", "/static/"])
def test_nothing_else_is_exposed(client, path):
    assert client.get(path).status_code == 404


def test_the_gallery_says_what_the_page_needs(client, land):
    about = client.get("/api/gallery").json()
    assert about["num_tiles"] == len(land.gallery)
    west, south, east, north = about["extent"]
    assert (west, north) == pytest.approx((8.1, 49.9))
    assert (south, east) == pytest.approx((48.8, 9.4))
    assert about["samples"][0]["latlon"] == pytest.approx(land.place(20))


def test_a_photo_finds_its_place(client, land, photo):
    answer = client.post("/api/locate?k=3", content=photo, headers=JPEG).json()
    assert [len(answer["candidates"]), answer["candidates"][0]["row"]] == [3, 40]
    assert answer["candidates"][0]["latlon"] == pytest.approx(land.place(40))
    assert max(weight for _, _, weight in answer["heat"]) == 1.0
    assert answer["radius_90_m"] is None
    assert answer["photo"]["preview"].startswith("data:image/jpeg;base64,")


def test_a_box_leaves_out_what_lies_outside(client, land, photo):
    row = 5
    latitude, longitude = land.place(row)
    box = f"{longitude - 0.05},{latitude - 0.05},{longitude + 0.05},{latitude + 0.05}"
    answer = client.post(f"/api/locate?box={box}", content=photo, headers=JPEG).json()
    assert [candidate["row"] for candidate in answer["candidates"]] == [row]
    corners = ((-0.05, -0.05), (0.05, -0.05), (0.05, 0.05), (-0.05, 0.05), (-0.05, -0.05))
    ring = [[longitude + x, latitude + y] for x, y in corners]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    query = {"region": str(polygon).replace("'", '"')}
    answer = client.post("/api/locate", params=query, content=photo, headers=JPEG).json()
    assert [candidate["row"] for candidate in answer["candidates"]] == [row]


def region_of(longitude):
    ring = f"[[{longitude},0],[1,0],[1,1],[{longitude},0]]"
    return f'region={{"type":"Polygon","coordinates":[{ring}]}}'


@pytest.mark.parametrize(
    "query",
    ["k=0", "k=51", "k=x", "box=1,2,3", "box=nan,0,1,1", "box=1,2,3,4&region={}", "region=[",
     "region=[]", "region={}", "box=0,0,1,1", "box=0,99,1,100", "region=" + "[" * 5000,
     'region={"type":"\\ud800"}', region_of(10**400), region_of("NaN"), region_of("1e999")],
)  # fmt: skip
def test_a_query_that_makes_no_sense_is_said_to_be_wrong(client, photo, query):
    answer = client.post(f"/api/locate?{query}", content=photo, headers=JPEG)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_what_is_echoed_holds_no_exif(land, photo):
    image = Image.open(io.BytesIO(photo))
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    exif[0x0112] = 6
    stored = io.BytesIO()
    image.save(stored, "JPEG", exif=exif.tobytes(), comment=b"a secret comment")
    path = land.folder / "exif.jpg"
    path.write_bytes(stored.getvalue())
    site = land.site()
    answer = site.locate(path, 1, None)
    assert "secret" in stored.getvalue().decode("latin-1")
    for content in (str(answer), (site.sample(0) or b"").decode("latin-1")):
        assert "secret" not in content
        assert "Exif" not in content


def test_tiles_and_samples_go_by_number_only(client, land):
    assert simplejpeg.decode_jpeg(client.get("/api/tile/7").content).shape == (96, 96, 3)
    assert client.get("/api/sample/0").headers["content-type"] == "image/jpeg"
    num = len(land.gallery)
    for path in (f"tile/{num}", "tile/-1", "tile/1.0", "tile/" + "9" * 5000, "tile/%31x",
                 "sample/1", "sample/0/..", "tile/٣"):  # fmt: skip
        assert client.get(f"/api/{path}").status_code == 404, path


def test_the_base_map_is_made_of_the_tiles_and_clear_elsewhere(client):
    zoom = 9
    x, y = int((8.6 + 180) / 360 * 2**zoom), 174
    inside = np.array(Image.open(io.BytesIO(client.get(f"/basemap/{zoom}/{x}/{y}.png").content)))
    assert inside.shape == (256, 256, 4)
    assert (inside[..., 3] > 0).any()
    assert inside[inside[..., 3] > 0, :3].std() > 10
    outside = np.array(Image.open(io.BytesIO(client.get(f"/basemap/{zoom}/0/0.png").content)))
    assert not outside.any()
    for path in ("9/512/0.png", "99/0/0.png", "9/0/0.jpg", "9/0/0", "9/-1/0.png", "a/0/0.png"):
        assert client.get(f"/basemap/{path}").status_code == 404, path


def test_the_token_in_the_address_becomes_a_cookie(land):
    app = make_app(land.site(), Access(token=TOKEN))
    with TestClient(app, base_url="http://127.0.0.1:8765") as client:
        assert client.get("/api/gallery").status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        answer = client.get(f"/?token={TOKEN}", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert client.get("/api/gallery").status_code == 200


def test_camera_values_are_taken_and_the_photos_own_are_told_without_its_position(client, photo):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (1.0, 2.0, 3.0), 3: "E", 4: (4.0, 5.0, 6.0)})
    exif.get_ifd(0x8825).update({16: "T", 17: 215.0})
    stream = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(stream, "JPEG", exif=exif, quality=95)
    plain = client.post("/api/locate", content=stream.getvalue(), headers=JPEG).json()
    assert plain["camera"]["heading_deg"]["source"] == "EXIF GPSImgDirection"
    assert "latlon" not in plain["camera"]
    assert "altitude_m" not in plain["camera"]
    asked = "heading=90&tilt=5&height=9000&fov=60"
    told = client.post(f"/api/locate?{asked}", content=stream.getvalue(), headers=JPEG).json()
    assert told["camera"]["heading_deg"]["value"] == 90.0
    assert told["view"] == "rectified"
    assert len(told["footprint"]) == 4


@pytest.mark.parametrize(
    "asked", ["heading=nan", "heading=north", "tilt=-1", "height=0", "height=inf", "fov=200"]
)
def test_camera_values_that_cannot_be_are_refused(client, photo, asked):
    answer = client.post(f"/api/locate?{asked}", content=photo, headers=JPEG)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_a_refiner_is_asked_unless_the_request_says_no(land):
    with TestClient(make_app(land.site(refine=True), Access()), base_url="http://127.0.0.1") as one:
        assert one.get("/api/gallery").json()["refiner"] is not None
        latitude, longitude = land.place(40)
        photo = land.photo_file((latitude + 0.012, longitude - 0.015), "near.jpg").read_bytes()
        found = one.post("/api/locate", content=photo, headers=JPEG).json()
        assert found["refinement"]["accepted"]
        assert found["latlon"] == pytest.approx((latitude + 0.012, longitude - 0.015), abs=0.001)
        plain = one.post("/api/locate?refine=false", content=photo, headers=JPEG).json()
        assert plain["refinement"] is None
        assert plain["latlon"] == pytest.approx(found["retrieved_latlon"])
