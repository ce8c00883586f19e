"""A missing optional dependency is named with what installs it."""

from __future__ import annotations

import sys

import pytest

from georet.errors import MissingExtraError
from georet.extras import need


def test_an_installed_module_is_imported():
    assert need("json.decoder", extra="any").__name__ == "json.decoder"


def test_a_missing_module_names_its_extra():
    with pytest.raises(
        MissingExtraError, match=r"maps needs no_such_package.*(?s:.)*georet\[gallery\]"
    ):
        need("no_such_package.part", extra="gallery", what="maps")


def test_what_breaks_inside_an_installed_module_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "breaks_inside.py").write_text("import no_such_dependency\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_dependency"):
        need("breaks_inside", extra="gallery")
    assert "breaks_inside" not in sys.modules
