"""What a step costs, known before it runs."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from latent_inpaint.training.averaging import CALIBRATION_BATCHES
from latent_inpaint.training.dry_run import dry_run, step_cost

EXPERIMENTS = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "experiment").glob("*.yaml"))

MEASURE = """
import resource, sys
import torch
from latent_inpaint.inference.benchmark import peak_mib
from latent_inpaint.models import AlphaEncoder, Decoder, Encoder, FFCRefiner, LatentInpainter, MaskControl
from latent_inpaint.training.outputs import InpaintingOutputs

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

control, pixels, ngf, size, batch = sys.argv[1] == "control", sys.argv[2] == "pixels", 16, 128, 16
encoder = Encoder(ngf)
guide = MaskControl(encoder.stage_channels) if control else AlphaEncoder(Encoder(ngf, 3, 4))
model = LatentInpainter(encoder, FFCRefiner(8 * ngf, 3), Decoder(ngf), guide)
model.to(memory_format=torch.channels_last).requires_grad_(False).eval()
for part in (model.refiner, model.guide) if control else (model.guide, model.refiner, model.decoder):
    part.requires_grad_(True).train()

def step(size, batch):
    image, mask = torch.rand(batch, 3, size, size), torch.ones(batch, 1, size, size)
    out = InpaintingOutputs(model, image, mask)
    value = (out.prediction - image) if pixels else (out.latent - out.target_latent)
    value.abs().mean().backward()
    model.zero_grad()

step(16, 1)  # what libraries keep for themselves
before = resident()
step(size, batch)
print(peak_mib() * 2**20 - before)
"""


def test_flops_and_memory_of_one_convolution_are_known(compose):
    """The stem of stage 1 alone, by hand: what doubles with the batch, and what does not."""
    one, two = (step_cost(compose("autoencoder", f"autoencoder.batch_size={n}")) for n in (1, 2))
    assert (one.batch_size, two.batch_size) == (1, 2) and one.flops == two.flops
    assert two.activations > 1.9 * one.activations
    assert (one.weights, one.gradients, one.optimizer) == (two.weights, two.gradients, two.optimizer)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_has_a_cost(compose, experiment):
    text = dry_run(compose(experiment, "data.size=64"))
    assert text.startswith(experiment) and text.splitlines()[0].endswith(": 64², batch 2, 32-true")
    for word in ("parameters", "operations", "activations", "peak"):
        assert word in text


def test_counts_are_the_networks(compose):
    cost = step_cost(compose("baseline", "data.size=64"))
    assert cost.optimizer == 2 * cost.gradients == 8 * cost.trainable  # Adam, float32
    assert cost.average == cost.weights > 4 * cost.parameters  # buffers as well
    assert cost.parameters > cost.trainable  # the plain encoder gives the targets


def test_frozen_parts_cost_less(compose):
    """The decoder runs for pixels only, and its gradients are not computed where it is frozen."""
    costs = {row: step_cost(compose(row, "data.size=64")).flops for row in ("control", "latent_control")}
    assert costs["latent_control"] < costs["control"]


def test_bf16_keeps_less(compose):
    """Not half: the Fourier transforms stay in float32."""
    size = ["model.ngf=8", "data.size=64", "data.batch_size=10"]
    full, half = (
        step_cost(compose("baseline", *size, f"trainer.precision={precision}"))
        for precision in ("32-true", "bf16-mixed")
    )
    assert half.activations < 0.85 * full.activations
    with pytest.raises(ValueError, match=r"trainer\.precision: dry_run knows .* got '64-true'"):
        step_cost(compose("baseline", "trainer.precision=64-true"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the resident memory from /proc")
@pytest.mark.parametrize("experiment", ["baseline", "control", "latent_control"])
def test_expected_peak_is_the_measured_one_within_a_fifth(compose, experiment):
    size = ["model.ngf=16", "model.n_blocks=3", "data.size=128", "data.batch_size=16"]
    cost = step_cost(compose(experiment, *size))
    pixels = "latent" if experiment.startswith("latent") else "pixels"
    words = "alpha" if experiment == "baseline" else "control", pixels
    run = subprocess.run([sys.executable, "-c", MEASURE, *words], capture_output=True, text=True, check=True)
    batches = (1 + CALIBRATION_BATCHES) * torch.zeros(16, 4, 128, 128).nbytes  # the step makes one of its own
    standing = cost.weights + cost.average + cost.optimizer + batches
    assert cost.peak - standing == pytest.approx(float(run.stdout), rel=0.2)
