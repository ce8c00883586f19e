"""What is said to a server: by Qdrant's client over HTTP and TLS, to a stand-in with its engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import traceback

import numpy as np
import pytest

from georet.cli.app import run
from georet.errors import DataError, UsageError
from georet.gallery.indexes import open_index, placed_rows
from georet.ground.region import Region
from georet.search.exact import ExactIndex
from georet.testing import check_served_index
from georet_qdrant.address import open_engine
from georet_qdrant.index import Qdrant
from georet_qdrant.push import collection_of, push
from georet_qdrant.server import Server

KEY = "k3y-that-nobody-may-read"
NUM = 2300


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there, which makes the certificate")
    call = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    call += " -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem"
    subprocess.run(call.split(), cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("georet_qdrant.server._PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(Server.__init__, "__kwdefaults__", {"pauses_s": (0.0, 0.0)})


def test_a_gallery_goes_to_a_server_and_is_searched_there(gallery, serve, capsys, monkeypatch):
    server = serve()
    monkeypatch.setenv("QDRANT_URL", server.url)
    assert run(["gallery", "push", str(gallery.path)]) == 0
    assert f"{NUM:,} of them sent now" in capsys.readouterr().out
    run(["gallery", "push", str(gallery.path), "--to", server.url])
    assert "0 of them sent now" in capsys.readouterr().out
    region = Region.box(7.0, 45.8, 7.3, 46.0)
    mask = region.mask(gallery.tiles.latlon)
    queries = np.random.default_rng(1).normal(size=(70, 32)).astype(np.float32)
    exact = ExactIndex()
    exact.add(gallery.embeddings, np.arange(NUM))
    for options in ("", "&exact_below=10"):
        index = open_index(gallery, f"qdrant?url={server.url}{options}")
        for wanted, found in (
            (exact.search(queries, 20), index.search(queries, 20)),
            (exact.search(queries, 20, mask), index.search_in(queries, 20, mask, region)),
            (exact.search(queries, 20, mask), index.search(queries, 20, mask)),
        ):
            assert np.array_equal(found[0], wanted[0])
            assert np.array_equal(found[1], wanted[1])


@pytest.mark.slow
def test_it_keeps_the_contract_over_http(serve):
    url = serve().url

    def bring(rows):
        push(rows, open_engine(url, where="test"), collection_of(rows))

    check_served_index(bring, lambda: Qdrant(url=url), num_rows=6000)


def test_the_key_is_sent_and_in_no_message(gallery, serve, monkeypatch, quick, caplog, capfd):
    caplog.set_level(0)
    server = serve(KEY)
    rows = placed_rows(gallery)
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    engine = open_engine(server.url, where="--to")
    push(rows, engine, "mine")
    assert {headers["api-key"] for headers in server.seen} == {KEY}
    server.key = "another"
    server.faults = [(500, {}, f"boom {KEY}".encode()), (503, {}, b"")]
    texts = []
    for _ in range(2):
        with pytest.raises(DataError) as refused:
            engine.count("mine")
        texts += [str(refused.value), "".join(traceback.format_exception(refused.value))]
    assert "the server refuses (500): boom ***" in texts[0]
    assert "the server refuses (401): invalid API key ***" in texts[2]
    assert "QDRANT_API_KEY" in texts[2]
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match="no answer: ") as gone:
        engine.count("mine")
    assert "the same command goes on" in gone.value.hint
    texts += [str(gone.value), "".join(traceback.format_exception(gone.value)), caplog.text]
    assert not [text for text in (*texts, *capfd.readouterr()) if KEY in text]


def test_the_command_says_nothing_of_the_key_even_when_debugged(gallery, serve):
    server = serve("another")
    call = [sys.executable, "-m", "georet", "gallery", "push", gallery.path, "--to", server.url]
    found = subprocess.run(
        call,
        env={**os.environ, "QDRANT_API_KEY": KEY, "GEORET_DEBUG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "invalid API key ***" in found.stderr
    assert KEY not in found.stdout + found.stderr
    assert found.returncode != 0


def test_a_busy_server_is_asked_again(gallery, serve, quick):
    server = serve()
    engine = open_engine(server.url, where="--to")
    push(placed_rows(gallery), engine, "mine")
    server.faults = [(503, {}, b""), (429, {"Retry-After": "1"}, b"{}")]
    assert engine.count("mine") == NUM
    server.faults = [(503, {}, b"")] * 3
    with pytest.raises(DataError, match=r"the server refuses \(503\)"):
        engine.count("mine")


def test_a_redirect_is_not_followed_with_the_key(serve, monkeypatch, quick):
    server, elsewhere = serve(KEY), serve(KEY)
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    server.faults = [(307, {"Location": elsewhere.url}, b"")] * 3
    with pytest.raises(DataError, match=r"refuses \(307\)"):
        open_engine(server.url, where="--to").count("mine")
    assert elsewhere.seen == []


def test_a_certificate_that_nobody_vouches_for_is_refused(gallery, serve, certificate, monkeypatch):
    server = serve(KEY, certificate)
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    with pytest.raises(DataError, match="CERTIFICATE_VERIFY_FAILED") as refused:
        open_engine(server.url, where="--to").held("mine")
    assert "SSL_CERT_FILE" in refused.value.hint
    assert server.seen == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert push(placed_rows(gallery), open_engine(server.url, where="--to"), "mine") == NUM
    assert {headers["api-key"] for headers in server.seen} == {KEY}


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("https://user:s3cret@host:6333", "more than host, port and path"),
        ("https://host:6333?api_key=s3cret", "more than host, port and path"),
        ("https://host:s3cret", "can't be read"),
        ("ftp://host/s3cret", "is none of a server"),
        ("https://", "is none of a server"),
    ],
)
def test_an_address_with_a_password_is_refused_and_not_repeated(address, what):
    with pytest.raises(UsageError, match=what) as refused:
        open_engine(address, where="--to")
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in "".join(traceback.format_exception(refused.value))


def test_a_key_goes_unencrypted_to_this_machine_alone(monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", KEY)
    with pytest.raises(UsageError, match="would be sent unencrypted"):
        open_engine("http://search.example.org:6333", where="--to")
    for here in ("http://localhost:6333", "http://127.0.0.1:6333", "http://[::1]:6333"):
        assert open_engine(here, where="--to").where == here


def test_a_key_with_a_line_end_inside_is_refused_unread(monkeypatch):
    monkeypatch.setenv("QDRANT_API_KEY", "s3\ncret")
    with pytest.raises(UsageError) as refused:
        open_engine("https://host", where="--to")
    assert "cret" not in str(refused.value)


def test_without_an_address_it_says_how_to_give_one(gallery):
    with pytest.raises(UsageError, match="no address is given") as refused:
        open_index(gallery, "qdrant")
    assert "QDRANT_URL" in refused.value.hint
