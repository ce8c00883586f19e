"""The tests that a new plugin begins with: what the kit asks of each kind of component."""

from __future__ import annotations

import textwrap
from typing import Final

from georet.commands.scaffold.examples import Skeleton

_MADE: Final = {
    "backbones": "check_backbone",
    "losses": "check_loss",
    "samplers": "check_sampler",
    "transforms": "check_transform",
    "aggregators": "check_aggregator",
    "fits": "check_fit",
    "optimizers": "check_optimizer",
    "schedules": "check_schedule",
    "protocols": "check_protocol",
    "executors": "check_executor",
}
"""Checks of ``georet.testing`` that take a component."""
_MAKING: Final = {
    "indexes": "check_index",
    "refiners": "check_refiner",
    "trackers": "check_tracker",
    "outputs": "check_output",
    "rerankers": "check_reranker",
}
"""Checks that take what makes one."""
_OWN: Final = {
    "sources": """
        from georet.testing import check_source


        def test_{name}_keeps_the_contract(make) -> None:
            check_source(lambda: make("{kind}", "{name}"), "any.board")
    """,
    "datasets": """
        import cv2
        import numpy as np

        from georet.testing import check_dataset


        def test_{name}_keeps_the_contract(make, tmp_path) -> None:
            rng = np.random.default_rng(0)
            for view in ("query", "reference"):
                (tmp_path / view).mkdir()
                for place in range(8):
                    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                    cv2.imwrite(str(tmp_path / view / f"{{place:04d}}.jpg"), image)
            check_dataset(make("{kind}", "{name}", root=tmp_path, num_places=8, num_held_out=3))
    """,
    "metrics": """
        from types import SimpleNamespace

        import numpy as np


        def test_{name}_is_computed(make) -> None:
            ranking = SimpleNamespace(rank=np.array([0, 19, 20, -1]))
            assert make("{kind}", "{name}")(ranking) == {{"recall@20": 50.0}}
    """,
    "exporters": """
        def test_{name}_exports_a_trained_run(tiny_run, runner, plugin, tmp_path) -> None:
            run = tiny_run(plugins=[plugin])
            named = ["--plugins", f"sample4geo,georet.testing.plugin,{{plugin}}"]
            out = tmp_path / "exported"
            done = runner("export", run, "--format", "{name}", "--out", out, *named)
            assert done.exit_code == 0, done.stderr
            assert list(out.rglob("*.pt"))
    """,
    "backends": """
        import numpy as np


        def test_{name}_opens_what_it_knows(make, tmp_path) -> None:
            backend = make("{kind}", "{name}")
            assert backend.refuses(tmp_path) == "no means.txt"
            (tmp_path / "means.txt").touch()
            assert backend.refuses(tmp_path) is None
            embeddings = backend.open(tmp_path, "query").embed(np.full((2, 4, 4, 3), 7, np.uint8))
            assert np.allclose(np.linalg.norm(embeddings, axis=1), 1)
    """,
}
_ANY: Final = """
    def test_{name}_can_be_made(make) -> None:
        assert make("{kind}", "{name}") is not None
"""
_TRAINED: Final = {
    "losses": "losses=[{name}]",
    "samplers": "sampler={{name: {name}}}",
    "backbones": "encoder={{backbone: {{name: {name}}}}}",
    "transforms": "data.augment={{query: [{name}]}}",
}
"""Settings of a run that trains with a component."""


def test_module(skeleton: Skeleton) -> str:
    """Return the module that tests the components of a kind."""
    checks = [
        _check(skeleton.kind).format(kind=skeleton.kind, name=name)
        for name, _ in skeleton.components
    ]
    # What is above the first function is what all of a kind import: once is enough.
    imports = checks[0].partition("def ")[0].strip()
    tests = [check[check.index("def ") :].rstrip() for check in checks]
    head = [f'"""The {skeleton.kind} keep georet\'s contract."""', *filter(None, [imports])]
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(tests) + "\n"


def training_module(skeletons: list[Skeleton]) -> str | None:
    """Return the module that trains a few steps with all that can be trained with, if any."""
    settings = [
        _TRAINED[each.kind].format(name=each.components[0][0])
        for each in skeletons
        if each.kind in _TRAINED
    ]
    if not settings:
        return None
    lines = "".join(f'    "{setting}",\n' for setting in settings)
    return (
        '"""A run of seconds with the components of this plugin."""\n\n'
        f"SETTINGS = (\n{lines})\n\n\n"
        "def test_a_run_trains_with_them(tiny_run, plugin) -> None:\n"
        "    run = tiny_run(*SETTINGS, plugins=[plugin])\n"
        '    assert (run / "report.html").is_file()\n'
    )


def _check(kind: str) -> str:
    if kind in _MADE or kind in _MAKING:
        check = _MADE.get(kind) or _MAKING[kind]
        made = 'make("{kind}", "{name}")'
        made = made if kind in _MADE else f"lambda: {made}"
        return (
            f"from georet.testing import {check}\n\n\n"
            f"def test_{{name}}_keeps_the_contract(make) -> None:\n    {check}({made})\n"
        )
    return textwrap.dedent(_OWN.get(kind, _ANY)).strip() + "\n"
