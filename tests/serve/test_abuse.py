"""What a hostile or clumsy client may send to a real server: right answers, nothing kept."""

import contextlib
import http.client
import socket
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

MB = 1024 * 1024
TOKEN = "0123456789abcdef0123"
HEAD = b"POST /api/locate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"


def send(server, request):
    """Send bytes as they are; return the status and what came back before the server hung up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(request)
        connection.settimeout(2)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
    return int(answer.split(b" ", 2)[1]), answer


def get(server, target, host="127.0.0.1"):
    lines = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    return send(server, lines.encode("latin-1"))


def post(server, body, *, path="/api/locate", content_type="image/jpeg", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", path, body, {"Content-Type": content_type, **names})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def is_alive(server):
    return get(server, "/api/gallery")[0] == 200 and server.process.poll() is None


def leftovers(server):
    """Return the files below the server's folder of temporary files."""
    return [p for p in server.folder.rglob("*") if p.is_file() and p.name != "stderr"]


def huge_png(width, height):
    """Return a PNG of some kilobytes that says it has that many pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * (3 * width + 1) * 100, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/../../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%252e%252e%252fetc%252fpasswd",
        "/static/..%5c..%5cetc%5cpasswd",
        "/static/....//....//etc/passwd",
        "/static//etc/passwd",
        "/static/%00",
        "/static/page.html%00.png",
        "/static/vendor/maplibre/../../page.html/",
        "/static/%c0%ae%c0%ae/app.py",
        "/api/tile/..%2f..%2fgallery.json",
        "/api/tile/../../etc/passwd",
        "/basemap/1/0/..%2f0.png",
        "/basemap/..%2f..%2f/0/0.png",
        "//etc/passwd",
        "/%2e%2e/etc/passwd",
        "/land.gallery/gallery.json",
    ],
)
def test_traversal_finds_nothing(server, path):
    status, answer = get(server, path)
    assert status == 404, path
    assert b"root:" not in answer
    assert b"import " not in answer


def test_requests_that_are_no_http_are_refused(server):
    assert send(server, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")[0] == 400
    assert send(server, b"GET / HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\n\r\n")[0] == 400
    assert send(server, b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n")[0] in (400, 431)
    assert is_alive(server)


def test_foreign_hosts_and_origins_are_refused(server):
    for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example"):
        assert get(server, "/", host)[0] == 403, host
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        assert post(server, b"\xff\xd8\xff", Origin=origin)[0].status == 403, origin
    assert is_alive(server)


def test_one_byte_more_than_100_mb_is_too_large(server):
    body = b"\xff\xd8\xff" + b"\0" * (100 * MB - 2)
    response, content = post(server, body)
    assert (len(body), response.status) == (100 * MB + 1, 413)
    assert b"104,857,600" in content
    assert leftovers(server) == []


def test_100_mb_exactly_are_read_and_found_to_be_no_photo(server):
    response, content = post(server, b"\xff\xd8\xff" + b"\0" * (100 * MB - 3))
    assert response.status == 422
    assert b"damaged" in content
    assert str(server.folder).encode() not in content


def test_a_body_without_a_length_is_counted_too(server):
    chunk = b"100000\r\n" + b"\0" * MB + b"\r\n"
    head = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert send(server, head + chunk * 101 + b"0\r\n\r\n")[0] == 413


def test_a_length_that_promises_too_much_is_refused_at_once(server):
    assert send(server, HEAD + b"Content-Length: 1000000000000\r\n\r\n")[0] == 413
    assert is_alive(server)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((8200, 5000), b"a decompression bomb or truncated: 8200 x 5000 = 41,000,000 pixels"),
        ((20_500, 20_000), b"410,000,000 pixels, the cap is 400,000,000"),
    ],
)
def test_many_megapixels_in_a_small_file_are_refused_before_decoding(server, size, words):
    body = huge_png(*size)
    before = server.resident_mb()
    response, content = post(server, body, content_type="image/png")
    assert len(body) < 100_000
    assert response.status == 422
    assert words in content
    assert server.resident_mb() - before < 60


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/html", b"<script>alert(1)</script>", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/x-www-form-urlencoded", b"a=b", 415),
        ("image/svg+xml", b"<svg/>", 415),
        ("image/gif", b"GIF89a", 415),
        ("", b"\xff\xd8\xff", 415),
        ("image/jpeg", b"<svg/>", 415),
        ("image/jpeg", b"MZ\x90\0", 415),
        ("application/octet-stream", b"PK\3\4", 415),
        ("image/jpeg", b"", 422),
        ("image/jpeg", b"\xff\xd8\xff\xe0", 422),
        ("image/png", b"\x89PNG\r\n\x1a\n", 422),
    ],
)
def test_what_is_no_photo_is_said_to_be_none(server, content_type, body, status):
    response, content = post(server, body, content_type=content_type)
    assert response.status == status
    assert content.startswith(b'{"error":')
    assert leftovers(server) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "POST"])
def test_other_methods_are_refused(server, method):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(method, "/api/gallery")
    assert connection.getresponse().status == 405
    connection.close()


def test_an_upload_that_breaks_off_leaves_nothing(server):
    head = HEAD + b"Content-Length: 1000000\r\n\r\n\xff\xd8\xff"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head)
        time.sleep(0.2)
    deadline = time.monotonic() + 5
    while leftovers(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert leftovers(server) == []
    assert is_alive(server)


def test_photos_that_arrive_slowly_hold_up_no_other_one(server, land):
    photo = land.photo_file(land.place(33)).read_bytes()
    with contextlib.ExitStack() as slow:
        for _ in range(8):
            address = ("127.0.0.1", server.port)
            connection = slow.enter_context(socket.create_connection(address))
            connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n\xff\xd8\xff")
        time.sleep(0.2)
        begun = time.monotonic()
        assert post(server, photo)[0].status == 200
        assert time.monotonic() - begun < 10


def test_who_keeps_a_connection_and_does_nothing_with_it_is_hung_up_on(serve):
    server = serve(patience_s=0.3)
    whole = b"GET /api/gallery HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    refused = whole.replace(b"127.0.0.1\r", b"evil.example\r\nContent-Length: 9\r")
    for beginning in (b"", b"GET / HT", whole + b"GET / HT", refused):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(beginning)
            with contextlib.suppress(ConnectionResetError):
                while connection.recv(65536):
                    pass
    assert is_alive(server)


def test_who_does_not_read_the_answers_is_hung_up_on(serve):
    server = serve(patience_s=0.3)
    whole = b"GET /static/vendor/maplibre/maplibre-gl.mjs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(whole * 30)
        time.sleep(2)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                received += len(part)
    assert received < 30 * len(get(server, "/static/vendor/maplibre/maplibre-gl.mjs")[1])
    assert is_alive(server)


def test_200_requests_at_once_are_answered_or_sent_away(serve, land):
    server = serve()
    photo = land.photo_file(land.place(33)).read_bytes()
    assert post(server, photo)[0].status == 200
    before, highest = server.resident_mb(), 0.0
    padded = photo + b"\0" * (3 * MB)

    def one(number):
        response, content = post(server, padded if number % 2 else photo)
        return response.status, response.getheader("Retry-After"), content

    with ThreadPoolExecutor(200) as pool:
        running = [pool.submit(one, number) for number in range(200)]
        while not all(future.done() for future in running):
            highest = max(highest, server.resident_mb())
            time.sleep(0.02)
    answers = [future.result() for future in running]
    codes = {status for status, _, _ in answers}
    assert codes <= {200, 503}
    assert sum(status == 200 for status, _, _ in answers) >= 10
    assert all(after == "2" for status, after, _ in answers if status == 503)
    assert all(b'"row":33' in content for status, _, content in answers if status == 200)
    assert highest - before < 300
    assert leftovers(server) == []
    assert is_alive(server)


def test_with_a_token_a_server_for_others_answers_only_those_who_have_it(serve):
    server = serve(host="0.0.0.0", bind="127.0.0.1", token=TOKEN)
    assert server.address == f"http://{socket.gethostname()}:{server.port}/?token={TOKEN}"
    assert get(server, f"/?token={TOKEN}", socket.gethostname())[0] == 303
    assert get(server, "/api/gallery")[0] == 401
    assert get(server, "/static/main.js")[0] == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert post(server, b"GIF89a", **bearer)[0].status == 415
    assert post(server, b"GIF89a", Authorization="Bearer wrong")[0].status == 401
    assert get(server, f"/?token={TOKEN}")[0] == 303


def test_the_folder_of_uploads_goes_with_the_server(serve):
    server = serve()
    assert is_alive(server)
    assert list(server.folder.glob("georet-serve-*"))
    server.process.terminate()
    server.process.wait(10)
    assert not list(server.folder.glob("georet-serve-*"))
