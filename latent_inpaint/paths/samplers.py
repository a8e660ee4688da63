"""Samplers: from noise at t = 1 along descending times to a latent at the last one, usually 0.

`velocity(z, t)` is `dz/dt` at `z` `[B, C, h, w]`, `t` 0-dimensional: of a network on the linear path, or of
anything else. `estimate(z, t)` is ẑ0 in the same way; with it one rule serves every path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from latent_inpaint.paths.noise import Generators, normal_like
from latent_inpaint.paths.path import Path, change_path

Field: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""`(z, t) → [B, C, h, w]`: a velocity, or an estimate of the latent."""
Step: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`(z, t, t_next) → z at t_next`."""
Projection: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""`(z, t) → z`: what is put right after each step, the known region say."""
Progress: TypeAlias = Callable[[int, int], None]
"""Called after each step with (steps done, steps in all)."""


def check_times(times: Tensor) -> None:
    """Raise a ValueError unless `times` are at least two, descending, in [0, 1].

    Example:
        >>> check_times(torch.tensor([0.0, 1.0]))
        Traceback (most recent call last):
        ValueError: times must descend, 1 = noise, got [0.0, 1.0]
    """
    if times.ndim != 1 or len(times) < 2:
        raise ValueError(f"times must be at least two in a 1-dimensional tensor, got {list(times.shape)}")
    if torch.compiler.is_compiling():  # a program has no values to look at; its example had them
        return
    if not bool((times[1:] < times[:-1]).all()):
        raise ValueError(f"times must descend, 1 = noise, got {times.tolist()}")
    if not (float(times[0]) <= 1 and float(times[-1]) >= 0):
        raise ValueError(f"times must be in [0, 1], got {float(times[0])} to {float(times[-1])}")


def follow(
    step: Step,
    z: Tensor,
    times: Tensor,
    projection: Projection | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Take `step` from each time to the next one.

    Args:
        step: one step of any kind.
        z: latent at `times[0]`, `[B, C, h, w]`.
        times: `[N + 1]`, descending, in [0, 1].
        projection: applied after each step, at the time that it reached.
        progress: called after each step.

    Raises:
        ValueError: times that rise, are fewer than two or outside [0, 1].

    Example:
        >>> halve = lambda z, t, t_next: z / 2
        >>> follow(halve, torch.ones(1, 1, 1, 1), torch.linspace(1, 0, 4)).item()  # three steps
        0.125
    """
    check_times(times)
    times = times.to(z.device)
    n_steps = len(times) - 1
    for index in range(n_steps):
        z = step(z, times[index], times[index + 1])
        z = z if projection is None else projection(z, times[index + 1])
        if progress is not None:
            progress(index + 1, n_steps)
    return z


def euler(
    velocity: Field,
    z: Tensor,
    times: Tensor,
    projection: Projection | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Order 1, one call a step; z at `times[-1]`. Arguments and errors as in `follow`.

    Example:
        >>> z = euler(lambda z, t: z, torch.ones(1, 1, 1, 1), torch.linspace(1, 0, 3))  # dz/dt = z
        >>> z.item()  # (1 − 1/2)²
        0.25
    """

    def step(z: Tensor, t: Tensor, t_next: Tensor) -> Tensor:
        return z + (t_next - t) * velocity(z, t)

    return follow(step, z, times, projection, progress)


def heun(
    velocity: Field,
    z: Tensor,
    times: Tensor,
    projection: Projection | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Order 2, two calls a step, the last one at `times[-1]`; z there. Arguments and errors as in `follow`.

    Example:
        >>> z = heun(lambda z, t: z, torch.ones(1, 1, 1, 1), torch.linspace(1, 0, 2))
        >>> z.item()  # 1 − 1 + 1/2
        0.5
    """

    def step(z: Tensor, t: Tensor, t_next: Tensor) -> Tensor:
        h = t_next - t
        k1 = velocity(z, t)
        k2 = velocity(z + h * k1, t_next)
        return z + h / 2 * (k1 + k2)

    return follow(step, z, times, projection, progress)


def rk4(
    velocity: Field,
    z: Tensor,
    times: Tensor,
    projection: Projection | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """The classical Runge–Kutta method: order 4, four calls a step. Arguments and errors as in `follow`.

    Example:
        >>> z = rk4(lambda z, t: z, torch.ones(1, 1, 1, 1), torch.linspace(1, 0, 2))
        >>> round(z.item(), 3)  # 1 − 1 + 1/2 − 1/6 + 1/24
        0.375
    """

    def step(z: Tensor, t: Tensor, t_next: Tensor) -> Tensor:
        h = t_next - t
        k1 = velocity(z, t)
        k2 = velocity(z + h / 2 * k1, t + h / 2)
        k3 = velocity(z + h / 2 * k2, t + h / 2)
        k4 = velocity(z + h * k3, t_next)
        return z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return follow(step, z, times, projection, progress)


def ddim(
    estimate: Field,
    z: Tensor,
    times: Tensor,
    path: Path,
    eta: float = 0.0,
    generator: Generators | None = None,
    projection: Projection | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """DDIM (Song et al., 2021) on any path, one call a step; z at `times[-1]`.

    On the linear path with `eta=0` it is Euler's method; `eta=1` is ancestral sampling (DDPM).

    Args:
        estimate: ẑ0 at (z, t).
        z: latent at `times[0]`, `[B, C, h, w]`.
        times: `[N + 1]`, descending, in [0, 1].
        path: on which the times and `z` are.
        eta: share of the posterior's deviation that is drawn anew in each step, in [0, 1].
        generator: of that noise; needed where eta > 0.
        projection: as in `follow`.
        progress: as in `follow`.

    Raises:
        ValueError: bad times, eta outside [0, 1] or without a generator.

    Example:
        >>> from latent_inpaint.paths.path import LinearPath
        >>> z = torch.full((1, 1, 1, 1), 4.0)
        >>> ddim(lambda z, t: z / 2, z, torch.linspace(1, 0, 2), LinearPath()).item()
        2.0
    """
    return follow(ddim_step(estimate, path, eta, generator), z, times, projection, progress)


def ddim_step(estimate: Field, path: Path, eta: float = 0.0, generator: Generators | None = None) -> Step:
    """One step of `ddim` as a function of (z, t, t_next), for loops of one's own.

    `z' = a'·ẑ0 + √(s'² − d²)·ε̂ + d·ε`, `d = eta·(s'/s)·√(s² − (a/a')²·s'²)`: the posterior's deviation.

    Example:
        >>> from latent_inpaint.paths.path import LinearPath
        >>> step = ddim_step(lambda z, t: torch.zeros_like(z), LinearPath())
        >>> step(torch.ones(1, 1, 1, 1), torch.tensor(1.0), torch.tensor(0.5)).item()  # half the noise
        0.5
    """
    if not 0 <= eta <= 1:
        raise ValueError(f"eta must be in [0, 1], got {eta}")
    if eta > 0 and generator is None:
        raise ValueError(f"generator: eta {eta} draws noise; give a torch.Generator")

    def step(z: Tensor, t: Tensor, t_next: Tensor) -> Tensor:
        clean = estimate(z, t)
        (a, s), (a_next, s_next) = path.coefficients(t), path.coefficients(t_next)
        noise = (z - a * clean) / s
        if eta == 0:
            return a_next * clean + s_next * noise
        deviation = eta * s_next / s * path.again(t, t_next)[1]
        kept = (s_next.square() - deviation.square()).clamp_min(0).sqrt()
        assert generator is not None
        return a_next * clean + kept * noise + deviation * normal_like(z, generator)

    return step


def velocity_from(estimate: Field) -> Field:
    """`dz/dt` on the linear path of an estimate that lives on it: `(z − ẑ0)/t`, t > 0.

    Example:
        >>> velocity = velocity_from(lambda z, t: 0 * z)
        >>> velocity(torch.ones(1, 1, 1, 1), torch.tensor(0.5)).item()
        2.0
    """
    return lambda z, t: (z - estimate(z, t)) / t


def estimate_on(path: Path, estimate: Field, own: Path) -> Field:
    """An estimate that takes latents of the path `own`, for a sampler on another `path`: the same SNR.

    Example:
        >>> from latent_inpaint.paths.path import LinearPath, VariancePreservingPath
        >>> field = estimate_on(LinearPath(), lambda z, t: z, VariancePreservingPath())
        >>> round(field(torch.ones(1, 1, 1, 1), torch.tensor(0.5)).item(), 4)
        1.4142
    """
    return lambda z, t: estimate(*change_path(z, t, path, own))


def guided(
    conditional: Field, unconditional: Field, scale: float, interval: tuple[float, float] = (0.0, 1.0)
) -> Field:
    """Classifier-free guidance `û + w·(ĉ − û)` within an interval of times, `ĉ` outside (Ho & Salimans, 2022;
    Kynkäänniemi et al., 2024).

    Args:
        conditional: with the condition.
        unconditional: without it.
        scale: w; 1 calls the conditional alone.
        interval: (lowest, highest) time at which it acts, within [0, 1].

    Raises:
        ValueError: scale below 0, or an interval that is none.

    Example:
        >>> field = guided(lambda z, t: z, lambda z, t: 0 * z, scale=3.0, interval=(0.0, 0.5))
        >>> z = torch.ones(1, 1, 1, 1)
        >>> field(z, torch.tensor(0.4)).item(), field(z, torch.tensor(0.6)).item()
        (3.0, 1.0)
    """
    low, high = interval
    if scale < 0:
        raise ValueError(f"scale must be at least 0, got {scale}")
    if not 0 <= low < high <= 1:
        raise ValueError(f"interval must be (lowest, highest) within [0, 1], got {tuple(interval)}")

    def field(z: Tensor, t: Tensor) -> Tensor:
        if scale == 1 or not low <= float(t) <= high:
            return conditional(z, t)
        without = unconditional(z, t)
        return without + scale * (conditional(z, t) - without)

    return field
