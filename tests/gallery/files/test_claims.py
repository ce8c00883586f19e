"""Claims on shards by processes of several machines."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from georet.gallery.files import claims


def test_a_claim_from_another_machine_ends_after_a_while_without_a_sign(tmp_path: Path) -> None:
    claim = tmp_path / "a.claim"
    claim.write_text(json.dumps({"host": "elsewhere", "pid": 1, "born": "1"}))
    assert claims.is_held(claim)
    os.utime(claim, (0, time.time() - claims.STALE_S - 1))
    assert not claims.is_held(claim)
    assert claims.try_claim(claim)
