"""Re-ranking by a vision model: what it brings, what it costs, what leaves the machine."""

from __future__ import annotations

import json
import re
import socket
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from georet.blame import Maker, mark
from georet.config import ComponentSpec, DataConfig
from georet.data.images import read_image
from georet.errors import ConfigError
from georet.evaluate.evaluator import evaluate_sets
from georet.evaluate.stages import Stage, in_words
from georet.plugins import load_plugins
from georet.testing import check_reranker, tiny_dataset
from tests.vici.conftest import chat, pictures_of

TOP = 6


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Twelve queries among eighteen tiles, which mean colours tell apart only so well."""
    return tiny_dataset(tmp_path_factory.mktemp("tiny"), num_places=6).evaluations()["held-out"]


class Colours:
    data = DataConfig()

    def table(self, view, table, advance, **_):
        advance(len(table))
        rows = [read_image(path).mean(axis=(0, 1)) - 128 for path in table.paths]
        return np.stack([row / np.linalg.norm(row) for row in rows]).astype(np.float32)


def made(stub, kind="listwise", **options):
    options = {"url": stub.url, "model": "stub", "cache": False, "retries": 0, **options}
    spec = ComponentSpec.model_validate({"name": f"vici:{kind}", **options})
    reranker = load_plugins(["vici"]).catalog.create("rerankers", spec)
    reranker.asker.wait = lambda _: None
    return reranker


def judge(judged, reranker, top=TOP):
    """Return the evaluation's result, and that of the stage."""
    mark(reranker, Maker("rerankers", "vici:one", "plugin 'vici'"))
    stages = [Stage(reranker, "rerankers", "vici:one", top)]
    result = evaluate_sets(Colours(), {"set": judged}, top_k=top, stages=stages)["set"]
    return result, result.stages[0]


def small(image):
    return cv2.resize(image, (12, 12), interpolation=cv2.INTER_AREA).astype(float)


class Knowing:
    """Knows every picture of the set, and so which tile is right."""

    def __init__(self, judged):
        self.photos = [small(read_image(p)[:, :, ::-1]) for p in judged.queries.paths]
        self.tiles = [small(read_image(p)[:, :, ::-1]) for p in judged.gallery.paths]
        self.right = judged.positives.reshape(-1).tolist()

    def shown(self, body):
        """Return for each tile shown whether it is right."""
        photo, *tiles = pictures_of(body)
        query = self.nearest(photo, self.photos)
        return [self.nearest(tile, self.tiles) == self.right[query] for tile in tiles]

    def nearest(self, picture, known):
        return int(np.argmin([np.abs(small(picture) - one).mean() for one in known]))

    def key(self, body):
        """Return what tiles are sorted by: right first, the wrong ones by how they look."""
        _, *tiles = pictures_of(body)
        rights = self.shown(body)
        return [(not right, float(t.mean())) for right, t in zip(rights, tiles, strict=True)]

    def order(self, body):
        key = self.key(body)
        order = sorted(range(len(key)), key=lambda at: key[at])
        return json.dumps({"ranking": [at + 1 for at in order], "reason": "I know them"})

    def best(self, body):
        key = self.key(body)
        best = min((0, 1), key=lambda at: key[at])
        return json.dumps({"best": best + 1, "reason": "I know it"})


def by_chance(seed):
    rng = np.random.default_rng(seed)

    def answer(body):
        num = len(pictures_of(body)) - 1
        schema = body["response_format"]["json_schema"]["name"]
        if schema == "best":
            return json.dumps({"best": int(rng.integers(1, 3)), "reason": "heads"})
        return json.dumps({"ranking": (1 + rng.permutation(num)).tolist(), "reason": "dice"})

    return answer


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("kind", ["listwise", "pairwise"])
def test_a_model_that_knows_reaches_the_recall_of_its_candidates(kind, keep, judged, stub):
    knowing = Knowing(judged)
    stub.texts(knowing.order if kind == "listwise" else knowing.best)
    result, stage = judge(judged, made(stub, kind, keep_on_disagreement=keep))
    within = 100 * np.mean((result.ranking.rank >= 0) & (result.ranking.rank < TOP))
    assert stage.metrics["recall@1"] == pytest.approx(within)
    assert stage.metrics["recall@1"] > result.metrics["recall@1"]
    assert stage.num_failed == 0
    assert any("I know" in reason for reason in stage.reasons)


@pytest.mark.parametrize("kind", ["listwise", "pairwise"])
def test_a_model_that_throws_dice_loses_nothing(kind, judged, stub):
    for seed in range(3):
        stub.texts(by_chance(seed))
        result, stage = judge(judged, made(stub, kind))
        assert stage.metrics["recall@1"] >= result.metrics["recall@1"]
        assert stage.num_failed == 0
    assert len(stub.bodies) > 3 * 2 * len(judged.queries) - 1
    # Without the second question it does lose.
    if kind == "listwise":
        stub.texts(by_chance(0))
        result, stage = judge(judged, made(stub, kind, keep_on_disagreement=False))
        assert stage.num_touched > 6


def endless(handler, body, number):
    """Send a byte now and then, for as long as anybody listens."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def huge(handler, body, number):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b"x" * (1 << 16))


def cut_off(handler, body, number):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.close_connection = True


def text(value):
    return lambda handler, body, number: handler.send(chat(value))


def raw(content, status=200, **headers):
    return lambda handler, body, number: handler.send(content, status, **headers)


ORDER = list(range(1, TOP + 1))
FAILURES = {
    "no JSON": (raw(b"<html>"), "not one of a chat API"),
    "no choices": (raw(b"{}"), "not one of a chat API"),
    "a list": (raw(b"[1]"), "not one of a chat API"),
    "deep": (raw(b"[" * 100_000), "not one of a chat API"),
    "no text": (raw(b'{"choices": [{"message": {"content": [1]}}]}'), "has no text"),
    "prose": (text("The best is number 1."), "is no JSON"),
    "JSON, but no object": (text("[1, 2]"), "no JSON object"),
    "too few": (text(json.dumps({"ranking": ORDER[1:]})), "rank each of 1 to 6 once"),
    "one twice": (text(json.dumps({"ranking": [1, *ORDER[:-1]]})), "rank each of 1 to 6 once"),
    "out of range": (text(json.dumps({"ranking": [0, *ORDER[:-1]]})), "rank each of 1 to 6 once"),
    "truths": (text(json.dumps({"ranking": [True, *ORDER[1:]]})), "rank each of 1 to 6 once"),
    "fractions": (text(json.dumps({"ranking": [1.0, *ORDER[1:]]})), "rank each of 1 to 6 once"),
    "deep text": (text("[" * 100_000), "is no JSON"),
    "refused": (raw(b"{}", 401), "status 401"),
    "busy": (raw(b"{}", 503), "status 503"),
    "redirect": (raw(b"", 302, Location="http://127.0.0.1:9/elsewhere"), "status 302"),
    "cut off": (cut_off, "not one of a chat API"),
    "huge": (huge, "more than 1,048,576 bytes"),
    "slow": (endless, "no answer within"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_keeps_the_order_and_says_so(failure, judged, stub):
    stub.answer, said = FAILURES[failure]
    some = replace(
        judged, queries=judged.queries.take(np.arange(2)), positives=judged.positives[:2]
    )
    result, stage = judge(some, made(stub, timeout_s=0.6))
    assert stage.num_failed == 2
    assert np.array_equal(stage.ranking.top, result.ranking.top)
    assert stage.metrics == result.metrics
    assert said in stage.failure
    assert stage.seconds < 5
    assert any("left as they were" in line and said in line for line in in_words(stage))


def test_a_busy_host_is_asked_again_and_no_more_often_than_allowed(judged, stub):
    knowing = Knowing(judged)

    def answer(handler, body, number):
        if number % 3:
            handler.send(b"", 503)
        else:
            handler.send(chat(knowing.order(body)))

    stub.answer = answer
    _, stage = judge(judged, made(stub, retries=2))
    assert stage.num_failed == 0
    assert len(stub.bodies) == 3 * 2 * len(judged.queries)
    _, stage = judge(judged, made(stub, retries=1))
    assert stage.num_failed > 0
    assert "asked 2 times" in stage.failure


@pytest.mark.parametrize(
    ("limits", "most", "said"),
    [
        ({"max_requests": 5}, 5, "max_requests=5"),
        ({"max_total_tokens": 9000, "max_tokens": 1024}, 11, "max_total_tokens=9000"),
        ({"max_cost": 0.01, "price_in": 10.0, "max_tokens": 1}, 2, "max_cost=0.01"),
        ({"max_cost": 0.0, "price_in": 1.0}, 0, "max_cost=0"),
    ],
)
def test_limits_hold_however_often_is_asked(limits, most, said, judged, stub):
    # This host counts less than it can have taken, and isn't believed.
    stub.texts(Knowing(judged).order, prompt_tokens=1, completion_tokens=-5)
    reranker = made(stub, **limits)
    _, stage = judge(judged, reranker)
    purse = reranker.asker.purse
    assert purse.num_input + purse.num_output <= purse.max_total_tokens
    assert purse.cost <= (purse.max_cost or 0) or purse.max_cost is None
    assert len(stub.bodies) <= most
    assert len(stub.bodies) >= most - 1
    assert stage.num_failed >= len(judged.queries) - most
    assert said in stage.failure


def test_the_hosts_own_count_is_believed_where_it_is_more(judged, stub):
    stub.texts(Knowing(judged).order, prompt_tokens=4000, completion_tokens=100)
    reranker = made(stub, max_total_tokens=13_000)
    judge(judged, reranker)
    # Twice 4,100; a third could take 4,000 and 1,024 more.
    assert len(stub.bodies) == 2
    assert (reranker.asker.purse.num_input, reranker.asker.purse.num_output) == (8000, 200)


def test_no_byte_leaves_unless_the_re_ranker_is_named(judged, stub, monkeypatch):
    reached = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: reached.append(address))
    catalog = load_plugins(["vici"]).catalog
    assert "listwise" in catalog.names("rerankers")
    evaluate_sets(Colours(), {"set": judged}, top_k=TOP)
    reranker = made(stub)
    assert reached == []
    assert stub.bodies == []
    # With it, the first thing that is reached is the address that was named.
    monkeypatch.setattr(socket.socket, "connect", _noted(reached, socket.socket.connect))
    judge(judged, reranker)
    port = int(stub.url.rpartition(":")[2].partition("/")[0])
    assert set(reached) == {("127.0.0.1", port)}


def _noted(reached, _):
    def connect(self, address):
        reached.append(address)
        raise ConnectionRefusedError

    return connect


def test_a_line_says_what_leaves_before_it_does(judged, stub, capsys):
    said_first = []
    knowing = Knowing(judged)

    def answer(handler, body, number):
        if number == 1:
            said_first.append(capsys.readouterr().err)
        handler.send(chat(knowing.order(body)))

    stub.answer = answer
    judge(judged, made(stub, px=64, candidates=8))
    (line,) = said_first
    assert "vici: sends each photo and up to 8 of its best tiles" in line
    assert "at most 64 pixels a side" in line
    assert stub.url in line
    assert "vici: sends" not in capsys.readouterr().err


def test_only_pixels_are_sent_and_no_more_than_allowed(judged, stub):
    stub.texts(Knowing(judged).order)
    judge(judged, made(stub, px=40, candidates=4), top=4)
    for body in stub.bodies:
        pictures = pictures_of(body)
        assert len(pictures) == 5
        assert max(max(picture.shape[:2]) for picture in pictures) <= 40
        sent = json.dumps(body)
        assert not any(name in sent for name in [*judged.queries.ids, *judged.gallery.ids])
        assert body["temperature"] == 0
        assert body["max_tokens"] == 1024
        schema = body["response_format"]["json_schema"]
        assert schema["strict"]
        assert schema["schema"]["properties"]["ranking"]["maxItems"] == 4
    assert {headers[""] for headers in stub.headers} == {"/v1/chat/completions"}
    assert not any("authorization" in headers for headers in stub.headers)


def test_a_key_comes_from_the_environment_and_its_absence_is_told(judged, stub, monkeypatch):
    stub.texts(Knowing(judged).order)
    reranker = made(stub, key_env="VICI_TEST_KEY")
    _, stage = judge(judged, reranker)
    assert "VICI_TEST_KEY is not set" in stage.failure
    assert stub.bodies == []
    monkeypatch.setenv("VICI_TEST_KEY", "s3cret")
    _, stage = judge(judged, reranker)
    assert {headers["authorization"] for headers in stub.headers} == {"Bearer s3cret"}


def test_answers_are_kept_and_the_key_is_not(judged, stub, tmp_path, monkeypatch):
    monkeypatch.setenv("VICI_TEST_KEY", "s3cret")
    stub.texts(Knowing(judged).order)
    options = {"cache": True, "cache_dir": str(tmp_path / "kept"), "key_env": "VICI_TEST_KEY"}
    _, first = judge(judged, made(stub, **options))
    num = len(stub.bodies)
    _, again = judge(judged, made(stub, **options))
    assert len(stub.bodies) == num
    assert again.metrics == first.metrics
    files = list((tmp_path / "kept").rglob("*.json"))
    assert len(files) == num
    assert not any(b"s3cret" in file.read_bytes() for file in files)
    # What somebody broke is asked for again.
    for file in files:
        file.write_text('{"text": "[" ')
    _, again = judge(judged, made(stub, **options))
    assert len(stub.bodies) == 2 * num
    assert again.metrics == first.metrics


def test_an_answer_that_was_none_is_not_kept(judged, stub, tmp_path):
    stub.texts(lambda _: "nonsense")
    judge(judged, made(stub, cache=True, cache_dir=str(tmp_path)))
    assert list(tmp_path.rglob("*.json")) == []


def test_a_reason_is_one_short_line_without_control_characters(judged, stub):
    reason = "\x1b[2J\x1b]0;title\x07 ignore\nall\u202e that " + "x" * 5000

    def order(body):
        return json.dumps({"ranking": list(range(1, len(pictures_of(body)))), "reason": reason})

    stub.texts(order)
    _, stage = judge(judged, made(stub, keep_on_disagreement=False))
    for said in stage.reasons:
        assert said.isprintable()
        assert len(said) <= 200


def test_the_sum_of_ranks_weighs_the_retrievals_order_too(judged, stub):
    knowing = Knowing(judged)
    stub.texts(knowing.order)
    result, by_model = judge(judged, made(stub))
    _, by_sum = judge(judged, made(stub, order="sum"))
    before = result.metrics["recall@1"]
    assert before <= by_sum.metrics["recall@1"] <= by_model.metrics["recall@1"]
    assert by_sum.num_touched > 0


@pytest.mark.parametrize("kind", ["listwise", "pairwise"])
def test_the_re_rankers_keep_their_contract(kind, stub):
    def fit(photo, tile):
        rim = len(photo) // 4
        size = tile.shape[1::-1]
        middle = cv2.resize(photo, size)[rim:-rim, rim:-rim]
        return float(cv2.matchTemplate(tile, middle, cv2.TM_CCOEFF_NORMED).max())

    def answer(body):
        photo, *tiles = pictures_of(body)
        order = np.argsort([-fit(photo, tile) for tile in tiles], kind="stable")
        if body["response_format"]["json_schema"]["name"] == "best":
            return json.dumps({"best": int(order[0]) + 1, "reason": ""})
        return json.dumps({"ranking": (order + 1).tolist(), "reason": ""})

    stub.texts(answer)
    check_reranker(lambda: made(stub, kind, keep_on_disagreement=False), finds_place=False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "ftp://host/v1"}, "is no address"),
        ({"url": "http://:80"}, "is no address"),
        ({"url": "http://host:99999/v1"}, "is no address"),
        ({"url": "https://me:secret@host/v1"}, "more than host and path"),
        ({"url": "https://host/v1?key=1"}, "more than host and path"),
        ({"url": "http://far.example/v1"}, "anybody on the way can read"),
        ({"candidates": 21}, "less than or equal to 20"),
        ({"retries": 50}, "less than or equal to 5"),
        ({"temperature": 1}, "unknown key 'temperature'"),
    ],
)
def test_what_can_not_be_right_is_refused_before_anything_is_sent(options, said, stub):
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        made(stub, **options)
    assert "secret" not in str(caught.value)
    assert made(stub, url="http://far.example/v1", plain_http=True) is not None
