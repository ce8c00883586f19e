"""The deployable graph: what is inside, what stays outside, and that the encoder is left alone."""

from __future__ import annotations

import onnx
import pytest
import torch

from georet.encoder import Branch, Encoder
from georet_export.onnx.graph import Deployable


@pytest.fixture(scope="module")
def encoder(tools):
    return tools.tiny()


def test_it_embeds_as_the_encoder_does(encoder, tools):
    images = tools.images(5, (32, 32))
    with torch.inference_mode():
        found = Deployable(encoder.branch("query"))(torch.from_numpy(images)).numpy()
    assert found == pytest.approx(tools.torch(encoder, images), abs=1e-6)


def test_normalisation_is_inside(encoder):
    seen = []

    class Spy(torch.nn.Module):
        embed_dim, mean, std = 3, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)

        def forward(self, images):
            seen.append(images)
            return images.mean(dim=(2, 3)) + 1

    image = torch.randint(0, 256, (2, 8, 6, 3), dtype=torch.uint8)
    graph = Deployable(Branch(Spy()))
    graph.backbone = Spy()
    graph(image)
    expected = (image / 255 - torch.tensor(Spy.mean)) / torch.tensor(Spy.std)
    torch.testing.assert_close(seen[-1], expected.permute(0, 3, 1, 2))


def test_half_precision_keeps_unit_length_and_the_encoder_as_it_was(encoder, tools):
    encoder.train()
    graph = Deployable(encoder.branch("query"), is_half=True)
    with torch.inference_mode():
        found = graph(torch.from_numpy(tools.images(4, (32, 32))))
    assert found.dtype == torch.float32
    assert found.norm(dim=1).numpy() == pytest.approx(1, abs=1e-6)
    assert {p.dtype for p in graph.backbone.parameters()} == {torch.float16}
    assert {p.dtype for p in encoder.parameters()} == {torch.float32}
    assert encoder.training
    assert all(p.requires_grad for p in encoder.parameters())
    encoder.eval()


def test_parts_that_return_float32_on_purpose_work_in_half_precision(tools):
    encoder = tools.timm("test_convnext", 32, pool="gem", embed_dim=16)
    images = tools.images(3, (32, 32))
    with torch.inference_mode():
        found = Deployable(encoder.branch("query"), is_half=True)(torch.from_numpy(images)).numpy()
    assert (found * tools.torch(encoder, images)).sum(axis=1).min() > 0.9999


def test_recomputing_activations_is_switched_off_in_the_copy_alone(tools):
    encoder = tools.timm("test_convnext", 32, grad_checkpointing=True)
    graph = Deployable(encoder.branch("query"))
    flags = [m.grad_checkpointing for m in graph.modules() if hasattr(m, "grad_checkpointing")]
    own = [m.grad_checkpointing for m in encoder.modules() if hasattr(m, "grad_checkpointing")]
    assert flags
    assert not any(flags)
    assert any(own)


def test_the_image_is_cast_before_anything_else(tiny_onnx):
    model = onnx.load(tiny_onnx)
    readers = {node.op_type for node in model.graph.node if "image" in node.input}
    assert readers - {"Shape"} == {"Cast"}


def test_what_only_training_uses_does_not_travel(tiny_onnx, encoder):
    branch: Encoder | Branch = encoder.branch("query")
    num_weights = sum(p.numel() for p in branch.backbone.parameters())
    floats = [t for t in onnx.load(tiny_onnx).graph.initializer if t.data_type == 1]
    num_found = sum(onnx.numpy_helper.to_array(t).size for t in floats)
    # Scale and shift of three channels, and a handful of scalars such as eps.
    assert num_weights <= num_found <= num_weights + 6 + 8
