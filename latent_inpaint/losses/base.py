"""What every loss has in common: the term of an objective, and the checks of its arguments."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from latent_inpaint.spaces import Outputs


class LossTerm(nn.Module):
    """One term of an objective: a weight, and a value that `forward` computes from a lazy output.

    Args:
        weight: factor of the term in the objective, finite and at least 0; 0 switches the term off.
        every: steps from one evaluation of the term to the next; where it is evaluated it counts so many
            times.

    Attributes:
        noted: what else is logged of the last evaluation, by name: 0-dimensional, finite, without gradient.
        begins_as: names of its networks that a stage must let begin as trained ones, by `copies`.

    Raises:
        ValueError: weight is negative or not finite, or every is below 1.
    """

    begins_as: tuple[str, ...] = ()

    def __init__(self, weight: float = 1.0, every: int = 1) -> None:
        super().__init__()
        self.weight = non_negative("weight", weight)
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self.every = every
        self.noted: dict[str, Tensor] = {}

    def forward(self, outputs: Outputs) -> Tensor:
        """The term's value without its weight, a scalar tensor."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        """The weight, as it is shown by `print`."""
        return f"weight={self.weight}"


def non_negative(name: str, value: float) -> float:
    """`value` as a float, or a ValueError naming the argument unless it is finite and at least 0.

    Example:
        >>> non_negative("weight", 2)
        2.0
        >>> non_negative("weight", -1)
        Traceback (most recent call last):
        ValueError: weight must be finite and at least 0, got -1
    """
    number = float(value)
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"{name} must be finite and at least 0, got {value}")
    return number


def check_same_shape(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Raise a ValueError unless the two tensors have one shape: broadcasting would hide a mistake.

    Example:
        >>> check_same_shape("latent", torch.zeros(1, 2), "target", torch.zeros(2, 1))
        Traceback (most recent call last):
        ValueError: latent and target must have one shape, got [1, 2] and [2, 1]
    """
    if tensor.shape != other.shape:
        raise ValueError(
            f"{name} and {other_name} must have one shape, got {list(tensor.shape)} and {list(other.shape)}"
        )


def check_hole(hole: Tensor, image: Tensor) -> None:
    """Raise a ValueError unless `hole` is `[B, 1, H, W]` for a tensor `image` of shape `[B, C, H, W]`.

    Example:
        >>> check_hole(torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8))
    """
    expected = [image.shape[0], 1, *image.shape[-2:]]
    if list(hole.shape) != expected:
        raise ValueError(f"hole must have the shape {expected}, got {list(hole.shape)}")


def at_least_float32(tensor: Tensor) -> Tensor:
    """A half precision tensor in float32, where sums and exponentials are sound; any other as it is.

    Example:
        >>> at_least_float32(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return tensor if tensor.dtype == torch.float64 else tensor.float()
