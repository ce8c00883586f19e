"""LoFTR and XFeat: the networks execute with weights from a file; none of these was trained."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from georet.contracts.refining import Camera
from georet.errors import DataError

pytest.importorskip("kornia")

from georet_matchers.kornia_models import Loftr, Xfeat


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return files of untrained weights in the published formats."""
    import kornia.feature
    from safetensors.torch import save_file

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    loftr = kornia.feature.LoFTR(pretrained=None).state_dict()
    torch.save({"state_dict": {f"matcher.{k}": v for k, v in loftr.items()}}, folder / "l.ckpt")
    xfeat = kornia.feature.XFeat().net.state_dict()
    torch.save(xfeat, folder / "x.pt")
    save_file(xfeat, folder / "x.safetensors")
    return folder


def test_weights_that_were_never_trained_are_executed_and_refused(site, weights):
    photo = site.image[:160, :200]
    tiles = [site.tile((0, 0))]
    for refiner in (
        Loftr(weights / "l.ckpt", rotations=1, px=96),
        Xfeat(weights / "x.pt", rotations=1, px=96),
        Xfeat(weights / "x.safetensors", rotations=1, px=96),
    ):
        found = refiner(photo, tiles, Camera())
        assert not found.is_accepted
        assert "matches agree, 15 are needed" in found.reason


def test_a_picture_and_itself_have_points_in_common(site, weights):
    image = np.ascontiguousarray(site.image[:192, :256])
    refiner = Xfeat(weights / "x.pt")
    refiner._net.detection_threshold = 0.0  # untrained weights are never sure
    ours, theirs = refiner.matches(image, image)
    assert len(ours) > 20
    assert np.abs(ours - theirs).max() < 1e-3
    assert ours.min() >= 0
    assert (ours.max(axis=0) <= (256, 192)).all()


def test_other_files_are_named_and_no_code_in_them_runs(tmp_path, weights):
    with pytest.raises(DataError, match="no such file"):
        Xfeat(tmp_path / "no.pt")
    with pytest.raises(DataError, match="no weights of LoFTR"):
        Loftr(weights / "x.pt")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(DataError, match="no weights of XFeat"):
        Xfeat(tmp_path / "text.pt")

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"a": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(DataError, match="no weights of XFeat"):
        Xfeat(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()
