import os
import pickle

import pytest
import torch
from safetensors.torch import save_file

from georet.errors import DataError
from georet_sample4geo.backbones import TimmBackbone
from georet_sample4geo.weights import fit, read_tensors, without_wrapping


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def tensors():
    return {"weight": torch.arange(6.0).view(2, 3), "bias": torch.zeros(2)}


def small_backbone(weights):
    return TimmBackbone(model="resnet10t", weights=str(weights))


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_pth_is_not_run_and_the_message_names_file_and_way_out(tmp_path, is_zip):
    path, mark = tmp_path / "evil.pth", tmp_path / "was-run"
    content = {**tensors(), "extra": Payload(mark)}
    torch.save(content, path, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(DataError) as raised:
        small_backbone(path)
    assert not mark.exists()
    assert all(word in str(raised.value) for word in (str(path), "mkdir", "state_dict()"))


def test_code_in_a_bare_pickle_is_not_run_either(tmp_path):
    path, mark = tmp_path / "evil.pth", tmp_path / "was-run"
    path.write_bytes(pickle.dumps(Payload(mark), protocol=2))
    with pytest.raises(DataError, match=r"evil\.pth"):
        read_tensors(path)
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"hello world", b"PK\x03\x04 broken", b"\x80\x02."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_holds_no_weights_is_called_damaged(tmp_path, content, suffix):
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged") as raised:
        read_tensors(path)
    assert raised.value.where == str(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_truncated_file_is_called_damaged(tmp_path, suffix):
    path = tmp_path / f"half{suffix}"
    save = torch.save if suffix == ".pth" else save_file
    save({"weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(DataError, match="damaged"):
        read_tensors(path)


@pytest.mark.parametrize("content", [torch.zeros(3), {"epoch": 3, **tensors()}, [1, 2], {}])
def test_a_pth_of_other_things_than_named_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(DataError, match="plain table of tensors"):
        read_tensors(tmp_path / "other.pth")


def test_a_nested_state_dict_is_found(tmp_path):
    torch.save({"state_dict": tensors(), "epoch": 3}, tmp_path / "nested.pth")
    assert set(read_tensors(tmp_path / "nested.pth")) == {"weight", "bias"}


@pytest.mark.parametrize("prefix", ["", "model.", "module.model."])
def test_wrappings_of_released_checkpoints_are_taken_off(prefix):
    wrapped = {f"{prefix}{name}": value for name, value in tensors().items()}
    wrapped[f"{prefix.removesuffix('model.')}logit_scale"] = torch.tensor(2.66)
    found = without_wrapping(wrapped)
    assert set(found) - {"logit_scale"} == set(tensors())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_back_bit_for_bit_from_a_sample4geo_checkpoint(tmp_path, suffix):
    torch.manual_seed(1)
    source = small_backbone("none")
    content = {f"model.{name}": value for name, value in source.trunk.state_dict().items()}
    content["logit_scale"] = torch.tensor(2.66)
    save = torch.save if suffix == ".pth" else save_file
    save(content, tmp_path / f"released{suffix}")
    loaded = small_backbone(tmp_path / f"released{suffix}").trunk.state_dict()
    assert all(torch.equal(loaded[name], v) for name, v in source.trunk.state_dict().items())


def test_a_classifier_in_the_file_may_be_left_over(tmp_path):
    content = dict(small_backbone("none").trunk.state_dict())
    content |= {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    save_file(content, tmp_path / "with-classifier.safetensors")
    loaded = small_backbone(tmp_path / "with-classifier.safetensors").trunk.state_dict()
    assert all(torch.equal(tensor, content[name]) for name, tensor in loaded.items())


def test_missing_unknown_and_misshapen_tensors_are_all_named():
    layer = torch.nn.Linear(3, 2)
    with pytest.raises(DataError) as raised:
        fit(layer, {"weight": torch.zeros(2, 4), "scale": torch.zeros(1)}, where="my.pth")
    message = str(raised.value)
    assert message.startswith("my.pth: 3 tensors do not fit")
    assert "bias is missing" in message
    assert "scale is not in the network" in message
    assert "weight has shape (2, 4), the network wants (2, 3)" in message


def test_of_many_faults_the_first_ten_are_listed():
    with pytest.raises(DataError) as raised:
        fit(torch.nn.Linear(1, 1), {f"t{i}": torch.zeros(1) for i in range(20)}, where="x.pth")
    assert str(raised.value).count("\n  t") == 8
    assert "and 12 more" in str(raised.value)
