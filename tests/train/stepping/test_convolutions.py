"""Convolutions on a CPU: the same outputs and gradients as torch's, in less time."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

from georet.train.stepping import convolutions
from georet.train.stepping.convolutions import quick_gradients

CPU = torch.device("cpu")
CASES = [
    # images, kernel, stride, padding, bias
    ((3, 20, 5, 7), (5, 5), 1, 2, False),
    ((2, 64, 2, 2), (5, 5), 1, 2, False),
    ((2, 9, 12, 9), (7, 7), 1, 3, True),
    ((2, 16, 9, 11), (5, 3), (2, 1), (2, 0), True),
    ((4, 33, 4, 4), (3, 3), 1, 1, False),
]


@pytest.fixture
def own(monkeypatch):
    """Count the gradients that are georet's own."""
    made: list[torch.Size] = []
    whole = convolutions.weight_gradient

    def counted(images, gradient, shape, stride, padding):
        made.append(shape)
        return whole(images, gradient, shape, stride, padding)

    monkeypatch.setattr(convolutions, "weight_gradient", counted)
    return made


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("shape", "kernel", "stride", "padding", "has_bias"), CASES)
def test_gradients_are_those_of_torch_in_double_precision(
    shape, kernel, stride, padding, has_bias, layout, own
):
    draw = torch.Generator().manual_seed(0)
    channels = shape[1]
    given = [
        torch.randn(shape, generator=draw).contiguous(memory_format=layout),
        torch.randn((channels, 1, *kernel), generator=draw),
        *([torch.randn(channels, generator=draw)] if has_bias else []),
    ]

    def gradients(tensors):
        tensors = [tensor.detach().requires_grad_() for tensor in tensors]
        out = F.conv2d(*tensors, stride=stride, padding=padding, groups=channels)
        weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
        return [out, *torch.autograd.grad((out * weights).sum(), tensors)]

    with quick_gradients(CPU):
        found = gradients(given)
    assert own == [(channels, 1, *kernel)]
    assert torch.equal(found[0], gradients(given)[0])
    for one, exact in zip(found, gradients([t.double() for t in given]), strict=True):
        assert one.shape == exact.shape
        assert torch.allclose(one.double(), exact, rtol=0, atol=2e-6 * exact.abs().max().item())


def test_sums_do_not_depend_on_threads():
    images, gradient = torch.randn(5, 40, 6, 6), torch.randn(5, 40, 6, 6)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            shape = torch.Size((40, 1, 5, 5))
            found.append(convolutions.weight_gradient(images, gradient, shape, (1, 1), (2, 2)))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def conv(kernel=5, **settings) -> nn.Conv2d:
    return nn.Conv2d(8, 8, kernel, **({"groups": 8, "padding": kernel // 2} | settings))


LEFT = {
    "no depthwise kernel": (conv(groups=4), torch.float32),
    "dilated": (conv(dilation=2), torch.float32),
    "frozen": (conv().requires_grad_(False), torch.float32),
    "fp64": (conv().double(), torch.float64),
    "small kernel on a large map": (conv(kernel=3), torch.float32),
}


@pytest.mark.parametrize("case", LEFT)
def test_all_else_is_left_to_torch(case, own):
    module, dtype = LEFT[case]
    images = torch.randn(2, 8, 14, 14, dtype=dtype, requires_grad=True)
    with quick_gradients(CPU):
        module(images).sum().backward()
    assert own == []
    assert images.grad is not None


def test_under_autocast_torch_does_all(own):
    module, images = conv(), torch.randn(2, 8, 6, 6)
    with quick_gradients(CPU), torch.autocast("cpu", torch.bfloat16):
        module(images).float().sum().backward()
    assert own == []


def test_gradients_of_checkpointed_activations_are_the_same(own):
    module, images = conv(), torch.randn(2, 8, 6, 6, requires_grad=True)
    found = []
    for is_checkpointed in (False, True):
        module.zero_grad()
        with quick_gradients(CPU):
            given = (checkpoint, module) if is_checkpointed else (module,)
            options = {"use_reentrant": False} if is_checkpointed else {}
            given[0](*given[1:], images, **options).square().sum().backward()
        found.append(module.weight.grad.clone())
    assert torch.equal(*found)
    assert len(own) == 2


@pytest.fixture
def products(monkeypatch):
    """Count the convolutions that are made products of matrices."""
    made: list[torch.Size] = []
    whole = F.linear

    def counted(rows, weight, bias):
        made.append(weight.shape)
        return whole(rows, weight, bias)

    monkeypatch.setattr(convolutions.F, "linear", counted)
    return made


@pytest.mark.parametrize("shape", [(3, 20, 5, 7), (2, 64, 1, 1), (16, 8, 16, 16)])
@pytest.mark.parametrize("has_bias", [False, True])
def test_kernels_of_one_position_are_products_with_the_gradients_of_double_precision(
    shape, has_bias, products
):
    draw = torch.Generator().manual_seed(0)
    last = torch.channels_last
    images = torch.randn(shape, generator=draw).contiguous(memory_format=last)
    module = nn.Conv2d(shape[1], 12, 1, bias=has_bias).to(memory_format=last)

    def gradients(images, module):
        images = images.detach().requires_grad_()
        out = module(images)
        weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)
        found = torch.autograd.grad((out * weights).sum(), [images, *module.parameters()])
        return [out, *found]

    with quick_gradients(CPU):
        found = gradients(images, module)
    assert products == [(12, shape[1])]
    assert found[0].is_contiguous(memory_format=last)
    for one, exact in zip(found, gradients(images.double(), module.double()), strict=True):
        assert one.shape == exact.shape
        assert torch.allclose(one.double(), exact, rtol=0, atol=2e-6 * exact.abs().max().item())


ELSEWHERE = {
    "channels first": (conv(1, groups=1), torch.randn(2, 8, 5, 5)),
    "large maps": (conv(1, groups=1), torch.randn(2, 46, 46, 8).permute(0, 3, 1, 2)),
    "with a stride": (conv(1, groups=1, stride=2), torch.randn(2, 5, 5, 8).permute(0, 3, 1, 2)),
    "with a border": (conv(1, groups=1, padding=1), torch.randn(2, 5, 5, 8).permute(0, 3, 1, 2)),
    "frozen": (
        conv(1, groups=1).requires_grad_(False),
        torch.randn(2, 5, 5, 8).permute(0, 3, 1, 2),
    ),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_other_kernels_of_one_position_are_left_to_torch(case, products):
    module, images = ELSEWHERE[case]
    with quick_gradients(CPU):
        assert torch.equal(
            module(images),
            torch.conv2d(
                images,
                module.weight,
                module.bias,
                stride=module.stride,
                padding=module.padding,
            ),
        )
    assert products == []
