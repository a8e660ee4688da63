"""The known region while sampling: schedule, overrides, and marginals that stay what they are."""

import itertools

import pytest
import torch
from gaussian import Gaussian

from latent_inpaint.paths import LinearPath, VariancePreservingPath
from latent_inpaint.paths.known import (
    Known,
    freshly_noised_known,
    noised_known,
    override,
    position_times,
    repaint,
    resampling_schedule,
)
from latent_inpaint.paths.samplers import ddim, ddim_step, euler, velocity_from

PATHS = [LinearPath(), VariancePreservingPath()]
PAIR = Gaussian([0.5, -1.0], [[1.0, 0.72], [0.72, 0.81]])  # correlation 0.8


def even(n):
    return torch.linspace(1, 0, n + 1, dtype=torch.float64)


def known_left(batch, value):
    """The left of two positions is known."""
    latent = torch.tensor([value, 99.0], dtype=torch.float64).view(1, 1, 1, 2).expand(batch, -1, -1, -1)
    return Known(latent, torch.tensor([1.0, 0.0], dtype=torch.float64).view(1, 1, 1, 2))


def posterior(value):
    """Mean and variance of the right position given the left one."""
    (m0, m1), c = PAIR.mean.tolist(), PAIR.covariance.tolist()
    return m1 + c[0][1] / c[0][0] * (value - m0), c[1][1] - c[0][1] ** 2 / c[0][0]


@pytest.mark.parametrize(
    "arguments, calls", [((250, 10, 10), 2410), ((50, 10, 10), 410), ((50, 5, 3), 140), ((20, 5, 2), 35)]
)
def test_number_of_network_calls(arguments, calls):
    moves = resampling_schedule(*arguments)
    assert moves.count(-1) == calls and moves.count(1) == calls - arguments[0]
    assert set(moves) <= {-1, 1}


def test_the_schedule_is_repaints():
    """As in its `get_schedule_jump(t_T=250, n_sample=1, jump_length=10, jump_n_sample=10)`."""
    jumps = dict.fromkeys(range(0, 240, 10), 9)
    t, timesteps = 250, []
    while t >= 1:
        t -= 1
        timesteps.append(t)
        if jumps.get(t, 0) > 0:
            jumps[t] -= 1
            for _ in range(10):
                t += 1
                timesteps.append(t)
    timesteps.append(-1)
    moves = resampling_schedule(250, 10, 10)
    assert len(moves) == 4570
    assert moves == [b - a for a, b in itertools.pairwise(timesteps)]


def test_nothing_is_undone_once():
    assert resampling_schedule(7, 3, 1) == [-1] * 7
    assert resampling_schedule(3, 10, 5) == [-1] * 3


@pytest.mark.parametrize("path", PATHS)
def test_overrides_end_on_the_known_latents(path):
    z = torch.randn(3, 1, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    known = known_left(3, 0.7)
    out = ddim(override(PAIR.estimate(path), known), z, even(5), path)
    torch.testing.assert_close(out[..., :1], known.latent[..., :1])
    assert not torch.isclose(out[..., 1], torch.tensor(99.0, dtype=torch.float64)).any()
    projected = ddim(PAIR.estimate(path), z, even(5), path, projection=noised_known(known, path, z))
    assert torch.equal(projected[..., :1], known.latent[..., :1])


def test_noised_known_latents_stay_on_a_straight_path():
    """With one noise, what is put in is what an exact flow of that latent would pass through."""
    known, noise, path = known_left(1, 0.7), torch.full((1, 1, 1, 2), -1.3, dtype=torch.float64), LinearPath()
    seen = []
    project = noised_known(known, path, noise)

    def watch(z, t):
        z = project(z, t)
        seen.append((float(t), z[0, 0, 0, 0].item()))
        return z

    euler(velocity_from(PAIR.estimate(path)), noise, even(4), projection=watch)
    assert seen == [pytest.approx((t, (1 - t) * 0.7 - t * 1.3)) for t in (0.75, 0.5, 0.25, 0.0)]


@pytest.mark.parametrize("path", PATHS)
def test_freshly_noised_known_latents_have_the_paths_marginal(path):
    known = known_left(50_000, 0.7)
    t = torch.tensor(0.6, dtype=torch.float64)
    z = freshly_noised_known(known, path, torch.Generator().manual_seed(0))(known.latent.clone(), t)
    a, s = path.coefficients(t)
    assert z[..., 0].mean().item() == pytest.approx(0.7 * a.item(), abs=0.02)
    assert z[..., 0].std().item() == pytest.approx(s.item(), abs=0.02)
    assert (z[..., 1] == 99).all()


@pytest.mark.parametrize("path", PATHS)
def test_resampling_keeps_the_marginal_of_what_is_independent(path):
    """Two independent positions, one known: the other stays N(−1, 0.81), however often noise is put back."""
    latents = Gaussian([0.5, -1.0], [[1.0, 0.0], [0.0, 0.81]])
    generator = torch.Generator().manual_seed(0)
    known = known_left(5000, 0.7)
    z = torch.randn(known.latent.shape, dtype=torch.float64, generator=generator)
    step = ddim_step(latents.estimate(path), path, 1.0, generator)
    out = repaint(step, z, even(200), resampling_schedule(200, 5, 3), path, known, generator)
    assert torch.equal(out[..., 0], known.latent[..., 0])
    assert out[..., 1].mean().item() == pytest.approx(-1, abs=0.04)
    assert out[..., 1].std().item() == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize("path", PATHS)
def test_resampling_comes_near_the_posterior(path):
    """Of two correlated positions; without going back the answer stays between prior and posterior."""
    generator = torch.Generator().manual_seed(0)
    known = known_left(4000, 2.5)
    z = torch.randn(known.latent.shape, dtype=torch.float64, generator=generator)
    step = ddim_step(PAIR.estimate(path), path, 1.0, generator)
    mean, variance = posterior(2.5)
    found = {}
    for n_resample in (1, 20):
        moves = resampling_schedule(60, 6, n_resample)
        found[n_resample] = repaint(step, z, even(60), moves, path, known, generator)[..., 1]
    errors = {n: abs(out.mean().item() - mean) for n, out in found.items()}
    assert errors[20] < 0.15 < 0.4 < errors[1], (errors, mean)
    assert found[20].var().item() == pytest.approx(variance, abs=0.08)


def test_progress_counts_network_calls():
    known, done = known_left(1, 0.0), []
    generator = torch.Generator().manual_seed(0)
    step = ddim_step(PAIR.estimate(LinearPath()), LinearPath(), 0.0)
    repaint(
        step, known.latent, even(20), resampling_schedule(20, 5, 2), LinearPath(), known, generator,
        progress=lambda *call: done.append(call),
    )  # fmt: skip
    assert done == [(i, 35) for i in range(1, 36)]


def test_times_of_positions():
    known = Known(torch.zeros(2, 3, 1, 2), torch.tensor([1.0, 0.0]).view(1, 1, 1, 2).expand(2, -1, -1, -1))
    times = position_times(torch.tensor([0.5, 0.25]), known)
    assert times.flatten(1).tolist() == [[0, 0.5], [0, 0.25]]


@pytest.mark.parametrize("arguments", [(0, 1, 1), (5, 0, 1), (5, 1, 0), (-3, 1, 1)])
def test_bad_schedules(arguments):
    with pytest.raises(ValueError, match="must be at least 1"):
        resampling_schedule(*arguments)


def test_bad_moves():
    known, generator = known_left(1, 0.0), torch.Generator()

    def run(moves):
        repaint(lambda z, t, u: z, known.latent, even(3), moves, LinearPath(), known, generator)

    with pytest.raises(ValueError, match="add up to -3"):
        run([-1, -1])
    with pytest.raises(ValueError, match="stay within times"):
        run([1, -1, -1, -1, -1])
    with pytest.raises(ValueError, match="must be -1 or"):
        run([-2, -1])
