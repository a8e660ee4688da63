"""Weights for losses in latent space: of channels, whose scales and effects differ, and of positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from latent_inpaint.losses.base import non_negative
from latent_inpaint.models.output import InpaintingOutput


def channel_variance(latent: Tensor) -> Tensor:
    """Variance of each channel of `[B, C, h, w]` over pictures and positions, `[C]`."""
    return latent.var(dim=(0, 2, 3), unbiased=False)


def squared_sensitivity(
    decode: Callable[[Tensor], Tensor], latent: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Mean over positions of `Σ_pixels (∂D/∂z_c)²`: the squared change of the picture per squared change of a
    channel.

    Hutchinson's estimate with one normal vector: the mean square of `Jᵀv` is the mean squared norm of J's
    columns.

    Args:
        decode: maps latents `[B, C, h, w]` to pictures.
        latent: where the decoder is differentiated, `[B, C, h, w]`.
        generator: source of the random vector, on the CPU; None: PyTorch's global one.

    Returns:
        `[C]`, no gradient.
    """
    with torch.inference_mode(False), torch.enable_grad():
        point = latent.detach().clone().requires_grad_()
        picture = decode(point)
        direction = torch.randn(picture.shape, generator=generator).to(picture)
        (gradient,) = torch.autograd.grad(picture, point, direction)
    return gradient.float().square().mean(dim=(0, 2, 3))


def hole_at_latent(hole: Tensor, size: tuple[int, int], receptive_field: int, share: bool = False) -> Tensor:
    """How much of each latent position's receptive field is hole.

    Position (i, j) of an encoder made of stride-2 convolutions with odd kernels sees a window centred at
    pixel (f·i, f·j), f being the down factor.

    Args:
        hole: `[B, 1, H, W]` in {0, 1}, 1 = hole; H and W multiples of the latent's.
        size: height and width of the latent.
        receptive_field: side of the window in pixels, odd; `7 + 2·(2^n − 1)` for LaMa's encoder with n
            halvings: 21 for n = 3. 1 looks at the centre only.
        share: give the share of the window that is hole, in [0, 1], instead of 1 where any of it is.

    Returns:
        `[B, 1, h, w]`.

    Raises:
        ValueError: receptive_field is even or below 1, or the sizes do not fit.
    """
    if receptive_field < 1 or receptive_field % 2 == 0:
        raise ValueError(f"receptive_field must be odd and at least 1, got {receptive_field}")
    height, width = size
    stride = hole.shape[-2] // height
    if stride < 1 or list(hole.shape[-2:]) != [stride * height, stride * width]:
        raise ValueError(
            f"hole must be a multiple of the latent's size {height}×{width}, got {list(hole.shape[-2:])}"
        )
    padding = receptive_field // 2
    if share:
        return functional.avg_pool2d(hole, receptive_field, stride, padding, count_include_pad=False)
    return functional.max_pool2d(hole, receptive_field, stride, padding)


class ChannelWeights(nn.Module):
    """One weight per latent channel, from a statistic that is averaged over the first training batches, then
    fixed.

    The statistic and the count are buffers: they are in checkpoints, and a resumed run goes on with them.

    Args:
        channels: channels of the latent.
        n_batches: batches over which the statistic is averaged, at least 1.

    Raises:
        ValueError: channels or n_batches below 1.
    """

    statistic: Tensor
    batches_seen: Tensor

    def __init__(self, channels: int, n_batches: int) -> None:
        super().__init__()
        for name, value in (("channels", channels), ("n_batches", n_batches)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.n_batches = n_batches
        self.register_buffer("statistic", torch.zeros(channels))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.long))

    def measure(self, output: InpaintingOutput) -> Tensor:
        """The statistic of one batch, `[C]`."""
        raise NotImplementedError

    def weigh(self, statistic: Tensor) -> Tensor:
        """Weights of an averaged statistic, `[C]` → `[C]`."""
        raise NotImplementedError

    @torch.no_grad()
    def forward(self, output: InpaintingOutput) -> Tensor:
        """Weights `[C, 1, 1]`; in train mode the first `n_batches` batches are counted in.

        Raises:
            ValueError: the latent has another number of channels.
        """
        seen = int(self.batches_seen)
        if seen == 0 or (self.training and seen < self.n_batches):
            statistic = self.measure(output)
            if statistic.shape != self.statistic.shape:
                raise ValueError(
                    f"channels must be the latent's, {len(statistic)}, got {len(self.statistic)}"
                )
            if not self.training:
                return self.weigh(statistic)[:, None, None]
            self.statistic += (statistic - self.statistic) / (seen + 1)
            self.batches_seen += 1
        return self.weigh(self.statistic)[:, None, None]


class InverseDeviation(ChannelWeights):
    """`1 / deviation` of each channel of the true latents, so that all channels count alike.

    Args:
        channels: channels of the latent.
        n_batches: batches over which the variance is averaged.
        floor: share of the channels' root mean square deviation that is added (squared) to each one's: a
            channel that hardly ever moves must not become the most important one.
    """

    def __init__(self, channels: int, n_batches: int = 100, floor: float = 0.1) -> None:
        super().__init__(channels, n_batches)
        self.floor = non_negative("floor", floor)

    def measure(self, output: InpaintingOutput) -> Tensor:
        """Variance of each channel of `output.target_latent`."""
        return channel_variance(output.target_latent.float())

    def weigh(self, statistic: Tensor) -> Tensor:
        """`1 / √(variance + floor²·mean variance)`."""
        return (statistic + self.floor**2 * statistic.mean()).clamp_min(1e-12).rsqrt()


class DecoderSensitivity(ChannelWeights):
    """Weight of each channel in the picture: root mean square of the decoder's derivative, divided by its
    mean.

    The decoder runs, forward and backward, on the first `n_batches` batches only.

    Args:
        channels: channels of the latent.
        n_batches: batches over which the squared sensitivity is averaged.
    """

    def __init__(self, channels: int, n_batches: int = 20) -> None:
        super().__init__(channels, n_batches)

    def measure(self, output: InpaintingOutput) -> Tensor:
        """Squared sensitivity of the model's decoder at `output.target_latent`."""
        generator = torch.Generator().manual_seed(int(self.batches_seen))
        return squared_sensitivity(output.model.decode, output.target_latent, generator)

    def weigh(self, statistic: Tensor) -> Tensor:
        """`√statistic`, its mean made 1."""
        sensitivity = statistic.sqrt()
        return sensitivity / sensitivity.mean().clamp_min(1e-12)


@dataclass(frozen=True)
class HoleWeights:
    """Weights of the latent's positions: `known_weight + (hole_weight − known_weight) · damage`.

    The damage is what `hole_at_latent` says: features next to the hole are damaged too (thesis, equation
    4.1).

    Args:
        hole_weight: weight of damaged positions, at least 0.
        known_weight: weight of undamaged positions, at least 0.
        receptive_field: side in pixels of what a latent position sees, odd.
        share: weigh by the share of the hole in the receptive field instead of whether there is any.
    """

    hole_weight: float = 1.0
    known_weight: float = 1.0
    receptive_field: int = 21
    share: bool = False

    def __post_init__(self) -> None:
        non_negative("hole_weight", self.hole_weight)
        non_negative("known_weight", self.known_weight)
        if self.receptive_field < 1 or self.receptive_field % 2 == 0:
            raise ValueError(f"receptive_field must be odd and at least 1, got {self.receptive_field}")

    def __call__(self, hole: Tensor, size: tuple[int, int]) -> Tensor:
        """Weights `[B, 1, h, w]` for a hole `[B, 1, H, W]` in {0, 1} and a latent of `size` (h, w)."""
        damage = hole_at_latent(hole, size, self.receptive_field, self.share)
        return self.known_weight + (self.hole_weight - self.known_weight) * damage
