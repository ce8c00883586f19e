"""Convolutions that torch computes slowly on a CPU: depthwise kernels, and 1 x 1 on small maps.

In a step of EfficientNet-Lite0 at 64 px torch spends a fifth of the time on the gradients of its
kernels of 5 x 5; those of ConvNeXt are of 7 x 7. Kernels of 1 x 1 are products of matrices, for
which oneDNN rearranges the weights at each call: as much work as the product where maps are small.
``benchmarks/depthwise.py`` and ``benchmarks/pointwise.py`` compare.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any, Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Pair = tuple[int, int]

SMALL_MAP: Final = 64
"""Positions of a map up to which kernels of 3 x 3 gain as well."""
SMALL_KERNEL: Final = 9
FEW_ROWS: Final = 4096
"""Positions of all maps together up to which a kernel of 1 x 1 is a product of matrices."""


def quick_gradients(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which convolutions on a CPU that learn are those of this module."""
    return _QuickGradients() if device.type == "cpu" else nullcontext()


class _QuickGradients(TorchFunctionMode):
    """While entered, ``conv2d`` and its gradient are what they were but for roundings."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Any = None,
    ) -> Any:
        if func is F.conv2d:
            found = _convolved(*args, **(kwargs or {}))
            if found is not None:
                return found
        return func(*args, **(kwargs or {}))


def _convolved(
    input: Tensor,  # noqa: A002 - as torch names it
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: str | int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor | None:
    """Return the convolution where it is quicker here, None of any other."""
    plain = not isinstance(padding, str) and _pair(dilation) == (1, 1) and input.ndim == 4
    if not plain or not weight.requires_grad or not torch.is_grad_enabled():
        return None
    if input.dtype != torch.float32 or input.device.type != "cpu" or weight.dtype != input.dtype:
        return None
    if torch.is_autocast_enabled("cpu"):
        return None
    steps, border = _pair(stride), _pair(cast("int | Pair", padding))
    if groups == 1 and weight.shape[2:] == (1, 1) and (steps, border) == ((1, 1), (0, 0)):
        return _pointwise(input, weight, bias)
    if groups == weight.shape[0] > 1 == weight.shape[1] and _pays(input, weight, steps, border):
        return cast(Tensor, _Depthwise.apply(input, weight, bias, steps, border))
    return None


def _pointwise(images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """Return float32[N, D, H, W] for images [N, C, H, W] with channels last, None of others."""
    num, _, height, width = images.shape
    rows = images.permute(0, 2, 3, 1)
    if num * height * width > FEW_ROWS or not rows.is_contiguous():
        return None
    return F.linear(rows, weight.flatten(1), bias).permute(0, 3, 1, 2)


def _pays(images: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> bool:
    """Return whether the gradient of a depthwise kernel is quicker here than in torch."""
    (height, width), (down, right) = weight.shape[2:], images.shape[2:]
    num = _positions(down, height, stride[0], padding[0])
    num *= _positions(right, width, stride[1], padding[1])
    return height * width > SMALL_KERNEL or num <= SMALL_MAP


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def _positions(length: int, kernel: int, stride: int, padding: int) -> int:
    return (length + 2 * padding - kernel) // stride + 1


class _Depthwise(torch.autograd.Function):
    """Images float32[N, C, H, W], weights float32[C, 1, K, L] -> float32[N, C, P, Q]."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair
    ) -> Tensor:
        """Convolve as torch does."""
        ctx.save_for_backward(images, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(images, weight, bias, stride, padding, 1, len(weight))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of images, weights and bias."""
        images, weight = ctx.saved_tensors
        wants_images, wants_weight, wants_bias = ctx.needs_input_grad[:3]
        of_images = of_weight = of_bias = None
        if wants_images:
            of_images = torch.ops.aten.convolution_backward(
                gradient,
                images,
                weight,
                None,
                ctx.stride,
                ctx.padding,
                (1, 1),
                False,
                (0, 0),
                len(weight),
                (True, False, False),
            )[0]
        if wants_weight:
            of_weight = weight_gradient(images, gradient, weight.shape, ctx.stride, ctx.padding)
        if wants_bias:
            of_bias = gradient.sum((0, 2, 3))
        return of_images, of_weight, of_bias, None, None


def weight_gradient(
    images: Tensor, gradient: Tensor, shape: torch.Size, stride: Pair, padding: Pair
) -> Tensor:
    """Return float32[C, 1, K, L] for images float32[N, C, H, W], gradient float32[N, C, P, Q].

    Images are shared out over as many threads as torch uses; the sums don't depend on them.
    """
    from georet.train.stepping.depthwise_kernel import add_products

    channels, _, height, width = shape
    # Where they aren't stored with channels last, this copies them.
    x, y = (t.detach().permute(0, 2, 3, 1).contiguous().numpy() for t in (images, gradient))
    parts = torch.zeros(len(images), height, width, channels)

    def add(image: int) -> None:
        add_products(x[image], y[image], parts[image].numpy(), stride, padding)

    threads = min(torch.get_num_threads(), len(images))
    if threads == 1:
        for image in range(len(images)):
            add(image)
    else:
        list(_pool(threads).map(add, range(len(images))))
    return parts.sum(0).permute(2, 0, 1)[:, None].contiguous()


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="georet-depthwise")
