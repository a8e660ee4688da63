"""The known region while sampling, without training: override, noised known latents, RePaint's resampling.

Known positions are 1 in `where`, unlike in masks of pictures: `where = 1 − hole`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from latent_inpaint.paths.noise import Generators, normal_like
from latent_inpaint.paths.path import Path
from latent_inpaint.paths.samplers import Field, Progress, Projection, Step, check_times


@dataclass(frozen=True)
class Known:
    """What is known of the latents that are sampled.

    Args:
        latent: the true latents where they are known, `[B, C, h, w]`, anything elsewhere.
        where: `[B, 1, h, w]` in {0, 1}, 1 = known.
    """

    latent: Tensor
    where: Tensor

    def put(self, z: Tensor, known: Tensor | None = None) -> Tensor:
        """`z` with `known` (None: the known latents) at the known positions, bit for bit."""
        return torch.where(self.where > 0.5, self.latent if known is None else known, z)


def override(estimate: Field, known: Known) -> Field:
    """GLIDE's denoised override (Nichol et al., 2022): the known latents in the place of ẑ0 where they are
    known. The sampler's last step ends on them exactly.

    Example:
        >>> known = Known(torch.full((1, 1, 1, 2), 7.0), torch.tensor([[[[1.0, 0.0]]]]))
        >>> override(lambda z, t: z, known)(torch.zeros(1, 1, 1, 2), torch.tensor(0.5)).tolist()
        [[[[7.0, 0.0]]]]
    """

    def overridden(z: Tensor, t: Tensor) -> Tensor:
        return known.put(estimate(z, t))

    return overridden


def noised_known(known: Known, path: Path, noise: Tensor) -> Projection:
    """After each step: known positions on their path with one fixed noise, `a·z0 + s·ε` (Blended Latent
    Diffusion; Stable Diffusion with 4 channels; thesis). A straight path, consistent with an ODE.

    Args:
        known: what is known.
        path: path of the sampler.
        noise: ε, `[B, C, h, w]`: what the known positions of the start were noised with.

    Example:
        >>> from latent_inpaint.paths.path import LinearPath
        >>> known = Known(torch.full((1, 1, 1, 2), 4.0), torch.tensor([[[[1.0, 0.0]]]]))
        >>> project = noised_known(known, LinearPath(), noise=torch.zeros(1, 1, 1, 2))
        >>> project(torch.ones(1, 1, 1, 2), torch.tensor(0.25)).tolist()  # 0.75 · 4 where it is known
        [[[[3.0, 1.0]]]]
    """

    def project(z: Tensor, t: Tensor) -> Tensor:
        return known.put(z, path.at(known.latent, noise, t))

    return project


def freshly_noised_known(known: Known, path: Path, generator: Generators) -> Projection:
    """After each step: known positions with fresh noise (RePaint): for samplers that draw noise, too.

    Example:
        >>> from latent_inpaint.paths.path import LinearPath
        >>> known = Known(torch.full((1, 1, 1, 2), 4.0), torch.tensor([[[[1.0, 0.0]]]]))
        >>> project = freshly_noised_known(known, LinearPath(), torch.Generator().manual_seed(0))
        >>> project(torch.ones(1, 1, 1, 2), torch.tensor(0.0)).tolist()  # at the end there is no noise
        [[[[4.0, 1.0]]]]
    """

    def project(z: Tensor, t: Tensor) -> Tensor:
        return known.put(z, path.at(known.latent, normal_like(z, generator), t))

    return project


def position_times(t: Tensor, known: Known) -> Tensor:
    """A time for each position `[B, 1, h, w]`: 0 where it is known (TD-Paint, arXiv 2410.09306).

    Example:
        >>> known = Known(torch.zeros(1, 1, 1, 2), torch.tensor([[[[1.0, 0.0]]]]))
        >>> position_times(torch.tensor(0.5), known).tolist()
        [[[[0.0, 0.5]]]]
    """
    return t.view(-1, 1, 1, 1) * (1 - known.where)


def resampling_schedule(n_steps: int, jump_length: int = 10, n_resample: int = 10) -> list[int]:
    """RePaint's order of moves (Lugmayr et al., 2022): −1 one step towards the picture, a network call; +1
    one step back to noise.

    Whenever a multiple of `jump_length` steps but one is left, the last `jump_length` steps are undone and
    taken again, until they were taken `n_resample` times.

    Args:
        n_steps: steps from noise to picture.
        jump_length: steps that are undone at a time.
        n_resample: how often they are taken; 1 undoes nothing.

    Raises:
        ValueError: one of them is below 1.

    Example:
        >>> moves = resampling_schedule(250, 10, 10)
        >>> moves.count(-1), moves.count(1), sum(moves)
        (2410, 2160, -250)
    """
    for name, value in (("n_steps", n_steps), ("jump_length", jump_length), ("n_resample", n_resample)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    returns = dict.fromkeys(range(1, n_steps - jump_length + 1, jump_length), n_resample - 1)
    moves, left = [], n_steps
    while left > 0:
        moves.append(-1)
        left -= 1
        if returns.get(left, 0) > 0:
            returns[left] -= 1
            moves += [1] * jump_length
            left += jump_length
    return moves


def repaint(
    step: Step,
    z: Tensor,
    times: Tensor,
    moves: list[int],
    path: Path,
    known: Known,
    generator: Generators,
    progress: Progress | None = None,
) -> Tensor:
    """RePaint on any path: after each step the known positions are put in, noised afresh to its time; going
    back, `Path.again` noises the whole latent.

    Args:
        step: one step, such as `ddim_step`.
        z: noise, `[B, C, h, w]`.
        times: `[N + 1]`, descending, in [0, 1].
        moves: `resampling_schedule(N, …)`, or another order that ends at `times[-1]`.
        path: path of the sampler.
        known: what is known.
        generator: of all noise.
        progress: called after each network call.

    Raises:
        ValueError: bad times, or moves that leave them or end elsewhere.

    Example:
        >>> from latent_inpaint.paths.path import LinearPath
        >>> from latent_inpaint.paths.samplers import ddim_step
        >>> known = Known(torch.full((1, 1, 1, 2), 4.0), torch.tensor([[[[1.0, 0.0]]]]))
        >>> step = ddim_step(lambda z, t: torch.ones_like(z), LinearPath())  # all estimates are 1
        >>> noise, moves = torch.randn(1, 1, 1, 2), resampling_schedule(4, jump_length=2, n_resample=2)
        >>> times, generator = torch.linspace(1, 0, 5), torch.Generator().manual_seed(0)
        >>> repaint(step, noise, times, moves, LinearPath(), known, generator).tolist()
        [[[[4.0, 1.0]]]]
    """
    check_times(times)
    if sum(moves) != 1 - len(times):
        raise ValueError(f"moves must add up to {1 - len(times)}, the steps of times, got {sum(moves)}")
    times = times.to(z.device)
    project = freshly_noised_known(known, path, generator)
    position, calls, n_calls = 0, 0, moves.count(-1)
    for move in moves:
        here, there = position, position - move
        if move not in (-1, 1) or not 0 <= there < len(times):
            raise ValueError(f"moves must be -1 or +1 and stay within times, got {move} at {here}")
        if move == -1:
            z = project(step(z, times[here], times[there]), times[there])
            calls += 1
            if progress is not None:
                progress(calls, n_calls)
        else:
            kept, added = path.again(times[there], times[here])
            z = kept * z + added * normal_like(z, generator)
        position = there
    return z
