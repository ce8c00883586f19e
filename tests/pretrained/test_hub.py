"""A run goes to a hub and comes back: the same embeddings, data alone, and nothing tampered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

from georet import Encoder
from georet.cli import main
from georet.errors import DataError, GeoretError, IntegrityError, UsageError
from georet.pretrained import hub
from georet.pretrained.layout import CARD, LIST, is_data, read_list
from georet.pretrained.making import run_folder
from georet.testing.local_host import LocalHost
from georet.vouching import write_sealed

PLUGINS = ["sample4geo", "georet.testing.plugin"]
IMAGES = np.random.default_rng(0).integers(0, 255, (3, 50, 40, 3), np.uint8)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GEORET_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pushed(trained, tmp_path, cache):
    """A run of the tiny data set in a folder that stands for a hub."""
    out = tmp_path / "hub" / "acme" / "town"
    hub.push(trained, str(out), licence="Apache-2.0")
    return out


def embeddings(named):
    encoder = Encoder.from_pretrained(named, plugins=PLUGINS)
    try:
        return encoder.embed(list(IMAGES))
    finally:
        encoder.close()


def test_pushed_pulled_and_opened_it_embeds_the_same(trained, pushed, tmp_path):
    out = tmp_path / "elsewhere"
    hub.pull(str(pushed), out)
    wanted = embeddings(trained)
    assert np.array_equal(embeddings(out), wanted)
    assert np.array_equal(embeddings(f"hub:{pushed}"), wanted)
    assert np.allclose(np.linalg.norm(wanted, axis=1), 1, atol=1e-5)
    assert main(["verify", str(out)]) == 0


def test_the_layout_is_data_alone_and_says_nothing_of_this_disk(trained, pushed, tmp_path):
    names = [p.relative_to(pushed).as_posix() for p in pushed.rglob("*") if p.is_file()]
    assert all(name == LIST or is_data(name) for name in names)
    assert {"README.md", "config.yaml", "report.html", LIST} <= set(names)
    assert [name for name in names if name.endswith("encoder.safetensors")]
    assert not [name for name in names if "optimizer" in name or "bank" in name]
    plain = [p for p in pushed.rglob("*") if p.suffix in (".json", ".yaml", ".md")]
    root = yaml.safe_load((trained / "config.yaml").read_text())["dataset"]["root"]
    assert not any(root in path.read_text() for path in plain)
    assert sum(p.stat().st_size for p in pushed.rglob("*.safetensors")) < sum(
        p.stat().st_size for p in trained.rglob("*.safetensors")
    )


def test_the_card_has_the_figures_of_the_run(trained, pushed):
    card = (pushed / CARD).read_text()
    assert yaml.safe_load(card.split("---")[1])["license"] == "Apache-2.0"
    paths = sorted((trained / "evaluation").glob("*.json"))
    assert paths
    for path in paths:
        found = json.loads(path.read_text())
        assert f"{found['num_queries']} queries" in card
        assert found["protocol"] in card
        assert f"recall@1 {found['metrics']['recall@1']:.4g}" in card
    manifest = json.loads((trained / "manifest.json").read_text())
    assert f"{manifest['dataset']['num_pairs']:,} pairs" in card
    assert "seed 0" in card
    assert "## Intended use" in card


def test_the_card_tells_how_faithful_exports_are(trained, tmp_path, cache):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    (run / "export" / "onnx-fp32").mkdir(parents=True)
    fidelity = {
        "gate": {"passed": True}, "cosine": {"min": 0.9999991}, "set": "tiny",
        "num_queries": 7, "num_references": 9,
    }  # fmt: skip
    (run / "export/onnx-fp32/artefact.json").write_text(json.dumps({"fidelity": fidelity}))
    hub.push(run, str(tmp_path / "out"), licence="other")
    card = (tmp_path / "out" / CARD).read_text()
    assert (
        "onnx-fp32: gate passed; least cosine to torch 0.9999991 (tiny: 7 queries, 9 tiles" in card
    )


def some_file(pushed, ending):
    return next(path for path in sorted(pushed.rglob("*")) if path.name.endswith(ending))


@pytest.mark.parametrize("ending", ["encoder.safetensors", "config.yaml", "state.json", LIST, CARD])
def test_a_tampered_file_is_refused_and_nothing_is_left(pushed, tmp_path, ending):
    path = some_file(pushed, ending)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(IntegrityError):
        hub.pull(str(pushed), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(IntegrityError):
        run_folder(f"hub:{pushed}")


def relisted(pushed, files):
    write_sealed(pushed / LIST, {"format": 1, "files": files})


CODE = {
    "setup.py": b"raise SystemExit('ran')",
    "weights.pkl": b"\x80\x04.",
    "pytorch_model.bin": b"\x80\x04.",
    "checkpoints/x/__init__.py": b"",
    "config.yaml.so": b"\x7fELF",
}


@pytest.mark.parametrize("name", CODE)
def test_code_beside_a_run_is_not_taken(pushed, tmp_path, name, capsys):
    (pushed / name).parent.mkdir(parents=True, exist_ok=True)
    (pushed / name).write_bytes(CODE[name])
    hub.pull(str(pushed), tmp_path / "out")
    assert not (tmp_path / "out" / name).exists()
    assert name in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", [*CODE, "../outside.json", "/etc/x.json", "evaluation/../../x.json"]
)
def test_code_or_a_way_out_in_the_list_is_refused(pushed, tmp_path, name):
    files = dict(read_list(pushed / LIST))
    relisted(pushed, {**files, name: {"sha256": "0" * 64, "bytes": 1}})
    with pytest.raises(IntegrityError, match="no data file"):
        hub.pull(str(pushed), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_is_refused(pushed, tmp_path, what):
    path = some_file(pushed, "encoder.safetensors")
    moved = tmp_path / "moved"
    (path if what == "file" else path.parent).rename(moved)
    (path if what == "file" else path.parent).symlink_to(moved)
    with pytest.raises(IntegrityError, match="link"):
        hub.pull(str(pushed), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_run_is_told(tmp_path, cache):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no run"):
        hub.pull(str(tmp_path / "empty"), tmp_path / "out")
    with pytest.raises(DataError, match="no such folder"):
        hub.pull("./nowhere", tmp_path / "out")
    with pytest.raises(UsageError, match="ORG/NAME"):
        hub.pull("hub:no/such/name/at/all", tmp_path / "out")


def test_an_unfinished_run_and_a_folder_in_use_are_refused(trained, tmp_path, cache):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="other things"):
        hub.push(trained, str(tmp_path / "used"), licence="other")
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    pointer = json.loads((run / "checkpoints/last.json").read_text())
    name = pointer["checkpoint"].removesuffix("-final")
    (run / "checkpoints" / pointer["checkpoint"]).rename(run / "checkpoints" / name)
    (run / "checkpoints/last.json").write_text(json.dumps({"checkpoint": name}))
    (run / "vouched.json").unlink()
    with pytest.raises(UsageError, match="not finished"):
        hub.push(run, str(tmp_path / "out"), licence="other")


def test_an_untrained_encoder_is_pushed_too(tmp_path, cache, capsys):
    named = "timm:tf_efficientnet_lite0?weights=none&stage=1&size=32"
    out = tmp_path / "hub"
    assert main(["push", named, str(out), "--licence", "Apache-2.0"]) == 0
    assert "Not trained by georet" in (out / CARD).read_text()
    assert main(["pull", str(out), "--out", str(tmp_path / "run")]) == 0
    assert np.array_equal(embeddings(tmp_path / "run"), embeddings(named))


def answer_as_hub(folder):
    """Answer as the hub does: the tree of files, and each file by name."""

    def answer(request, path, times):
        files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
        if path.startswith("/api/models/acme/town/tree/"):
            tree = [
                {"type": "file", "path": n, "size": p.stat().st_size, "oid": "0" * 40}
                for n, p in files.items()
            ]
            request.send(json.dumps(tree).encode(), kind="application/json")
            return
        name = path.removeprefix("/acme/town/resolve/main/")
        if name not in files:
            request.send(b"", 404)
            return
        told = {"etag": f'"{abs(hash(name)):040x}"', "x_repo_commit": "1" * 40}
        request.send(files[name].read_bytes(), kind="application/octet-stream", **told)

    return answer


def test_a_hub_is_asked_by_its_own_client(trained, pushed, tmp_path):
    (pushed / "evil.py").write_text("raise SystemExit")
    host = LocalHost(answer_as_hub(pushed))
    environment = {
        **os.environ, "HF_ENDPOINT": host.url, "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
        "GEORET_CACHE": str(tmp_path / "c"), "no_proxy": "127.0.0.1",
    }  # fmt: skip
    command = [sys.executable, "-m", "georet", "pull", "acme/town", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "evil.py" in done.stderr
    assert not any("evil.py" in path for path in host.requests)
    assert np.array_equal(embeddings(tmp_path / "run"), embeddings(trained))
    missing = [sys.executable, "-m", "georet", "pull", "acme/none", "--out", str(tmp_path / "x")]
    done = subprocess.run(missing, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr
    host.close()


def test_what_is_uploaded_is_what_a_folder_gets(trained, pushed, tmp_path, monkeypatch):
    import huggingface_hub

    sent = {}

    class Api:
        def create_repo(self, name, private, exist_ok):
            sent["private"] = private
            return f"https://hub/{name}"

        def upload_folder(self, repo_id, folder_path, **_):
            shutil.copytree(folder_path, tmp_path / "sent")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert hub.push(trained, "acme/town", licence="Apache-2.0") == "https://hub/acme/town"
    assert sent["private"] is True
    assert set(read_list(tmp_path / "sent" / LIST)) == set(read_list(pushed / LIST))


def test_georet_errors_are_kept(cache):
    with pytest.raises(GeoretError):
        Encoder.from_pretrained("hub:acme")
