"""Twenty ways in which a host fails: each a counted retry, or one clear message, and no secret."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest

from georet.cli import main
from georet.errors import DataError, GeoretError
from georet.sources.opening import open_source
from georet.testing.local_host import LocalHost, serve_file, serve_tiles, tile_png
from georet.tiles.tiling import Tiling
from georet_imagery import ranges
from georet_imagery.net import Client

AREA = "46.9529,9.0020,30m"
SECRET = "s3cr3t"
OPTIONS = "#retries=2&timeout=0.4&rate=200&parallel=2"


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Wait for nobody, but count it."""
    waits = []
    monkeypatch.setattr(Client, "sleep", lambda self, s: waits.append(s))
    original = Client.__init__

    def made(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.sleep = waits.append

    monkeypatch.setattr(Client, "__init__", made)
    return waits


def tiles(host, more="", zoom=19):
    text = f"{host.url}/{{z}}/{{x}}/{{y}}.png?key={SECRET}{OPTIONS}{more}"
    return open_source(text, Tiling(area=AREA, zoom=zoom))


def raster_of(host, more=""):
    return open_source(
        f"{host.url}/map.tif?sig={SECRET}{OPTIONS.rpartition('&')[0]}{more}",
        Tiling((25.0,), area="46.9529,9.0020,60m"),
    )


def at_first(bad, num=1):
    """Answer badly so many times for each path, then well."""

    def answer(request, path, times):
        if times <= num:
            bad(request)
        else:
            serve_tiles(request, path, times)

    return answer


def whole():
    return tile_png(19, 1, 1)


PASSING = {
    "late": lambda r: time.sleep(0.7),
    "429 with a wait": lambda r: r.send(b"slow down", 429, "text/plain", retry_after="7"),
    "500": lambda r: r.send(b"oops", 500, "text/plain"),
    "502": lambda r: r.send(b"", 502),
    "503": lambda r: r.send(b"", 503),
    "cut off": lambda r: r.send(whole()[:100], length=len(whole())),
    "half an image, whole answer": lambda r: r.send(whole()[: len(whole()) // 2]),
    "hung up": lambda r: r.connection.close(),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_asked_for_again_and_counted(host, fault, hurried, capsys):
    host.answer = at_first(PASSING[fault])
    found = tiles(host)
    assert len(found.tiles()) >= 1
    assert all(found.read(row).shape == (256, 256, 3) for row in range(len(found.tiles())))
    assert "of them again" in capsys.readouterr().err
    assert hurried
    assert fault != "429 with a wait" or min(hurried) >= 7


@pytest.mark.parametrize("fault", PASSING)
def test_what_does_not_pass_is_one_message_and_what_came_is_kept(host, fault, hurried, capsys):
    host.answer = at_first(PASSING[fault], 99)
    with pytest.raises(DataError) as error:
        tiles(host)
    assert "asked 3 times" in str(error.value)
    host.answer = serve_tiles
    assert len(tiles(host).tiles()) >= 1


STAYING = {
    "403": (lambda r: r.send(b"", 403), "refuses access"),
    "401": (lambda r: r.send(b"", 401), "refuses access"),
    "400": (lambda r: r.send(b"", 400), "status 400"),
    "404 everywhere": (lambda r: r.send(b"", 404), "no tile of zoom 19"),
    "empty tiles": (lambda r: r.send(b""), "no tile of zoom 19"),
    "a page of HTML": (lambda r: r.send(b"<html>Log in</html>", kind="text/html"), "Log in"),
    "an exception in XML": (
        lambda r: r.send(b"<ServiceException>no layer</ServiceException>", kind="text/xml"),
        "no layer",
    ),
    "a redirect loop": (lambda r: r.send(b"", 302, location=r.path), "more than 5 redirects"),
    "a redirect to a file": (
        lambda r: r.send(b"", 302, location="file:///etc/passwd"),
        "no address of http",
    ),
}


@pytest.mark.parametrize("fault", STAYING)
def test_what_stays_wrong_is_one_clear_message(host, fault, capsys):
    answer, words = STAYING[fault]
    host.answer = lambda request, path, times: answer(request)
    with pytest.raises(GeoretError) as error:
        tiles(host)
    said = str(error.value) + capsys.readouterr().err
    assert words in str(error.value)
    assert SECRET not in said
    assert "Traceback" not in said


def test_tiles_that_are_not_there_are_left_out(host):
    wide = Tiling(area="46.9529,9.0020,90m", zoom=19)
    full = len(open_source(f"{host.url}/a/{{z}}/{{x}}/{{y}}.png{OPTIONS}", wide).tiles())

    def answer(request, path, times):
        if int(path.removesuffix(".png").rpartition("/")[2]) % 2:
            request.send(b"", 404)
        else:
            serve_tiles(request, path, times)

    host.answer = answer
    found = open_source(f"{host.url}/b/{{z}}/{{x}}/{{y}}.png{OPTIONS}", wide)
    assert 0 < len(found.tiles()) < full


def test_a_redirect_to_another_place_is_followed(host):
    def answer(request, path, times):
        if path.startswith("/new/"):
            serve_tiles(request, path, times)
        else:
            request.send(b"", 301, location=f"/new{path}")

    host.answer = answer
    assert len(tiles(host).tiles()) >= 1


def test_a_raster_that_changes_between_two_reads(host, raster, monkeypatch):
    monkeypatch.setattr(ranges, "BLOCK", 4096)
    one, two = serve_file(raster), serve_file(raster, '"two"')
    host.answer = lambda request, path, times: (one if times == 1 else two)(request, path, times)
    with pytest.raises(DataError, match="changed between two reads"):
        raster_of(host)


def test_a_raster_cut_off_is_asked_for_again(host, raster, monkeypatch, hurried):
    monkeypatch.setattr(ranges, "BLOCK", 4096)
    good, content = serve_file(raster), raster.read_bytes()

    def answer(request, path, times):
        if times == 2:
            first = int(request.headers["range"].removeprefix("bytes=").split("-")[0])
            told = f"bytes {first}-{len(content) - 1}/{len(content)}"
            request.send(content[first : first + 50], 206, content_range=told)
        else:
            good(request, path, times)

    host.answer = answer
    assert len(raster_of(host).tiles()) > 1
    assert hurried


def test_a_host_that_sends_no_parts(host, raster):
    host.answer = lambda request, path, times: request.send(raster.read_bytes())
    with pytest.raises(DataError, match="only whole files"):
        raster_of(host)


def test_a_raster_that_is_none(host, raster):
    raster.write_bytes(b"<html>" + b"no raster at all " * 1000)
    host.answer = serve_file(raster)
    with pytest.raises(DataError, match="can't be read as a GeoTIFF") as error:
        raster_of(host)
    assert SECRET not in str(error.value)


def test_a_raster_whose_blocks_are_damaged(host, raster):
    content = bytearray(raster.read_bytes())
    content[3000 : len(content) - 3000] = bytes(len(content) - 6000)
    raster.write_bytes(bytes(content))
    host.answer = serve_file(raster)
    with pytest.raises(DataError) as error:
        raster_of(host)
    assert SECRET not in str(error.value)


def test_a_raster_that_lies_elsewhere(host, raster):
    import rasterio

    with rasterio.open(raster, "r+") as out:
        out.crs = "EPSG:32633"  # the wrong zone
    host.answer = serve_file(raster)
    with pytest.raises(DataError, match="doesn't show the area"):
        raster_of(host)


def test_a_service_in_another_coordinate_system(host):
    about = {"tileInfo": {"spatialReference": {"wkid": 2056}, "lods": []}}
    body = json.dumps(about).encode()
    host.answer = lambda request, path, times: request.send(body, kind="application/json")
    with pytest.raises(DataError, match="2056"):
        open_source(f"arcgis:{host.url}/A/MapServer", Tiling(area=AREA, zoom=18))


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"type": "Other"}', b'{"error": {"message": "no"}}']
)
def test_a_catalogue_that_is_none(host, body):
    host.answer = lambda request, path, times: request.send(body, kind="application/json")
    with pytest.raises(DataError):
        open_source(f"stac:{host.url}/item.json", Tiling((25.0,), area=AREA))


def test_a_certificate_that_nobody_vouches_for(host, tmp_path):
    listening = socket.create_server(("127.0.0.1", 0))
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k.pem", "-out",
         "c.pem", "-days", "2", "-subj", "/CN=localhost"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")

    def serve():
        while True:
            try:
                plain, _ = listening.accept()
                context.wrap_socket(plain, server_side=True)
            except (ssl.SSLError, ConnectionError):
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    url = f"https://127.0.0.1:{listening.getsockname()[1]}/{{z}}/{{x}}/{{y}}.png"
    with pytest.raises(DataError, match="certificate"):
        open_source(f"{url}?key={SECRET}{OPTIONS}", Tiling(area=AREA, zoom=19))
    listening.close()


def test_a_host_that_is_not_there(host):
    gone = LocalHost(serve_tiles)
    gone.close()
    with pytest.raises(DataError, match="asked 3 times"):
        tiles(gone)


def test_a_key_of_the_environment_is_sent_and_never_shown(host, monkeypatch, capsys):
    text = f"{host.url}/{{z}}/{{x}}/{{y}}.png?token={{env:MAPKEY}}{OPTIONS}"
    tiling = Tiling(area=AREA, zoom=19)
    monkeypatch.delenv("MAPKEY", raising=False)
    with pytest.raises(GeoretError, match="no MAPKEY"):
        open_source(text, tiling)
    monkeypatch.setenv("MAPKEY", SECRET)
    found = open_source(text, tiling)
    assert any(f"token={SECRET}" in path for path in host.requests)
    assert SECRET not in json.dumps(found.describe()) + capsys.readouterr().err
    monkeypatch.delenv("MAPKEY")
    assert open_source(text, tiling).describe() == found.describe()  # from the cache


def test_rate_and_parallel_requests_stay_within_what_was_asked(host):
    running, most, times = [0], [0], []
    lock = threading.Lock()

    def answer(request, path, number):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            times.append(time.monotonic())
        time.sleep(0.02)
        with lock:
            running[0] -= 1
        serve_tiles(request, path, number)

    host.answer = answer
    text = f"{host.url}/{{z}}/{{x}}/{{y}}.png#rate=25&parallel=3"
    open_source(text, Tiling(area="46.9529,9.0020,150m", zoom=19))
    assert len(times) > 10
    assert most[0] <= 3
    assert (times[-1] - times[0]) >= (len(times) - 1) / 25 * 0.9


def build(host, out, *more):
    encoder = "timm:tf_efficientnet_lite0?weights=none&stage=1&size=32"
    text = f"xyz:{host.url}/{{z}}/{{x}}/{{y}}.png?key={SECRET}#rate=40"
    area = ["--area", "46.9529,9.0020,150m", "--zoom", "19", "--shard-size", "16"]
    return ["gallery", "build", text, "--encoder", encoder, *area, "--out", str(out), *more]


def test_a_build_killed_and_repeated_offline_is_byte_equal(host, tmp_path, capsys):
    killed, again = tmp_path / "killed", tmp_path / "again"
    command = [sys.executable, "-m", "georet", *build(host, killed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while host.num_asked < 20 and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)  # while tiles are fetched
    process.communicate()
    before = host.num_asked
    assert before >= 20
    assert main(build(host, killed)) == 0
    # What came before the kill was kept, but for the last tiles that were on their way.
    assert host.num_asked - before < before + 40
    asked = host.num_asked
    host.close()
    assert main(build(host, again)) == 0
    assert host.num_asked == asked
    assert SECRET not in capsys.readouterr().err
    names = sorted(p.relative_to(again) for p in again.rglob("*.parquet"))
    assert names == sorted(p.relative_to(killed) for p in killed.rglob("*.parquet"))
    assert all((again / n).read_bytes() == (killed / n).read_bytes() for n in names)
    assert (again / "gallery.json").read_bytes() == (killed / "gallery.json").read_bytes()
