"""Paths, predictions, times and weights: round trips and closed forms."""

import itertools

import pytest
import torch

from latent_inpaint.paths import (
    Clean,
    CosineBetas,
    LinearBetas,
    LinearPath,
    LogitNormal,
    MinSNR,
    Noise,
    Reweighting,
    ScaledLinearBetas,
    Stratified,
    Uniform,
    Unweighted,
    VariancePreservingPath,
    Velocity,
    VelocityError,
    change_path,
    normal_like,
    shift,
)
from latent_inpaint.paths.times import sampling_times
from latent_inpaint.paths.weights import mean_weight

PATHS = [
    LinearPath(),
    VariancePreservingPath(),
    VariancePreservingPath(LinearBetas(), zero_terminal_snr=False),
    VariancePreservingPath(CosineBetas()),
]
PREDICTIONS = [Clean(), Noise(), Velocity()]
TIMES = torch.tensor([0.05, 0.3, 0.62, 0.9])


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 3, 5, 6, generator=generator), torch.randn(4, 3, 5, 6, generator=generator)


@pytest.mark.parametrize("path, prediction", list(itertools.product(PATHS, PREDICTIONS)))
def test_a_perfect_prediction_gives_back_latent_and_noise(path, prediction, pair):
    clean, noise = pair
    z = path.at(clean, noise, TIMES)
    output = prediction.target(path, clean, noise, TIMES)
    torch.testing.assert_close(prediction.clean(path, output, z, TIMES), clean, atol=3e-3, rtol=1e-3)
    torch.testing.assert_close(prediction.noise(path, output, z, TIMES), noise, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(prediction.from_clean(path, clean, z, TIMES), output, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("source, target", list(itertools.permutations(PATHS, 2)))
def test_there_and_back_between_paths(source, target, pair):
    """The same latent, the same noise: what the other path says at the other time is the same estimate."""
    clean, noise = pair
    z = source.at(clean, noise, TIMES)
    there, t_there = change_path(z, TIMES, source, target)
    torch.testing.assert_close(there, target.at(clean, noise, t_there), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(target.snr(t_there), source.snr(TIMES), rtol=2e-3, atol=1e-6)
    back, t_back = change_path(there, t_there, target, source)
    torch.testing.assert_close(t_back, TIMES, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(back, z, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("path", PATHS[1:])
def test_variance_is_preserved_and_the_ends_are_exact(path):
    a, s = path.coefficients(torch.linspace(0, 1, 337))
    torch.testing.assert_close(a**2 + s**2, torch.ones(337))
    assert (a[1:] < a[:-1]).all() and a[0] == 1 and s[0] == 0
    assert (a[-1] == 0) == path.zero_terminal_snr


def test_zero_terminal_snr_keeps_the_first_step():
    t = torch.tensor([0.001])
    plain, rescaled = (VariancePreservingPath(ScaledLinearBetas(), zero) for zero in (False, True))
    torch.testing.assert_close(rescaled.coefficients(t)[0], plain.coefficients(t)[0])


@pytest.mark.parametrize("path", PATHS)
def test_going_back_to_noise_keeps_the_paths_distribution(path):
    """z_t = k·z_t' + d·ε of z_t' = a'·z0 + s'·ε' has mean a·z0 and variance s²."""
    t, t_next = torch.tensor(0.7), torch.tensor(0.45)
    (a, s), (a_next, s_next) = path.coefficients(t), path.coefficients(t_next)
    k, d = path.again(t, t_next)
    torch.testing.assert_close(k * a_next, a)
    torch.testing.assert_close((k * s_next) ** 2 + d**2, s**2)


def test_a_time_for_each_position(pair):
    clean, noise = pair
    times = torch.zeros(4, 1, 5, 6)
    times[:, :, 2:] = TIMES.view(-1, 1, 1, 1)
    for path in PATHS:
        z = path.at(clean, noise, times)
        torch.testing.assert_close(z[:, :, :2], clean[:, :, :2])
        torch.testing.assert_close(z[:, :, 2:], path.at(clean, noise, TIMES)[:, :, 2:])


def test_min_snr_is_one_weighting_of_the_latents_error_said_for_each_prediction():
    t, gamma = torch.linspace(0.01, 0.99, 50), 5.0
    for path in PATHS:
        snr = path.snr(t)
        expected = {
            Clean(): snr.clamp_max(gamma),
            Noise(): snr.clamp_max(gamma) / snr,
            Velocity(): torch.minimum((1 - t) ** 2, gamma * t**2)
            if isinstance(path, LinearPath)
            else snr.clamp_max(gamma) / (snr + 1),
        }
        for prediction, weight in expected.items():
            torch.testing.assert_close(MinSNR(gamma)(path, prediction, t), weight, rtol=1e-3, atol=1e-5)


def test_min_snr_at_the_ends():
    ends = torch.tensor([0.0, 1.0])
    for path in (LinearPath(), VariancePreservingPath()):
        assert MinSNR(5.0)(path, Clean(), ends).tolist() == pytest.approx([5, 0], abs=1e-5)
        assert MinSNR(5.0)(path, Noise(), ends).tolist() == pytest.approx([0, 1], abs=1e-5)


def test_velocity_error_of_a_latents_error(pair):
    """Weighted error of z0 = error of the velocity that follows from it."""
    clean, noise = pair
    for path, prediction in itertools.product(PATHS, PREDICTIONS):
        z = path.at(clean, noise, TIMES)
        estimate = clean + 0.1 * noise
        wrong = prediction.from_clean(path, estimate, z, TIMES)
        error = (wrong - prediction.target(path, clean, noise, TIMES)).square().sum((1, 2, 3))
        velocity = Velocity().from_clean(path, estimate, z, TIMES)
        expected = (velocity - Velocity().target(path, clean, noise, TIMES)).square().sum((1, 2, 3))
        weight = VelocityError(1e-3)(path, prediction, TIMES)
        torch.testing.assert_close(weight * error, expected, rtol=2e-2, atol=1e-3)
    assert VelocityError(0.05)(LinearPath(), Clean(), torch.tensor([0.01])).item() == pytest.approx(400)


def test_equation_15_acts_below_the_threshold_only():
    weight = Reweighting(strength=3, ratio=0.5, threshold=3)
    t = torch.tensor([0.1, 0.74, 0.76, 1.0])  # σ/α = t/(1 − t) ≤ 3 up to 0.75
    assert weight(LinearPath(), Velocity(), t).tolist() == [2.5, 2.5, 1, 1]
    assert Unweighted()(LinearPath(), Velocity(), t).tolist() == [1, 1, 1, 1]


def test_mean_weight_is_the_mean_over_what_is_drawn():
    density, weight = LogitNormal(-0.3, 0.8, 0.1), MinSNR()
    t = shift(density.draw(40_000, torch.Generator().manual_seed(0)), 2.0)
    measured = weight(LinearPath(), Velocity(), t).mean().item()
    assert mean_weight(weight, LinearPath(), Velocity(), density, 2.0) == pytest.approx(measured, rel=0.01)


def test_densities():
    draw = LogitNormal(1.0, 0.5).draw(20_000, torch.Generator().manual_seed(0))
    logits = torch.logit(draw)
    assert logits.mean().item() == pytest.approx(1, abs=0.02)
    assert logits.std().item() == pytest.approx(0.5, abs=0.02)
    strata = Stratified(LogitNormal()).draw(64, torch.Generator().manual_seed(0))
    u = torch.special.ndtr(torch.logit(strata)).sort().values
    assert ((64 * u).floor() == torch.arange(64)).all()
    assert not torch.equal(strata, strata.sort().values)  # a picture's place in the batch is not its time
    assert Uniform().draw(1000, torch.Generator()).max() < 1


def test_a_share_of_uniform_times():
    """Above 0.98 there are 2 % of the uniform and hardly any of the logit-normal times."""
    mixed = LogitNormal(uniform=0.5).draw(40_000, torch.Generator().manual_seed(0))
    assert (mixed > 0.98).float().mean().item() == pytest.approx(0.01, abs=0.002)
    assert (LogitNormal().draw(40_000, torch.Generator().manual_seed(0)) > 0.98).float().mean() < 1e-3
    middle = (torch.logit(mixed).abs() < 1).float().mean().item()
    assert middle == pytest.approx(0.5 * 0.6827 + 0.5 * 0.4621, abs=0.01)  # Φ, and σ(1) − σ(−1)


def test_sampling_times_are_shifted_once():
    torch.testing.assert_close(sampling_times(4, 3.0), torch.tensor([1, 0.9, 0.75, 0.5, 0]))
    assert (sampling_times(7, 2.0).diff() < 0).all()


def test_a_pictures_noise_depends_on_its_own_generator():
    x = torch.zeros(3, 2, 4, 4, dtype=torch.float64)
    three = normal_like(x, [torch.Generator().manual_seed(i) for i in range(3)])
    assert torch.equal(three[2:], normal_like(x[2:], [torch.Generator().manual_seed(2)]))
    assert three.dtype == torch.float64
    with pytest.raises(ValueError, match="one a picture, 3, got 2"):
        normal_like(x, [torch.Generator(), torch.Generator()])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: shift(torch.zeros(1), 0), "factor must be above 0, got 0"),
        (lambda: sampling_times(0), "steps must be at least 1, got 0"),
        (lambda: LogitNormal(0, 0), "deviation must be above 0"),
        (lambda: LogitNormal(uniform=2), "uniform must be in"),
        (lambda: MinSNR(0), "gamma must be above 0"),
        (lambda: VelocityError(-1), "floor must be above 0"),
        (lambda: Reweighting(threshold=0), "threshold must be above 0"),
        (lambda: Reweighting(strength=-1), "strength must be at least 0"),
    ],
)
def test_bad_values(make, message):
    with pytest.raises(ValueError, match=message):
        make()
