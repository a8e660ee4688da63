"""Samplers on Gaussian latents, where mean, covariance and the flow itself have closed forms."""

import math

import pytest
import torch
from gaussian import Gaussian, moments

from latent_inpaint.paths import CosineBetas, LinearPath, VariancePreservingPath
from latent_inpaint.paths.samplers import (
    ddim,
    ddim_step,
    estimate_on,
    euler,
    guided,
    heun,
    rk4,
    velocity_from,
)

LATENTS = Gaussian([1.0, -2.0, 0.5], [[2.0, 0.6, 0.1], [0.6, 0.5, -0.2], [0.1, -0.2, 0.3]])


def even(n):
    return torch.linspace(1, 0, n + 1, dtype=torch.float64)


@pytest.mark.parametrize("sampler, order", [(euler, 1), (heun, 2), (rk4, 4)])
def test_mean_and_covariance_converge_at_the_samplers_order(sampler, order):
    """The mean's way is straight on this path: no step misses it."""
    velocity = LATENTS.velocity(LinearPath())
    errors = []
    for n in (16, 32, 64):
        mean, covariance = moments(lambda z, n=n: sampler(velocity, z, even(n)), 3)
        torch.testing.assert_close(mean, LATENTS.mean)
        errors.append((covariance - LATENTS.covariance).abs().max().item())
    assert math.log2(errors[1] / errors[2]) == pytest.approx(order, abs=0.35), errors
    assert errors[-1] < {1: 0.2, 2: 3e-3, 4: 1e-4}[order]


@pytest.mark.parametrize("sampler, calls", [(euler, 5), (heun, 10), (rk4, 20)])
def test_network_calls(sampler, calls):
    seen = []

    def velocity(z, t):
        assert t.ndim == 0
        seen.append(float(t))
        return z

    done = []
    sampler(velocity, torch.zeros(1, 1, 1, 1), even(5), progress=lambda *step: done.append(step))
    assert len(seen) == calls and seen[0] == 1
    assert done == [(i, 5) for i in range(1, 6)]


def test_uneven_times_and_other_ends():
    """From 0.8 to 0.2 of dz/dt = 2t: z falls by 0.8² − 0.2²; Heun is exact for it."""
    z = heun(lambda z, t: 2 * t * torch.ones_like(z), torch.ones(1, 1, 1, 1), torch.tensor([0.8, 0.7, 0.2]))
    assert z.item() == pytest.approx(1 - 0.6)


def test_ddim_without_noise_on_the_linear_path_is_euler():
    z = torch.randn(5, 3, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    estimate = LATENTS.estimate(LinearPath())
    torch.testing.assert_close(
        ddim(estimate, z, even(7), LinearPath()), euler(velocity_from(estimate), z, even(7))
    )


@pytest.mark.parametrize("path", [VariancePreservingPath(), VariancePreservingPath(CosineBetas())])
def test_ddim_converges_to_the_exact_flow_at_order_one(path):
    estimate = LATENTS.estimate(path)
    z = torch.randn(5, 3, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    errors = [(ddim(estimate, z, even(n), path) - LATENTS.flow(z)).abs().max().item() for n in (40, 80, 160)]
    assert math.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.3)
    assert math.log2(errors[1] / errors[2]) == pytest.approx(1, abs=0.3)
    assert errors[-1] < 0.1


@pytest.mark.parametrize("path", [LinearPath(), VariancePreservingPath()])
@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_noise_within_the_steps_keeps_mean_and_covariance(path, eta):
    """Up to the first order in the steps: the posterior of a point estimate is a little too narrow."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(10_000, 3, 1, 1, dtype=torch.float64, generator=generator)
    out = ddim(LATENTS.estimate(path), z, even(400), path, eta, generator).flatten(1)
    torch.testing.assert_close(out.mean(0), LATENTS.mean, atol=0.06, rtol=0)
    torch.testing.assert_close(out.T.cov(), LATENTS.covariance, atol=0.08, rtol=0)


def test_ancestral_steps_keep_the_variance_of_a_point_exactly():
    """Of a single possible latent, every step ends on its path: mean a'·z0, variance s'²."""
    path, generator = LinearPath(), torch.Generator().manual_seed(0)
    step = ddim_step(lambda z, t: torch.full_like(z, 3.0), path, 1.0, generator)
    t, t_next = torch.tensor(0.7), torch.tensor(0.4)
    z = path.at(torch.full((100_000, 1, 1, 1), 3.0), torch.randn(100_000, 1, 1, 1, generator=generator), t)
    out = step(z, t, t_next)
    assert out.mean().item() == pytest.approx(0.6 * 3, abs=0.01)
    assert out.std().item() == pytest.approx(0.4, abs=0.01)


def test_a_network_of_one_path_is_sampled_on_the_other():
    """The flow of a diffusion's estimate, by Heun on the linear path."""
    path = VariancePreservingPath()
    z = torch.randn(4, 3, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    velocity = velocity_from(estimate_on(LinearPath(), LATENTS.estimate(path), path))
    almost = torch.linspace(1, 1e-4, 200, dtype=torch.float64)
    torch.testing.assert_close(heun(velocity, z, almost), LATENTS.flow(z), atol=2e-3, rtol=2e-3)


def test_one_step_of_euler_is_the_estimate_at_pure_noise():
    z = torch.randn(2, 3, 1, 1, dtype=torch.float64)
    estimate = LATENTS.estimate(LinearPath())
    torch.testing.assert_close(
        euler(velocity_from(estimate), z, even(1)), LATENTS.mean.view(1, 3, 1, 1).expand(2, -1, -1, -1)
    )


def test_guidance_calls_the_second_network_only_where_it_acts():
    calls = []

    def without(z, t):
        calls.append(float(t))
        return 0 * z

    field = guided(lambda z, t: z, without, 2.0, (0.1, 0.9))
    out = [field(torch.ones(1, 1, 1, 1), torch.tensor(t)).item() for t in (1.0, 0.5, 0.05)]
    assert out == [1, 2, 1] and calls == [0.5]
    assert (
        guided(lambda z, t: z, without, 1.0)(torch.ones(1), torch.tensor(0.5)).item() == 1 and len(calls) == 1
    )


@pytest.mark.parametrize("sampler", [euler, heun, rk4])
@pytest.mark.parametrize(
    "times, message",
    [
        ([0.0, 1.0], "times must descend"),
        ([1.0, 0.5, 0.5, 0.0], "times must descend"),
        ([1.0, float("nan"), 0.0], "times must descend"),
        ([1.0], "at least two"),
        ([], "at least two"),
        ([[1.0, 0.0]], "1-dimensional"),
        ([1.5, 0.0], "in \\[0, 1\\]"),
        ([1.0, -0.1], "in \\[0, 1\\]"),
    ],
)
def test_bad_times(sampler, times, message):
    with pytest.raises(ValueError, match=message):
        sampler(lambda z, t: z, torch.zeros(1, 1, 1, 1), torch.tensor(times))


def test_bad_arguments():
    z = torch.zeros(1, 1, 1, 1)
    with pytest.raises(ValueError, match="eta must be in"):
        ddim(lambda z, t: z, z, even(2), LinearPath(), eta=1.5)
    with pytest.raises(ValueError, match="generator: eta 1.0 draws noise"):
        ddim(lambda z, t: z, z, even(2), LinearPath(), eta=1.0)
    with pytest.raises(ValueError, match="scale must be at least 0"):
        guided(lambda z, t: z, lambda z, t: z, -1)
    with pytest.raises(ValueError, match="interval"):
        guided(lambda z, t: z, lambda z, t: z, 2, (0.5, 0.5))
