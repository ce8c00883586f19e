"""An encoder named `timm:...` works wherever a run does, and is the same wherever it is made."""

from __future__ import annotations

import json
import socket

import cv2
import numpy as np
import pytest
import rasterio
import timm
import torch
from rasterio.transform import from_origin
from safetensors.torch import save_file

from georet import Gallery
from georet.cli import main
from georet.errors import ConfigError, DataError, UsageError
from georet.pretrained import making
from georet.pretrained.making import make_run, run_folder
from georet.pretrained.naming import untrained
from georet.run_layout import MANIFEST
from georet.sessions import SessionSpec
from georet.train.checkpoint import load_checkpoint
from georet.types import REFERENCE

LITE0 = "timm:tf_efficientnet_lite0?weights=lite0&stage=3&size=64"
VIT = "timm:test_vit?weights={}&size={}"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GEORET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def area(tmp_path):
    """A map of 120 m, and a photo of a place in it."""
    rng = np.random.default_rng(0)
    layers = [rng.normal(size=(600 // s + 2, 600 // s + 2, 3)) * s for s in (4, 16, 64)]
    grown = [cv2.resize(x.astype(np.float32), (600, 600), interpolation=2) for x in layers]
    image = sum(grown)
    image = ((image - image.min()) / np.ptp(image) * 255).astype(np.uint8)
    profile = {"driver": "GTiff", "width": 600, "height": 600, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5200000, 0.2, 0.2)}
    with rasterio.open(tmp_path / "area.tif", "w", **profile, **place) as raster:
        raster.write(image.transpose(2, 0, 1))
    cv2.imwrite(str(tmp_path / "photo.png"), image[200:300, 300:400, ::-1])
    return tmp_path / "area.tif", tmp_path / "photo.png"


def test_a_name_without_timm_before_it_is_guessed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no such folder") as caught:
        run_folder("tf_efficientnet_lite0")
    assert "timm:tf_efficientnet_lite0?weights=" in caught.value.hint
    assert str(run_folder("no_model_of_that_name")) == "no_model_of_that_name"
    (tmp_path / "tf_efficientnet_lite0").mkdir()
    assert str(run_folder("tf_efficientnet_lite0")) == "tf_efficientnet_lite0"


def identity_of(named):
    session = SessionSpec(run_folder(named), view=REFERENCE).open()
    session.close()
    return session.identity


def weights_of(model, path, **options):
    torch.manual_seed(3)
    net = timm.create_model(model, num_classes=0, **options).eval()
    save_file(net.state_dict(), path)
    return net


def test_from_an_empty_folder_a_map_is_built_and_a_photo_located(cache, area, tmp_path, capsys):
    tif, photo = area
    out = str(tmp_path / "area.gallery")
    build = ["gallery", "build", str(tif), "--encoder", LITE0, "--side", "20m", "--out", out]
    assert main(build) == 0
    assert main(["locate", out, str(photo), "--json"]) == 0
    assert main(["locate", out, str(photo), "--encoder", LITE0]) == 0
    assert main(["encoder", "make", LITE0, "--out", str(tmp_path / "run")]) == 0
    assert main(["verify", str(tmp_path / "run")]) == 0
    assert main(["locate", out, str(photo), "--encoder", str(tmp_path / "run"), "--json"]) == 0
    lines = capsys.readouterr().out
    first = json.loads(lines[lines.rindex('{"schema"') :])["locations"][0]["candidates"][0]
    # The photo shows columns 300 to 400 and rows 200 to 300 of tiles of 100 pixels.
    assert first["id"] == "20m/2/3"


@pytest.fixture
def on_tiny(tiny_root):
    """Options that judge by the tiny data set."""
    data = f"dataset={{name: georet.testing.plugin:tiny, root: {tiny_root}, size: 32}}"
    return ["--plugins", "sample4geo,georet.testing.plugin", "--set", data]


def test_export_and_benchmark_take_the_name(cache, tmp_path, monkeypatch, capsys, on_tiny):
    monkeypatch.chdir(tmp_path)
    assert main(["export", LITE0, "--onnx", "--images", "24", *on_tiny]) == 0
    artefact = "tf_efficientnet_lite0-export/onnx-fp32"
    found = json.loads((tmp_path / artefact / "artefact.json").read_text())
    assert found["fidelity"]["gate"]["passed"]
    assert identity_of(LITE0).weights_sha256 in json.dumps(found["identity"])
    command = ["benchmark", LITE0, artefact, "--seconds", "0.05", "--batch", "1", "--images", "4"]
    assert main([*command, "--json", *on_tiny]) == 0
    assert "onnxruntime" in capsys.readouterr().out


def test_eval_takes_the_name_and_another_data_set(cache, on_tiny, capsys):
    assert main(["eval", LITE0, *on_tiny, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["metrics"]


def test_python_takes_the_name(cache, area, tmp_path):
    from georet.tiles.tiling import Tiling

    gallery = Gallery.build(area[0], LITE0, tmp_path / "g", tiling=Tiling((40.0,)))
    assert len(gallery) == 9
    assert gallery.encoder == identity_of(LITE0)


def test_the_same_name_is_made_once_and_is_the_same_weights_anywhere(cache, tmp_path, monkeypatch):
    first = run_folder(LITE0)
    monkeypatch.setattr(making, "make_run", None)
    assert run_folder(LITE0) == first
    monkeypatch.undo()
    other = make_run(untrained(LITE0), tmp_path / "elsewhere")
    assert load_checkpoint(first).weights.keys() == load_checkpoint(other).weights.keys()
    session = SessionSpec(other, view=REFERENCE).open()
    monkeypatch.setenv("GEORET_CACHE", str(cache))
    assert session.identity == identity_of(LITE0)


def test_what_leaves_no_tensor_still_tells_encoders_apart(cache):
    names = [f"{LITE0}&{more}" for more in ("pool=avg", "pool=max", "pool=gem", "mean=[0, 0, 0]")]
    found = [identity_of(name) for name in names]
    assert len({one.weights_sha256 for one in found}) == 4
    assert {one.resize_rule for one in found} == {"bilinear-antialias"}


def test_a_letterboxed_encoder_is_another_one_and_squashing_keeps_its_name(cache):
    plain = untrained("timm:test_vit?weights=none&size=32")
    same = untrained("timm:test_vit?weights=none&size=32&fit=squash")
    boxed = untrained("timm:test_vit?weights=none&size=32&fit=letterbox")
    assert plain.key() == same.key() != boxed.key()
    assert identity_of(boxed.text).resize_rule == "bilinear-antialias-letterbox"


def test_mean_std_and_size_are_those_of_the_weights(cache, tmp_path):
    net = weights_of("test_vit", tmp_path / "w.safetensors")
    folder = run_folder(f"timm:test_vit?weights={tmp_path / 'w.safetensors'}")
    spec = SessionSpec(folder, view=REFERENCE)
    session = spec.open()
    assert session.identity.size == tuple(net.pretrained_cfg["input_size"][1:])
    images = np.random.default_rng(0).integers(0, 255, (2, *session.identity.size, 3), np.uint8)
    mean, std = (torch.tensor(net.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        pixels = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - mean) / std
        wanted = torch.nn.functional.normalize(net(pixels)).numpy()
    assert np.allclose(session.embed(images), wanted, atol=1e-5)


def test_positions_of_a_transformer_are_resampled_to_another_size_as_timm_does(cache, tmp_path):
    path = tmp_path / "w.safetensors"
    weights_of("test_vit", path)
    session = SessionSpec(run_folder(VIT.format(path, 96)), view=REFERENCE).open()
    overlay = {"file": str(path), "num_classes": 0}
    options = {"num_classes": 0, "img_size": 96, "pretrained_cfg_overlay": overlay}
    net = timm.create_model("test_vit", pretrained=True, **options).eval()
    images = np.random.default_rng(0).integers(0, 255, (2, 96, 96, 3), np.uint8)
    mean, std = (torch.tensor(net.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.inference_mode():
        pixels = (torch.from_numpy(images).permute(0, 3, 1, 2) / 255 - mean) / std
        wanted = torch.nn.functional.normalize(net(pixels)).numpy()
    assert np.allclose(session.embed(images), wanted, atol=1e-5)


def test_another_weights_file_of_the_same_name_is_another_encoder(cache, tmp_path):
    path = tmp_path / "w.safetensors"
    weights_of("test_vit", path)
    first = identity_of(VIT.format(path, 160))
    tensors = {
        n: t + 1 for n, t in timm.create_model("test_vit", num_classes=0).state_dict().items()
    }
    save_file(tensors, path)
    assert identity_of(VIT.format(path, 160)).weights_sha256 != first.weights_sha256


def test_no_place_of_a_weights_file_gets_into_the_run(cache, tmp_path):
    path = tmp_path / "w.safetensors"
    weights_of("test_vit", path)
    folder = run_folder(VIT.format(path, 160))
    told = [(folder / name).read_text() for name in ("config.yaml", "plugins.json")]
    about = json.loads((folder / MANIFEST).read_text())
    assert about["untrained"]["options"]["weights"] == "w.safetensors"
    assert not any(str(tmp_path) in text for text in told)


def test_offline_the_file_to_fetch_is_named(cache, monkeypatch):
    def no_network(*_):
        raise socket.gaierror("no network")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    model = "vit_small_patch14_reg4_dinov2.lvd142m"
    with pytest.raises(DataError) as error:
        run_folder(f"timm:{model}")
    url = f"https://huggingface.co/timm/{model}/resolve/main/model.safetensors"
    assert url in str(error.value)
    assert "weights=FILE.safetensors" in str(error.value)
    assert not list((cache / "encoders").glob("*"))


@pytest.mark.parametrize(
    ("named", "error", "words"),
    [
        ("tim:resnet18", DataError, "did you mean 'timm'?"),
        ("timm:resnet188?weights=none", UsageError, "resnet18"),
        ("timm:resnet18?weights=none&stge=2", ConfigError, "did you mean 'stage'?"),
        ("timm:resnet18?weights=none&size=big", UsageError, "size=224"),
        ("timm:resnet18?weights=none&size=0", UsageError, "size=224"),
        ("timm:resnet18?weights=none&fit=stretch", UsageError, "Known: squash, crop, letterbox"),
        ("timm:resnet18?weights=none&pool=cls", ConfigError, "no class token"),
        ("timm:resnet18?weights=gone.safetensors", DataError, "does not exist"),
        ("timm:resnet18?weights=lite0", ConfigError, "tf_efficientnet_lite0"),
        ("timm:resnet18?weights", UsageError, "key=value"),
    ],
)
def test_a_mistake_is_told(cache, named, error, words):
    with pytest.raises(error) as found:
        run_folder(named)
    assert words in str(found.value)


def test_weights_that_are_code_are_not_run(cache, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    torch.save({"x": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(DataError):
        run_folder(VIT.format(tmp_path / "evil.pth", 160))
    assert not (tmp_path / "touched").exists()


def test_a_licence_that_restricts_is_said_when_its_weights_are_used(cache, tmp_path, capsys):
    model = "vit_small_patch16_dinov3"
    weights_of(model, tmp_path / "w.safetensors", depth=1)
    from georet_sample4geo.pretrained import notice

    assert notice("vit_small_patch14_reg4_dinov2.lvd142m") is None
    assert notice("vit_small_patch16_dinov3.lvd1689m") is not None
    with pytest.raises(DataError):  # the file holds one block of twelve
        run_folder(f"timm:{model}?weights={tmp_path / 'w.safetensors'}&size=32")
    assert "dinov3-license" in capsys.readouterr().err


def test_the_list_tells_use_memory_and_licence(capsys):
    assert main(["encoder", "list"]) == 0
    shown = capsys.readouterr().out
    assert "dinov3-license (read it)" in shown
    assert main(["encoder", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    for each in found:
        untrained(each["name"])  # it can be read, and its options are known
        assert each["bytes"] == 4 * each["num_parameters"]
    lite0 = next(each for each in found if "lite0" in each["name"])
    net = timm.create_model("tf_efficientnet_lite0", num_classes=0)
    assert lite0["num_parameters"] == sum(p.numel() for p in net.parameters())


def test_a_whitening_is_fitted_to_the_users_own_tiles(cache, area, tmp_path, capsys):
    out, tif = tmp_path / "white", str(area[0])
    command = ["encoder", "make", LITE0, "--out", str(out), "--tiles", tif, "--side", "10m"]
    assert main([*command, "--fit", "whitening:dim=16"]) == 0
    session = SessionSpec(out, view=REFERENCE).open()
    assert session.identity.embed_dim == 16
    gallery = Gallery.build(tif, out, tmp_path / "g", tiling=tiling_of(10.0))
    rows = gallery.embeddings
    # Of unit length each, and no direction outweighs the others by far.
    variances = np.linalg.eigvalsh(np.cov(rows.T))
    plain = Gallery.build(tif, LITE0, tmp_path / "p", tiling=tiling_of(10.0))
    before = np.linalg.eigvalsh(np.cov(plain.embeddings.T))
    assert variances[0] / variances[-1] > 10 * before[-16] / before[-1]
    about = json.loads((out / MANIFEST).read_text())["fitted"]
    assert about["num_tiles"] == len(gallery)
    assert about["fits"][0]["embed_dim"] == 16


def tiling_of(side_m):
    from georet.tiles.tiling import Tiling

    return Tiling((side_m,))


def test_a_fit_without_imagery_is_refused_and_so_is_a_folder_in_use(cache, tmp_path, capsys):
    assert main(["encoder", "make", LITE0, "--fit", "whitening", "--out", str(tmp_path / "a")]) == 2
    assert "--tiles" in capsys.readouterr().err
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("mine")
    assert main(["encoder", "make", LITE0, "--out", str(tmp_path / "used")]) == 2
    assert (tmp_path / "used" / "mine.txt").read_text() == "mine"
    assert main(["encoder", "make", str(tmp_path), "--out", str(tmp_path / "b")]) == 2
