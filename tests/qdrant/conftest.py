"""A gallery of made-up tiles that is pushed in a second, and what stands in for a server."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from georet.facade import Gallery
from georet.testing.drawn_tiles import DrawnTiles
from georet.testing.pixel_session import PixelSession
from georet.types import REFERENCE
from georet_qdrant.edge import Edge
from georet_qdrant.engine import INDEXED

NUM = 2300


def gallery_at(path, *, seed=0, num=NUM, prefix="tile"):
    session = PixelSession(view=REFERENCE)
    raw = np.random.default_rng(seed).normal(size=(num, session.identity.embed_dim))
    embeddings = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    tiles = DrawnTiles(num, across=50, prefix=prefix).tiles()
    return Gallery.from_arrays(path, tiles, embeddings, session.identity, shard_size=500)


@pytest.fixture(scope="session")
def make_gallery():
    return gallery_at


@pytest.fixture(scope="session")
def gallery(tmp_path_factory):
    return gallery_at(tmp_path_factory.mktemp("galleries") / "area.gallery")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    """No address and no key that the machine may have."""
    for name in ("QDRANT_URL", "QDRANT_API_KEY"):
        monkeypatch.delenv(name, raising=False)


class StandIn(ThreadingHTTPServer):
    """Answers what a server of Qdrant is asked here, in its JSON, with Qdrant's engine behind it.

    ``seen`` are the headers of each request; the first of ``faults`` (status, headers, body)
    replaces each answer while there are any.
    """

    def __init__(self, folder, key=""):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.engine, self.key = Edge(folder), key
        self.lock = threading.Lock()
        self.seen, self.faults = [], []

    def answer(self, method, path, body):
        name, _, rest = path.removeprefix("/collections/").partition("/")
        engine = self.engine
        if (method, rest) == ("GET", "exists"):
            return {"exists": engine.held(name) is not None}
        if (method, rest) == ("GET", ""):
            return _info(engine.held(name))
        if (method, rest) == ("PUT", ""):
            assert body["vectors"]["distance"] == "Dot"
            lib = engine._lib
            params = lib.EdgeVectorParams(size=body["vectors"]["size"], distance=lib.Distance.Dot)
            path = engine._path(name)
            path.mkdir(parents=True)
            engine._shards[name] = lib.EdgeShard.create(str(path), lib.EdgeConfig(vectors=params))
            return True
        if (method, rest) == ("PUT", "index"):
            kinds = {"geo": "Geo", "float": "Float", "keyword": "Keyword"}
            lib, schema = engine._lib, body["field_schema"]
            params = getattr(lib, f"{kinds[schema['type']]}IndexParams")
            made = params(enable_hnsw=schema.get("enable_hnsw"))
            update = lib.UpdateOperation.create_field_index(body["field_name"], made)
            engine._shard(name).update(update)
            return {"operation_id": 0, "status": "completed"}
        if (method, rest) == ("PUT", "points"):
            batch = body["batch"]
            vectors = np.array(batch["vectors"], np.float32)
            engine.upsert(name, np.array(batch["ids"]), vectors, batch["payloads"])
            return {"operation_id": 0, "status": "completed"}
        if (method, rest) == ("POST", "points/count"):
            return {"count": engine.count(name, _filter(body))}
        if (method, rest) == ("POST", "points/scroll"):
            asked = engine._lib.ScrollRequest(
                offset=body.get("offset"),
                limit=body["limit"],
                filter=engine._filter(_filter(body)),
                with_payload=False,
            )
            found, place = engine._shard(name).scroll(asked)
            return {"points": [{"id": one.id} for one in found], "next_page_offset": place}
        assert (method, rest) == ("POST", "points/query/batch"), (method, path)
        return [{"points": self._points(name, one)} for one in body["searches"]]

    def _points(self, name, asked):
        params = asked["params"]
        assert params["exact"] or "acorn" in params or "filter" not in asked
        query = np.array([asked["query"]["nearest"]], np.float32)
        found = self.engine.search(
            name, query, asked["limit"], _filter(asked), exact=params["exact"]
        )
        ids, scores = found[0]
        pairs = zip(ids.tolist(), scores.tolist(), strict=True)
        return [{"id": number, "version": 0, "score": score} for number, score in pairs]


class _Handler(BaseHTTPRequestHandler):
    server: StandIn

    def log_message(self, *_):
        pass

    def _serve(self):
        self.server.seen.append(dict(self.headers))
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, body = 200, {}, b""
        if self.server.faults:
            status, headers, body = self.server.faults.pop(0)
        elif self.headers.get("api-key", "") != self.server.key:
            given = self.headers.get("api-key")
            status, body = 401, _said({"error": f"invalid API key {given}"}, None)
        else:
            with self.server.lock:
                asked = json.loads(content) if content else None
                result = self.server.answer(self.command, self.path.partition("?")[0], asked)
            body = _said("ok", result)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = _serve  # noqa: N815


def _said(status, result):
    return json.dumps({"status": status, "time": 0.0, "result": result}).encode()


def _filter(body):
    return body.get("filter")


def _info(held):
    graph = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
    optimizer = {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "flush_interval_sec": 5,
    }
    params = {"vectors": {"size": held.embed_dim, "distance": "Dot"}}
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "config": {"params": params, "hnsw_config": graph, "optimizer_config": optimizer},
        "payload_schema": {
            name: {"data_type": INDEXED.get(name, "keyword"), "points": held.num_points}
            for name in held.indexed
        },
        "points_count": held.num_points,
    }


@pytest.fixture
def serve(tmp_path):
    """Return what starts a stand-in: ``serve(key="", certificate=None)``."""
    started = []

    def start(key="", certificate=None):
        server = StandIn(tmp_path / f"server-{len(started)}", key)
        server.url = f"http://127.0.0.1:{server.server_port}"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
            server.url = f"https://localhost:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()
