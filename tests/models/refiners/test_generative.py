"""Flow and diffusion refiners: what they draw, learn and keep."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from latent_inpaint.models.denoisers import Denoiser, UNetDenoiser
from latent_inpaint.models.parts import part
from latent_inpaint.models.refiners import (
    Condition,
    DiffusionRefiner,
    FFCRefiner,
    FlowRefiner,
    condition_channels,
)
from latent_inpaint.models.refiners.sampling import (
    DDIM,
    DiffusersSampler,
    Euler,
    Guidance,
    Heun,
    NoisedKnown,
    Override,
    RePaint,
    RungeKutta,
)
from latent_inpaint.models.storage import load_model, save_model
from latent_inpaint.paths import (
    Clean,
    CosineBetas,
    LinearBetas,
    LinearPath,
    LogitNormal,
    MinSNR,
    Noise,
    Reweighting,
    Stratified,
    Uniform,
    Unweighted,
    VariancePreservingPath,
    Velocity,
)

CHANNELS, FACTOR = 3, 4
CONDITION = condition_channels(CHANNELS, FACTOR)  # 3 + 1 + 16
EPS_PATH = VariancePreservingPath(LinearBetas(), zero_terminal_snr=False)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def unet(condition=CONDITION):
    torch.manual_seed(0)
    network = UNetDenoiser(CHANNELS, condition, widths=(8, 16), heads=2, embedding=16)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator(7)))
    return network


def deterministic():
    torch.manual_seed(1)
    return FFCRefiner(CHANNELS, n_blocks=1)


def flow(condition=CONDITION, **options):
    return FlowRefiner(unet(condition), down_factor=FACTOR, **{"n_batches": 3, **options})


def diffusion(condition=CONDITION, **options):
    return DiffusionRefiner(unet(condition), down_factor=FACTOR, **{"n_batches": 3, **options})


@pytest.fixture
def batch():
    """Condition and target: the right half is hole; outside of it the masked latent is the true one."""
    target = 5 + 2 * torch.randn(3, CHANNELS, 6, 8, generator=generator(1))
    hole, mask = torch.zeros(3, 1, 6, 8), torch.zeros(3, 1, 6 * FACTOR, 8 * FACTOR)
    hole[..., 4:], mask[..., 4 * FACTOR :] = 1, 1
    return Condition(target * (1 - hole), hole, mask), target


def one(condition, index):
    index = slice(index, index + 1)
    return Condition(condition.masked_latent[index], condition.hole[index], condition.mask[index])


REFINERS = {
    "flow z0": lambda: flow(),
    "flow v": lambda: flow(prediction=Velocity(), weight=Unweighted(), times=Uniform()),
    "flow eps": lambda: flow(prediction=Noise(), weight=MinSNR()),
    "diffusion v": lambda: diffusion(),
    "diffusion z0": lambda: diffusion(prediction=Clean(), path=VariancePreservingPath(CosineBetas())),
    "diffusion eps": lambda: diffusion(prediction=Noise(), path=EPS_PATH, weight=Reweighting()),
    "flow, known at t = 0": lambda: flow(clean_known=True, prediction=Velocity()),
    "unconditional": lambda: flow(condition=0, dropped=0.0),
    "residual": lambda: flow(condition_channels(CHANNELS, FACTOR, mean=True), mean=deterministic()),
}
everyone = pytest.mark.parametrize("make", REFINERS.values(), ids=REFINERS.keys())


@everyone
def test_training_output_is_consistent(make, batch):
    """The clean estimate is what the regression's prediction says, and follows it with a gradient."""
    condition, target = batch
    refiner = make().train()
    out = refiner.training_output(condition, target, generator())
    predicted, should_be = out.regression
    assert out.latent.shape == predicted.shape == should_be.shape == target.shape
    assert out.time.shape == out.weight.shape == (3,)
    assert ((out.time > 0) & (out.time < 1)).all() and (out.weight > 0).all()
    again = make().train().training_output(condition, target, generator())
    assert torch.equal(again.latent, out.latent) and torch.equal(again.time, out.time)
    other = make().train().training_output(condition, target, generator(1))
    assert not torch.equal(other.latent, out.latent)
    out.latent.sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in refiner.denoiser.parameters())


@everyone
def test_an_all_knowing_denoiser_gives_back_the_target(make, batch):
    """Whatever is predicted: a right one's clean estimate is the true latent, in the encoder's units."""
    condition, target = batch
    refiner = make().train()
    probe = refiner.training_output(condition, target, generator())
    should_be = probe.regression[1].detach()
    refiner.eval()
    refiner.denoiser.forward = lambda *inputs: should_be
    out = refiner.training_output(condition, target, generator())
    torch.testing.assert_close(out.latent, target, atol=2e-2, rtol=1e-3)


@everyone
def test_a_pictures_sample_depends_on_its_own_generator_only(make, batch):
    condition, target = batch
    refiner = make()
    refiner.training_output(condition, target, generator())
    refiner.eval()
    with torch.no_grad():  # another group norm would do as well: nothing mixes pictures
        three = refiner.sample(condition, [generator(i) for i in range(3)], steps=3)
        alone = refiner.sample(one(condition, 2), [generator(2)], steps=3)
        single = refiner.sample(one(condition, 2), generator(2), steps=3)
    torch.testing.assert_close(three[2:], alone, atol=1e-4, rtol=1e-4)
    assert torch.equal(single, alone)
    assert not torch.allclose(three[0], three[1])


@everyone
def test_several_samples(make, batch):
    """The first of four is the one of one; all differ."""
    condition, _ = batch
    refiner = make().eval()
    progress = []
    four = refiner.sample(condition, generator(), 2, n=4, progress=lambda *done: progress.append(done))
    assert four.shape == (4, 3, CHANNELS, 6, 8) and progress == [(i, 8) for i in range(1, 9)]
    alone = refiner.sample(one(condition, 0), generator(), 2)
    more = refiner.sample(one(condition, 0), generator(), 2, n=3)
    torch.testing.assert_close(more[0], alone)
    assert all(not torch.allclose(four[i], four[j]) for i in range(4) for j in range(i))


@everyone
def test_saved_and_rebuilt_refiners_sample_the_same(make, batch, tmp_path):
    condition, target = batch
    refiner = make()
    for index in range(2):
        refiner.training_output(condition, target + index, generator())
    refiner.eval()
    again = load_model(save_model(refiner, tmp_path))
    assert torch.equal(again.sample(condition, generator()), refiner.sample(condition, generator()))
    assert (again.path, again.prediction, again.weight, again.times, again.sampler, again.guidance) == (
        refiner.path, refiner.prediction, refiner.weight, refiner.times, refiner.sampler, refiner.guidance,
    )  # fmt: skip
    assert torch.equal(again.statistics.mean, refiner.statistics.mean)


@pytest.mark.parametrize(
    "sampler",
    [Euler(), Heun(), RungeKutta(), DDIM(), DDIM(1.0), Override(), Override(DDIM(1.0)), NoisedKnown(),
     NoisedKnown(1.0), RePaint(2, 2)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("make", [flow, diffusion])
def test_every_sampler_on_both_paths(sampler, make, batch, tmp_path):
    condition, target = batch
    refiner = make(sampler=sampler, steps=5).eval()
    refiner.statistics.update(target)
    calls = []
    refiner.denoiser.register_forward_hook(lambda *_: calls.append(1))
    out = refiner.sample(condition, generator())
    assert out.isfinite().all() and len(calls) == refiner.calls(5, sampler)
    assert load_model(save_model(refiner, tmp_path)).sampler == sampler
    if isinstance(sampler, (Override, NoisedKnown, RePaint)):
        torch.testing.assert_close(out[..., :4], target[..., :4], atol=1e-4, rtol=1e-4)
    else:
        assert (out[..., :4] - target[..., :4]).abs().max() > 0.1


def test_samplers_agree_where_they_should(batch):
    """DDIM on the linear path is Euler; a diffusion sampled by many Euler steps of its flow, and by DDIM."""
    condition, _ = batch
    refiner = flow().eval()
    euler, ddim = (refiner.sample(condition, generator(), 6, sampler=s) for s in (Euler(), DDIM()))
    torch.testing.assert_close(euler, ddim, atol=1e-4, rtol=1e-4)
    refiner = diffusion().eval()
    euler, ddim, heun = (
        refiner.sample(condition, generator(), 200, sampler=s) for s in (Euler(), DDIM(), Heun())
    )
    assert (euler - ddim).abs().max() < 0.1 and (heun - ddim).abs().max() < 0.1


def test_schedulers_of_diffusers_sample_the_same(batch):
    diffusers = pytest.importorskip("diffusers")
    condition, _ = batch
    refiner = flow(time_shift=2.0).eval()
    theirs = DiffusersSampler(diffusers.FlowMatchEulerDiscreteScheduler())
    torch.testing.assert_close(
        refiner.sample(condition, generator(), 4, sampler=theirs),
        refiner.sample(condition, generator(), 4),
        atol=1e-4,
        rtol=1e-3,
    )
    with pytest.raises(ValueError, match="clip_sample"):
        diffusion().sample(
            condition, generator(), sampler=DiffusersSampler(diffusers.DDIMScheduler(clip_sample=True))
        )


def test_known_positions_at_time_zero_are_shown_without_noise(batch):
    condition, target = batch
    refiner = flow(clean_known=True, dropped=0.0)
    seen = []
    refiner.denoiser.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
    refiner.training_output(condition, target, generator())
    refiner.sample(condition, generator(), 2)
    known = refiner.statistics.standardise(target)[..., :4]
    for z in seen:
        torch.testing.assert_close(z[..., :4], known)
        assert (z[..., 4:] - refiner.statistics.standardise(target)[..., 4:]).abs().max() > 0.5


def test_dropped_conditions_say_nothing(batch):
    """With all but every condition dropped the denoiser sees zeros and a mask that is all hole."""
    condition, target = batch
    refiner = flow(dropped=0.999999)
    seen = []
    refiner.denoiser.register_forward_hook(lambda _, inputs, output: seen.append(inputs[2]))
    refiner.training_output(condition, target, generator())
    assert (seen[0][:, :CHANNELS] == 0).all() and (seen[0][:, CHANNELS:] == 1).all()


def test_guidance_changes_what_it_should_and_costs_a_second_call(batch):
    condition, _ = batch
    plain, guided = flow().eval(), flow(guidance=Guidance(3.0, 0.0, 0.6)).eval()
    calls = []
    guided.denoiser.register_forward_hook(lambda *_: calls.append(1))
    assert not torch.allclose(
        plain.sample(condition, generator(), 4), guided.sample(condition, generator(), 4)
    )
    assert len(calls) == guided.calls(4) == 4 + 2  # at 0.5 and 0.25


def test_statistics_are_measured_in_the_first_batches_and_then_fixed(batch):
    condition, target = batch
    refiner = flow(n_batches=2).train()
    for scale in (1.0, 3.0, 100.0):
        refiner.training_output(condition, scale * target, generator())
    both = torch.cat([target, 3 * target])
    torch.testing.assert_close(refiner.statistics.mean, both.mean((0, 2, 3)))
    torch.testing.assert_close(
        refiner.statistics.deviation, both.var((0, 2, 3), unbiased=False).sqrt(), atol=1e-4, rtol=1e-4
    )
    assert int(refiner.statistics.batches_seen) == 2
    z = refiner.statistics.standardise(target)
    torch.testing.assert_close(refiner.statistics.restore(z), target)


def test_a_dead_channel_is_not_blown_up(batch):
    condition, target = batch
    target = target.clone()
    target[:, 1] = 0.25
    refiner = flow().train()
    refiner.training_output(condition, target, generator())
    deviation = refiner.statistics.deviation
    assert deviation[1] > 0.01 * deviation[0]
    assert refiner.statistics.standardise(target)[:, 1].abs().max() < 1e-3


def test_latents_after_a_relu_stay_above_zero(batch):
    condition, target = batch
    refiner = flow(non_negative=True)
    assert refiner.training_output(condition, target.relu(), generator()).latent.min() >= 0
    assert refiner.sample(condition, generator()).min() >= 0


def test_the_mean_stays_frozen_bit_for_bit(batch):
    condition, target = batch
    refiner = REFINERS["residual"]().train()
    before = {name: value.clone() for name, value in refiner.mean.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in refiner.parameters() if p.requires_grad], lr=0.1)
    for seed in range(3):
        out = refiner.training_output(condition, target, generator(seed))
        (out.regression[0] - out.regression[1]).square().mean().backward()
        optimizer.step()
    assert not refiner.mean.training
    assert all(torch.equal(value, before[name]) for name, value in refiner.mean.state_dict().items())


@part
class OneNumber(Denoiser):
    """Predicts its one parameter, everywhere: what it learns is a mean."""

    def __init__(self, channels):
        super().__init__(channels)
        self.value = nn.Parameter(torch.zeros(channels))

    def forward(self, z, t, condition=None):
        self.check(z, t, condition)
        return self.value[:, None, None].expand_as(z)


def test_one_euler_step_of_a_z0_predictor_is_its_regression(batch):
    """From pure noise to ẑ0 in one step: what a deterministic refiner would have answered."""
    condition, target = batch
    refiner = flow().eval()
    refiner.statistics.update(target)
    z = []
    refiner.denoiser.register_forward_hook(lambda _, inputs, output: z.append((inputs, output)))
    sample = refiner.sample(condition, generator(), steps=1)
    (inputs, output) = z[0]
    assert (inputs[1] == 1).all()
    torch.testing.assert_close(sample, refiner.statistics.restore(output))


def test_a_trained_z0_predictor_answers_the_mean_in_one_step(batch):
    """It can say one number only: the posterior mean, which a regression would give."""
    condition, _ = batch
    refiner = FlowRefiner(OneNumber(CHANNELS), dropped=0.0, weight=Unweighted(), n_batches=1)
    optimizer = torch.optim.SGD(refiner.parameters(), lr=0.5)
    targets = 5 + 2 * torch.randn(40, 3, CHANNELS, 6, 8, generator=generator(3))
    for index, target in enumerate(targets):
        optimizer.param_groups[0]["lr"] = 1.5 / (index + 1)  # the running mean of C·MSE's gradient 2/C
        out = refiner.training_output(condition, target, generator(index))
        optimizer.zero_grad()
        (out.regression[0] - out.regression[1]).square().mean().backward()
        optimizer.step()
    sample = refiner.eval().sample(condition, generator(), steps=1)
    torch.testing.assert_close(sample.mean((0, 2, 3)), targets.mean((0, 1, 3, 4)), atol=0.02, rtol=0)


def toy(n, seed):
    """The right half is half the left one plus a number that nobody can know: N(0, 1) a channel."""
    drawn = torch.randn(2, n, CHANNELS, 1, 1, generator=generator(seed))
    target = drawn[0].repeat(1, 1, 4, 4)
    target[..., 2:] = 0.5 * drawn[0] + drawn[1]
    hole, mask = torch.zeros(n, 1, 4, 4), torch.zeros(n, 1, 4 * FACTOR, 4 * FACTOR)
    hole[..., 2:], mask[..., 2 * FACTOR :] = 1, 1
    return Condition(target * (1 - hole), hole, mask), target


def train(refiner, n_steps):
    """The weighted losses of a short training."""
    refiner.train()
    optimizer = torch.optim.AdamW([p for p in refiner.parameters() if p.requires_grad], lr=1e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, n_steps)
    losses = []
    for step in range(n_steps):
        out = refiner.training_output(*toy(32, step), generator(step))
        error = (out.regression[0] - out.regression[1]).square().mean((1, 2, 3))
        loss = (out.weight * error).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    refiner.eval()
    return losses


def toy_unet(mean=False):
    torch.manual_seed(0)
    return UNetDenoiser(CHANNELS, condition_channels(CHANNELS, FACTOR, mean), (16, 16), heads=0, embedding=16)


TOYS = {
    "flow": lambda: FlowRefiner(toy_unet(), down_factor=FACTOR, n_batches=5),
    "residual": lambda: FlowRefiner(
        toy_unet(mean=True), mean=deterministic(), down_factor=FACTOR, n_batches=5
    ),
    "diffusion": lambda: DiffusionRefiner(toy_unet(), down_factor=FACTOR, n_batches=5),
}


@pytest.mark.parametrize("name", TOYS)
def test_a_short_training_is_calibrated(name):
    """The loss falls; a sample errs by √2 of the posterior mean's error, the mean of 16 by 3 % more."""
    refiner = TOYS[name]()
    losses = train(refiner, 200)
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])
    condition, target = toy(64, 10_001)

    def l1(latent):
        return (latent - target)[..., 2:].abs().mean().item()

    best = (0.5 * target[..., :1] - target)[..., 2:].abs().mean().item()  # of the true posterior mean
    samples = refiner.sample(condition, generator(1), steps=8, n=16)
    assert 0.9 * best < l1(samples.mean(0)) < 1.15 * best
    assert 1.15 * best < l1(samples[0]) < 1.7 * best
    assert samples[..., 2:].var(0).mean().item() == pytest.approx(1.0, abs=0.45)
    if name == "diffusion":  # its times are uniform: t = 1, where the one step starts, is well trained
        regression = l1(refiner.sample(condition, generator(), steps=1))
        assert l1(samples.mean(0)) == pytest.approx(regression, rel=0.1)


def test_predicted_noise_is_learnt_as_well():
    """Its loss counts least where z0 is decided: only that it falls is sure after so few steps."""
    refiner = DiffusionRefiner(
        toy_unet(), EPS_PATH, Noise(), weight=MinSNR(), down_factor=FACTOR, n_batches=5
    )
    losses = train(refiner, 200)
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])
    assert refiner.sample(toy(2, 0)[0], generator()).isfinite().all()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: flow(steps=0), "steps must be at least 1, got 0"),
        (lambda: flow(dropped=1.0), r"dropped must be in \[0, 1\), got 1.0"),
        (lambda: flow(condition=7), r"condition_channels must be 20, what ExactView"),
        (
            lambda: flow(mean=FFCRefiner(CHANNELS, n_blocks=1)),
            r"condition_channels must be 23, what ExactView",
        ),
        (lambda: flow(dropped=0.0, guidance=Guidance(2.0)), "learnt from dropped conditions"),
        (lambda: flow(condition=0, guidance=Guidance(2.0)), "learnt from dropped conditions"),
        (lambda: flow(condition=0, clean_known=True), "clean_known: a denoiser without condition"),
        (
            lambda: flow(condition_channels(CHANNELS, FACTOR, True), mean=flow()),
            "mean: must be a function of the condition, got a FlowRefiner",
        ),
        (lambda: flow(n_batches=0), "n_batches must be at least 1"),
        (lambda: diffusion(prediction=Noise()), "prediction: at t = 1 the path has no signal"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bad_calls(batch):
    condition, target = batch
    refiner = flow()
    with pytest.raises(ValueError, match="target: FlowRefiner learns from the true latent"):
        refiner.training_output(condition, None, generator())
    with pytest.raises(ValueError, match="generator: FlowRefiner draws times and noise"):
        refiner.training_output(condition, target)
    with pytest.raises(ValueError, match="generator: FlowRefiner draws noise"):
        refiner.sample(condition)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        refiner.sample(condition, generator(), steps=0)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        refiner.sample(condition, generator(), n=0)
    with pytest.raises(ValueError, match="one a picture, 3, got 2"):
        refiner.sample(condition, [generator(), generator()])
    with pytest.raises(ValueError, match="condition.mask: a conditional denoiser has to see it"):
        refiner.sample(Condition(condition.masked_latent, condition.hole), generator())
    with pytest.raises(ValueError, match="condition.hole must say where"):
        flow(condition=0).sample(Condition(condition.masked_latent), generator(), sampler=RePaint())


def test_times_say_the_same_on_every_path(batch):
    """σ/α = t/(1 − t): what gates a loss by noise need not know the path."""
    refiner = diffusion()
    out = refiner.training_output(*batch, generator())
    a, s = out.path.coefficients(out.levels)
    torch.testing.assert_close(out.time / (1 - out.time), s / a, rtol=1e-3, atol=1e-4)
    flowing = flow().training_output(*batch, generator())
    torch.testing.assert_close(flowing.time, flowing.levels)


def test_the_default_settings_are_those_of_the_sources():
    """JiT: z0 with the velocity's loss. SD3: logit-normal (0, 1), and a tenth that reaches the ends."""
    refiner = flow()
    assert refiner.path == LinearPath() and refiner.prediction == Clean()
    assert refiner.times == Stratified(LogitNormal(0.0, 1.0, uniform=0.1))
    t = torch.tensor([0.01, 0.5])
    weights = refiner.weight(refiner.path, refiner.prediction, t)
    assert (weights[0] / weights[1]).item() == pytest.approx(100)  # (0.5 / 0.05)²


def test_a_saved_flow_is_rebuilt_by_a_program_that_only_loads(tmp_path):
    """Every part of it is registered by importing what loads models, and nothing heavy comes with that."""
    save_model(flow(sampler=RePaint(2, 2)), tmp_path)
    program = (
        "import sys; from latent_inpaint.models.storage import load_model; load_model(sys.argv[1]); "
        "print([name for name in ('diffusers', 'pytorch_lightning', 'torchvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
