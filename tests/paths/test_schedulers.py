"""Our Euler and DDIM equal those of diffusers; schedulers that would spoil latents are refused."""

import pytest
import torch
from gaussian import Gaussian

from latent_inpaint.paths import (
    Clean,
    CosineBetas,
    LinearBetas,
    LinearPath,
    Noise,
    ScaledLinearBetas,
    VariancePreservingPath,
    Velocity,
)
from latent_inpaint.paths.samplers import ddim, euler, velocity_from
from latent_inpaint.paths.schedulers import scheduler_sampler
from latent_inpaint.paths.times import sampling_times

diffusers = pytest.importorskip("diffusers")
LATENTS = Gaussian([1.0, -2.0, 0.5], [[2.0, 0.6, 0.1], [0.6, 0.5, -0.2], [0.1, -0.2, 0.3]])
BETAS = [
    (LinearBetas(), {"beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02}),
    (ScaledLinearBetas(), {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}),
    (CosineBetas(), {"beta_schedule": "squaredcos_cap_v2"}),
]


def estimate(path):
    field = LATENTS.estimate(path)
    return lambda z, t: field(z.double(), t).float()


@pytest.fixture
def z():
    return torch.randn(4, 3, 1, 1, generator=torch.Generator().manual_seed(0))


def ddim_scheduler(**options):
    return diffusers.DDIMScheduler(**{"clip_sample": False, "timestep_spacing": "trailing", **options})


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_euler_is_theirs(z, factor):
    times, path = sampling_times(8, factor), LinearPath()
    theirs = scheduler_sampler(diffusers.FlowMatchEulerDiscreteScheduler(), estimate(path), z, times, path)
    torch.testing.assert_close(euler(velocity_from(estimate(path)), z, times), theirs, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("betas, options", BETAS)
def test_schedules_are_theirs(betas, options, zero):
    scheduler = diffusers.DDPMScheduler(rescale_betas_zero_snr=zero, **options)
    path, t = VariancePreservingPath(betas, zero), torch.arange(1, 1001) / 1000
    torch.testing.assert_close(path.coefficients(t)[0] ** 2, scheduler.alphas_cumprod, atol=2e-6, rtol=1e-4)
    clean, noise, steps = torch.ones(2, 1, 2, 2), torch.full((2, 1, 2, 2), -3.0), torch.tensor([49, 799])
    t = (steps + 1) / 1000
    torch.testing.assert_close(
        path.at(clean, noise, t), scheduler.add_noise(clean, noise, steps), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(
        Velocity().target(path, clean, noise, t),
        scheduler.get_velocity(clean, noise, steps),
        atol=1e-4,
        rtol=1e-4,
    )


@pytest.mark.parametrize("name", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("betas, options", BETAS)
def test_ddim_is_theirs(z, betas, options, name):
    """Also against the bare loop that one writes with diffusers, fed with the network's own prediction."""
    zero = name != "epsilon"
    path = VariancePreservingPath(betas, zero)
    scheduler = ddim_scheduler(prediction_type=name, rescale_betas_zero_snr=zero, **options)
    times = sampling_times(10)
    ours = ddim(estimate(path), z, times, path)
    # An ε with hardly any signal left (linear betas) loses digits on the way to ẑ0 and back.
    tolerance = {"atol": 5e-3, "rtol": 5e-3} if name == "epsilon" else {"atol": 2e-4, "rtol": 1e-3}
    torch.testing.assert_close(
        scheduler_sampler(scheduler, estimate(path), z, times, path), ours, **tolerance
    )
    prediction = {"epsilon": Noise(), "v_prediction": Velocity(), "sample": Clean()}[name]
    scheduler.set_timesteps(10)
    x = z
    for timestep in scheduler.timesteps:
        t = (timestep + 1) / 1000
        output = prediction.from_clean(path, estimate(path)(x, t), x, t)
        x = scheduler.step(output, timestep, x).prev_sample
    torch.testing.assert_close(x, ours, **tolerance)


ETA = 0.9  # at 1 and no signal theirs takes the root of 0, by rounding sometimes of less


def test_eta_is_theirs(z):
    path = VariancePreservingPath()
    scheduler = ddim_scheduler(
        prediction_type="v_prediction", rescale_betas_zero_snr=True, **dict(BETAS)[ScaledLinearBetas()]
    )
    ours = ddim(estimate(path), z, sampling_times(10), path, ETA, torch.Generator().manual_seed(3))
    scheduler.set_timesteps(10)
    generator, x = torch.Generator().manual_seed(3), z
    for timestep in scheduler.timesteps:
        t = (timestep + 1) / 1000
        output = Velocity().from_clean(path, estimate(path)(x, t), x, t)
        x = scheduler.step(output, timestep, x, eta=ETA, generator=generator).prev_sample
    torch.testing.assert_close(x, ours, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "make, path, message",
    [
        (lambda: ddim_scheduler(clip_sample=True), VariancePreservingPath(), "clip_sample=True"),
        (lambda: ddim_scheduler(thresholding=True), VariancePreservingPath(), "thresholding=True"),
        (lambda: ddim_scheduler(timestep_spacing="leading"), VariancePreservingPath(), "trailing"),
        (lambda: ddim_scheduler(), VariancePreservingPath(), "other betas"),
        (lambda: ddim_scheduler(), LinearPath(), "samples diffusions, the path is a LinearPath"),
        (
            lambda: diffusers.FlowMatchEulerDiscreteScheduler(),
            VariancePreservingPath(),
            "samples flows, the path is a VariancePreservingPath",
        ),
        (lambda: diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), LinearPath(), "a second time"),
        (lambda: diffusers.FlowMatchHeunDiscreteScheduler(), LinearPath(), "takes no times"),
    ],
)
def test_refused_schedulers(z, make, path, message):
    with pytest.raises(ValueError, match=message):
        scheduler_sampler(make(), estimate(path), z, sampling_times(4), path)


def test_refused_times(z):
    path = VariancePreservingPath()
    scheduler = ddim_scheduler(rescale_betas_zero_snr=True, **dict(BETAS)[ScaledLinearBetas()])
    with pytest.raises(ValueError, match="evenly spaced"):
        scheduler_sampler(scheduler, estimate(path), z, sampling_times(4, 3.0), path)
    with pytest.raises(ValueError, match="from 1 to 0"):
        scheduler_sampler(scheduler, estimate(path), z, torch.tensor([0.9, 0.0]), path)


def test_a_dry_run_leaves_no_empty_table_behind():
    from torch._subclasses import FakeTensorMode

    path, t = VariancePreservingPath(ScaledLinearBetas(0.001, 0.0123)), torch.tensor([0.5])
    with FakeTensorMode(allow_non_fake_inputs=True):
        path.coefficients(torch.ones(1))
    assert all(type(value) is torch.Tensor for value in path.coefficients(t))
