"""Time and memory on large pictures, each measured in a process of its own."""

import subprocess
import sys

import pytest

from latent_inpaint.inference.benchmark import measure, measure_one
from latent_inpaint.models.storage import save_model

MIB = 2**20


@pytest.fixture
def model_folder(tmp_path, network):
    return str(save_model(network, tmp_path))


def test_a_region_of_a_picture_of_4096_squared_needs_less_than_1536_mib(model_folder):
    assert measure_one(model_folder, "cpu", "float32", 4096, "region of interest").peak_mib < 1536


@pytest.mark.slow
def test_a_region_of_a_picture_of_4096_squared_takes_at_most_15_percent_of_the_time(tmp_path, make_network):
    folder = str(save_model(make_network(ngf=8, n_blocks=9), tmp_path))
    region, whole = measure(folder, "cpu", "float32", [4096])
    assert region.core_seconds <= 0.15 * whole.core_seconds


def test_a_memory_budget_is_honoured(model_folder):
    program = f"""
import numpy as np, latent_inpaint
from latent_inpaint.inference.benchmark import peak_mib as peak
model = latent_inpaint.load({model_folder!r}, "cpu")
image, hole = np.zeros((3000, 3000, 3), np.uint8), np.zeros((3000, 3000), bool)
hole[900:2100, 900:2100] = True
latent_inpaint.inpaint(image[:300, :300], hole[800:1100, 800:1100], model)
before = peak()
latent_inpaint.inpaint(image, hole, model, memory_budget="60MiB", refine=False)
print(peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    pictures = 3000**2 * 3 * (1 + 1 + 0.25 * 4 * 2) / MIB  # two copies, and half the size in float32, twice
    assert float(done.stdout) < 60 + pictures + 100
