"""``georet matchers``: licences are shown, weights are fetched only when asked for."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from georet.cli.app import run
from georet.errors import DataError, IntegrityError, UsageError

CONTENT = b"weights" * 1000


@pytest.fixture
def address():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/w" else 404)
            self.end_headers()
            self.wfile.write(CONTENT if self.path == "/w" else b"no")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_licences_are_listed(capsys):
    assert run(["matchers", "list"]) == 0
    out = capsys.readouterr().out
    for said in ("loftr-outdoor", "Apache-2.0", "BSD-3-Clause", "fetches none by itself"):
        assert said in out


def test_weights_are_fetched_with_their_licence_and_hash(tmp_path, address, capsys):
    digest = hashlib.sha256(CONTENT).hexdigest()
    path = tmp_path / "x.pt"
    assert run(["matchers", "fetch", "xfeat", str(path), "--from", f"{address}/w"]) == 0
    said = capsys.readouterr()
    assert path.read_bytes() == CONTENT
    assert digest in said.out
    assert "--refine xfeat:weights=" in said.out
    assert "licence: Apache-2.0" in said.err
    with pytest.raises(UsageError, match="is there already"):
        run(["matchers", "fetch", "xfeat", str(path), "--from", f"{address}/w"])


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (["xfeat", "{}/a", "--from", "{address}/w", "--sha256", "00"], IntegrityError, "SHA-256"),
        (["xfeat", "{}/a", "--from", "{address}/none"], DataError, "404"),
        (["xfeat", "{}/a", "--from", "ftp://example.org/a"], UsageError, "is not https"),
        (["xfeat", "{}/a", "--from", "http://example.org/a"], UsageError, "is not https"),
        (["xfeat", "{}/no/a", "--from", "{address}/w"], DataError, "no such folder"),
        (["xfaet", "{}/a"], UsageError, "no weights 'xfaet'"),
        (["disk-lightglue", "{}/a"], UsageError, "is not known by its address"),
    ],
)
def test_what_cannot_be_fetched_leaves_no_file(tmp_path, address, asked, error, said):
    words = [word.replace("{address}", address).replace("{}", str(tmp_path)) for word in asked]
    with pytest.raises(error, match=said):
        run(["matchers", "fetch", *words])
    assert not list(tmp_path.iterdir())
