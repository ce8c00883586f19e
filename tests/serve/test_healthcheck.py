"""The images' healthcheck, on a real server of the page."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "containers/healthcheck.py"
COMMAND = ["python", "/opt/georet/bin/georet", "serve", "/data/area.gallery"]


@pytest.fixture(scope="module")
def healthcheck():
    spec = importlib.util.spec_from_file_location("healthcheck", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_page_that_is_served_is_healthy(server, healthcheck):
    assert healthcheck.main(COMMAND, server.port) == 0


def test_with_a_token_the_healthcheck_needs_it_too(serve, healthcheck, monkeypatch):
    token = "a-token-of-some-length"
    port = serve(token=token).port
    monkeypatch.delenv("GEORET_TOKEN", raising=False)
    assert healthcheck.main(COMMAND, port) == 1
    monkeypatch.setenv("GEORET_TOKEN", token)
    assert healthcheck.main(COMMAND, port) == 0


def test_a_server_that_is_gone_is_not_healthy_and_other_commands_are(healthcheck):
    assert healthcheck.main(COMMAND, 1) == 1
    assert healthcheck.main(["georet", "train"], 1) == 0
