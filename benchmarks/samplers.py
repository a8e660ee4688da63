"""A flow's training step, with and without cached latents, and what a sampled fill costs."""

from __future__ import annotations

import resource
import time
from functools import partial

import numpy as np
import torch

from benchmarks.lines import Line
from benchmarks.steps import ROWS, batch_of, network, training_step
from benchmarks.timing import Job, medians, ratios
from latent_inpaint.inference.pipeline import Pipeline
from latent_inpaint.losses import HoleWeights, Objective, Regression
from latent_inpaint.models import FlowRefiner, LatentInpainter, UNetDenoiser, Unguided
from latent_inpaint.models.refiners import condition_channels
from latent_inpaint.paths.times import dimension_shift
from latent_inpaint.paths.weights import Unweighted

SIDE, SHARE, CALLS, MANY = 512, 0.1, 8, 100


def flow(ngf: int = 8, size: int = 128) -> LatentInpainter:
    """The network of `experiment=flow`, its refiner to be trained."""
    plain = network(ROWS["latent_control"], ngf)
    channels = plain.encoder.latent_channels
    refiner = FlowRefiner(
        UNetDenoiser(channels, condition_channels(channels)),
        clean_known=True,
        time_shift=dimension_shift(channels, size // 8, size // 8),
        weight=Unweighted(),
    )
    model = LatentInpainter(plain.encoder, refiner, plain.decoder, Unguided())
    model = model.to(memory_format=torch.channels_last).requires_grad_(False).eval()
    refiner.requires_grad_(True).train()
    return model


def step_lines(repeats: int) -> list[Line]:
    """A flow's step against baseline's, against itself with cached latents, and its rate."""
    image, mask = batch_of(128, 16)
    model = flow()
    objective = Objective({"regression": Regression(positions=HoleWeights(1.0, 0.2))})
    with torch.no_grad():
        latents = {"target": model.encode(image), "masked": model.encode_masked(image, mask)}
    new = training_step(model, objective=objective)
    cached = training_step(model, objective=objective, latents=latents)
    control, row = network(ROWS["latent_control"], 8), ROWS["baseline"]
    target = {"target": latents["target"]}
    jobs: dict[str, Job] = {
        "baseline": partial(training_step(network(row, 8), row.pixels), image, mask),
        "flow": partial(new, image, mask),
        "cached": partial(cached, image, mask),
        "control": partial(training_step(control, False), image, mask),
        "control, cached": partial(training_step(control, False, latents=target), image, mask),
    }
    found = ratios(jobs, "baseline", repeats)
    return [
        Line("flow's step, 128², ngf 8", found["flow"], 1.0, "baseline's step, batch 16", "its convolutions"),
        Line(
            "flow's step with cached latents",
            found["cached"] / found["flow"],
            None,
            "the step that encodes both pictures",
            "the denoiser, forward and backward",
        ),
        Line(
            "latent_control's step with cached true latents",
            found["control, cached"] / found["control"],
            None,
            "the step that encodes the true picture, too",
            "the masked picture, whose encoder is guided, and the refiner",
        ),
        Line(
            f"flow's steps a second with cached latents, 128², batch 16, {torch.get_num_threads()} thread(s)",
            torch.get_num_threads() / medians({"cached": jobs["cached"]}, repeats)["cached"],
            5.0,
            "processor seconds of all threads",
            "the denoiser's operations",
            higher_is_better=True,
            unit="steps/s",
        ),
    ]


def sample_lines() -> list[Line]:
    """Seconds of a sampled fill, and the memory that many of them leave behind."""
    model = flow().eval()
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    hole, side = np.zeros((SIDE, SIDE), bool), round(SHARE**0.5 * SIDE)
    hole[100 : 100 + side, 100 : 100 + side] = True

    def fill(seed: int) -> None:
        Pipeline(model).inpaint(image, hole, seed=seed, steps=CALLS)

    fill(0)
    start = time.perf_counter()
    fill(1)
    seconds = time.perf_counter() - start
    before = _peak_mib()
    for seed in range(MANY):
        fill(seed)
    return [
        Line(
            f"a fill of {SIDE}² with a hole of {SHARE:.0%} by {CALLS} calls",
            seconds,
            1.5,
            "the clock, all cores",
            "the denoiser's calls on the hole and its surroundings, and one encoding and decoding",
            unit="s",
        ),
        Line(
            f"memory that {MANY} further samples add",
            _peak_mib() - before,
            16.0,
            "the process's peak after two",
            "nothing is kept of a sample",
            unit="MiB",
        ),
    ]


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
