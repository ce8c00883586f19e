"""An artefact carries its run's rule of resizing; its sessions and the snippet's file heed it."""

from __future__ import annotations

import json

import pytest

from georet.errors import UsageError
from georet.identity import check_comparable
from georet.plugins import Selection
from georet_export.artefact.session import open_session
from georet_export.exporting.request import Request
from georet_export.exporting.run import export_encoder

PLUGINS = ("sample4geo", "georet.testing.plugin")


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ([], "bilinear-antialias"),
        (["data.resize=bilinear-exact"], "bilinear-exact"),
        (["data.fast=true"], "bilinear-antialias-fast"),
        (["data.resize=bilinear-exact", "data.fast=true"], "bilinear-exact-fast"),
    ],
)
def test_the_rule_of_a_run_is_that_of_its_artefact(start_tiny, settings, rule):
    run_dir = start_tiny(rule, *settings)
    list(export_encoder(run_dir, Request(["onnx"]), selection=Selection.of(PLUGINS)))
    folder = run_dir / "export/onnx-fp32"
    manifest = json.loads((folder / "artefact.json").read_text())
    assert manifest["preprocessing"]["outside"]["resize_rule"] == rule
    by_torch = open_session(run_dir, plugins=PLUGINS).identity
    exported = open_session(folder, plugins=PLUGINS).identity
    assert by_torch.resize_rule == exported.resize_rule == rule
    check_comparable(exported, by_torch, "x")


def test_artefacts_under_another_rule_are_not_comparable(start_tiny, exported_run):
    run_dir = start_tiny("exact", "data.resize=bilinear-exact")
    smooth = open_session(run_dir, plugins=PLUGINS).identity
    first = open_session(exported_run / "export/onnx-fp32", plugins=PLUGINS).identity
    with pytest.raises(UsageError, match="bilinear-antialias"):
        check_comparable(smooth, first, "x")
