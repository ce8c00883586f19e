"""Banks of any type and of further views: what samplers want to be kept of embeddings."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from georet.commands.training import resume_run
from georet.errors import ComponentError, DataError
from georet.plugins import Selection, load_plugins
from georet.search.codes import SignCodes, num_different
from georet.testing import check_sampler
from georet.testing.synthetic import batch_of, made_up_bank, made_up_pairs
from georet.train.checkpoint import load_checkpoint
from georet.train.mining import (
    Encoded,
    RunningBank,
    bank_spec_of,
    load_bank,
    mine,
    save_bank,
)
from georet.types import BankSpec, EmbeddingBank, PairTable

PAGE = Path(__file__).parents[2] / "docs" / "plugins.md"


def unit(num: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((num, 16)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def three_views() -> PairTable:
    two = made_up_pairs(6)
    drone = two.references.take(np.arange(4))
    column = np.array([0, 1, 2, 3, -1, -1])
    views = {**two.views, "drone": drone}
    return PairTable(views, np.column_stack([two.pairs, column]))


class Embedder:
    """Embeds a table as unit vectors drawn by its images' names."""

    def table(self, view, table, advance):
        advance(len(table))
        rows = [unit(1, seed=int(name.rpartition("-")[2]))[0] for name in table.ids]
        return np.stack(rows)


def halves(view, embeddings):
    return embeddings.astype(np.float16)


def test_codes_differ_in_as_many_bits_as_their_angle_is_of_a_half_turn():
    embeddings = unit(50)
    codes = SignCodes(4096, seed=1)("query", embeddings)
    assert (codes.dtype, codes.shape) == (np.uint8, (50, 512))
    shares = num_different(codes, codes[0]) / 4096
    angles = np.arccos(np.clip(embeddings @ embeddings[0], -1, 1))
    assert np.abs(shares - angles / np.pi).max() < 0.03
    assert not np.array_equal(codes, SignCodes(4096, seed=2)("query", embeddings))


@pytest.mark.parametrize(
    ("encode", "dtype", "width"), [(None, "float32", 16), (halves, "float16", 16)]
)
def test_a_bank_holds_the_views_and_the_type_that_a_sampler_wants(
    encode, dtype, width, monkeypatch
):
    # Blocks that don't divide the tables: what is kept doesn't depend on them.
    monkeypatch.setattr("georet.train.mining.BLOCK", 4)
    pairs, spec = three_views(), BankSpec(("reference", "drone"), encode)
    bank = mine(Embedder(), pairs, epoch=3, encoded=Encoded(spec))
    assert list(bank.views) == ["reference", "drone"]
    assert bank.of("drone").dtype == bank.reference.dtype == dtype
    assert bank.of("drone").shape == (4, width)
    assert len(bank.query) == 0
    expected = Embedder().table("reference", pairs.references, lambda num: None).astype(dtype)
    assert np.array_equal(bank.reference, expected)
    assert bank.seen("drone").all()
    with pytest.raises(DataError, match="nothing of view 'query'") as caught:
        bank.of("query")
    assert "reference, drone" in str(caught.value)


@pytest.mark.parametrize("spec", [BankSpec(), BankSpec(("drone", "query"), SignCodes(64))])
def test_a_bank_survives_the_way_to_its_file(spec, tmp_path):
    bank = mine(Embedder(), three_views(), epoch=3, encoded=Encoded(spec))
    again = load_bank(tmp_path, save_bank(tmp_path, bank))
    assert again.views.keys() == bank.views.keys()
    for view, array in bank.views.items():
        assert again.of(view).dtype == array.dtype
        assert np.array_equal(again.of(view), array)
        assert np.array_equal(again.seen(view), bank.seen(view))
    assert (again.key, again.epoch) == (bank.key, 3)


def test_a_plain_banks_file_has_the_names_it_always_had(tmp_path):
    entry = save_bank(tmp_path, EmbeddingBank(unit(3), unit(2), 0, "mined-0"))
    tensors = load_file(tmp_path / "banks" / str(entry["file"]))
    assert set(tensors) == {"query", "reference", "query_seen", "reference_seen"}


def test_a_running_bank_takes_over_codes_and_passes_over_images_that_are_not_there():
    import torch

    pairs, codes = three_views(), SignCodes(64)
    running = RunningBank(pairs, 16, Encoded(BankSpec(("reference", "drone"), codes)))
    assert running.is_empty
    found = {view: unit(3, seed=number) for number, view in enumerate(pairs.views)}
    batch = batch_of(pairs, np.array([1, 3, 5]))
    running.update(batch, {view: torch.from_numpy(array) for view, array in found.items()})
    bank = running.snapshot(2)
    assert bank.of("drone").dtype == np.uint8
    assert bank.of("drone").shape == (4, 8)
    assert bank.seen("drone").tolist() == [False, True, False, True]
    assert np.array_equal(bank.of("drone")[[1, 3]], codes("drone", found["drone"])[:2])
    assert np.array_equal(bank.reference[[1, 3, 5]], codes("reference", found["reference"]))
    again = RunningBank(pairs, 16, Encoded(BankSpec(("reference", "drone"), codes)))
    again.restore({name: tensor.clone() for name, tensor in running.tensors().items()})
    assert np.array_equal(again.snapshot(2).of("drone"), bank.of("drone"))
    with pytest.raises(ComponentError, match="view 'drone', which the encoder doesn't embed"):
        running.update(batch, {"reference": torch.from_numpy(found["reference"])})


class Wants:
    def __init__(self, spec):
        self.bank_spec = spec


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("bits", "bank_spec is a str"),
        (BankSpec(("query", "drone")), "wants view 'drone'"),
        (BankSpec(()), "wants no view"),
    ],
)
def test_a_spec_that_can_not_be_is_told(spec, text):
    with pytest.raises(ComponentError, match=text):
        bank_spec_of(Wants(spec), made_up_pairs(3))


@pytest.mark.parametrize(
    "encode",
    [
        lambda view, e: list(e),
        lambda view, e: e[0],
        lambda view, e: e[:1],
        lambda view, e: e.astype(object),
    ],
)
def test_what_can_not_be_kept_is_told(encode):
    with pytest.raises(ComponentError, match=r"encode\(\) returned .* for 3 embeddings"):
        Encoded(BankSpec(encode=encode), object())("query", unit(3))


def test_without_a_spec_a_made_up_bank_is_what_it_was():
    pairs = made_up_pairs(5, queries_per_place=2)
    bank = made_up_bank(pairs, 1)
    assert bank.query.shape == (10, 16)
    assert np.allclose(np.linalg.norm(bank.query, axis=1), 1, atol=1e-5)
    near = np.einsum("nd,nd->n", bank.query, bank.reference[pairs.pairs[:, 1]])
    assert near.min() > 0.6


@pytest.fixture
def hashes(tmp_path: Path) -> Path:
    """Return the page's hashes.py as a file."""
    found = re.search(r"<!-- hashes\.py -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    path = tmp_path / "hashes.py"
    path.write_text(found[1])
    return path


def test_the_pages_sampler_of_codes_keeps_the_contract(hashes):
    catalog = load_plugins(["sample4geo", str(hashes)]).catalog
    check_sampler(catalog.create("samplers", "hashes"))


@pytest.mark.parametrize("incremental", ["true", "false"])
def test_the_pages_sampler_of_codes_trains_and_resumes(start, hashes, tmp_path, incremental):
    plugins = ["sample4geo", "georet.testing.plugin", str(hashes)]
    override = f"sampler={{name: hashes, num_bits: 64, incremental: {incremental}}}"
    run_dir = start("run", override, "train.epochs=3", plugins=plugins)
    (bank,) = (run_dir / "banks").iterdir()
    tensors = load_file(bank)
    assert {(str(t.dtype), t.shape[1]) for n, t in tensors.items() if not n.endswith("_seen")} == {
        ("torch.uint8", 8)
    }
    begun = load_checkpoint(run_dir).path
    before = {path.name: path.read_bytes() for path in begun.glob("*.safetensors")}
    shutil.rmtree(run_dir / "evaluation")
    resume_run(run_dir, selection=Selection.of(plugins))
    after = load_checkpoint(run_dir).path
    assert {path.name: path.read_bytes() for path in after.glob("*.safetensors")} == before
