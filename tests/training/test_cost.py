"""The computed time of a training: its limits."""

import dataclasses

import pytest

from latent_inpaint.training.cost import Machine, Training, images_per_second, markdown

MACHINE = Machine(peak_flops=1e12, utilisation=0.5)
TRAINING = Training("x", flops=1e10, gradient_bytes=1e8, norms=10, images=4_320_000, batch_size=10)


def test_one_gpu_computes_only():
    assert images_per_second(TRAINING, 1, MACHINE) == pytest.approx(0.5e12 / 1e10)


def test_many_gpus_pay_for_what_they_say_to_each_other():
    small = dataclasses.replace(TRAINING, gradient_bytes=0, norms=0)
    assert images_per_second(small, 64, MACHINE) == pytest.approx(64 * images_per_second(small, 1, MACHINE))
    step = 0.2 + 2 * 7 / 8 * 1e8 / MACHINE.node_bandwidth + 40 * MACHINE.node_latency
    assert images_per_second(TRAINING, 8, MACHINE) == pytest.approx(80 / step)
    assert images_per_second(TRAINING, 16, MACHINE) < 2 * images_per_second(TRAINING, 8, MACHINE)
    with pytest.raises(ValueError, match="gpus must be at least 1, got 0"):
        images_per_second(TRAINING, 0, MACHINE)


def test_the_table_says_that_it_is_computed():
    text = markdown([TRAINING], MACHINE, counts=(1, 8))
    assert "| `x` | 10 | 4 M | 50/s, 1.0 days |" in text and "Computed, not measured" in text
