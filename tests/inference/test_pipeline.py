"""What `load` gives, and what `inpaint` takes: inpainters of every kind, and those that draw."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import latent_inpaint
from latent_inpaint.inference.fill import ReducedSizeWarning
from latent_inpaint.inference.refinement import RefinementOptions
from latent_inpaint.models.storage import save_model


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (37, 50, 3), dtype=np.uint8)


@pytest.fixture
def hole():
    hole = np.zeros((37, 50), dtype=bool)
    hole[5:20, 10:30] = True
    return hole


def mean_colour(image, mask):
    """A classical method: a function of the batch, no network."""
    assert not (image * mask).any(), "what is in the hole must not be seen"
    known = (1 - mask).sum(dim=(2, 3), keepdim=True)
    return (image.sum(dim=(2, 3), keepdim=True) / known).expand_as(image)


class Noise(torch.nn.Module):
    """A network that draws its fill."""

    multiple = True

    def forward(self, image, mask, generator=None):
        return torch.rand(image.shape, generator=generator)


def test_called_it_is_an_inpainter(tmp_path, network):
    pipeline = latent_inpaint.load(save_model(network, tmp_path, {"data": "photographs"}), "cpu", "bfloat16")
    image, mask = torch.rand(2, 3, 24, 33), (torch.rand(2, 1, 24, 33) > 0.5).float()
    torch.testing.assert_close(pipeline(image, mask), network(image, mask), rtol=0, atol=0)
    assert pipeline.place == "cpu in bfloat16" and pipeline.card == {"data": "photographs"}
    assert not pipeline.multiple and "LatentInpainter on cpu" in repr(pipeline)
    with pytest.raises(TypeError, match="tensors are expected, got ndarray and ndarray; `inpaint` takes"):
        pipeline(np.zeros((4, 4, 3)), np.zeros((4, 4)))


def test_anything_that_fills_can_stand_in_a_networks_place(image, hole):
    known = image[~hole].astype(float)
    whole = latent_inpaint.inpaint(image, hole, mean_colour, region_of_interest=False)
    np.testing.assert_array_equal(whole[~hole], image[~hole])
    assert np.abs(whole[hole] - known.mean(axis=0)).max() <= 0.51
    far = np.pad(image, ((0, 900), (0, 900), (0, 0)))
    far_hole = np.pad(hole, ((0, 900), (0, 900)))
    crop = latent_inpaint.inpaint(far, far_hole, mean_colour, context=8, feather=0)
    assert np.abs(crop[far_hole] - known.mean(axis=0)).max() < 5  # the black far away is not in the crop


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"refine": True}, "latent is needed, such as fast; function is none"),
        ({"refine": RefinementOptions()}, "refine: a model that is a function of its latent"),
        ({"memory_budget": "1GiB"}, "memory_budget: what function needs is not known"),
        ({"steps": 10}, "steps: function is not a sampler in latent space, got 10"),
        ({"samples": 2}, "samples: function is a function with one fill for a hole, got 2"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
    ],
)
def test_what_a_function_without_a_latent_cannot_do(image, hole, options, message):
    with pytest.raises(ValueError, match=message):
        latent_inpaint.inpaint(image, hole, mean_colour, **options)


def test_several_samples_of_a_network_that_is_a_function_are_refused(network, image, hole):
    with pytest.raises(ValueError, match="samples: LatentInpainter is a function with one fill"):
        latent_inpaint.inpaint(image, hole, network, samples=3)
    with pytest.raises(ValueError, match="steps: LatentInpainter is not a sampler"):
        latent_inpaint.inpaint(image, hole, network, steps=3)


class Small:
    """Forgets the size of what it is given."""

    def __call__(self, image, mask):
        return torch.zeros(1, 3, 4, 4)


def test_a_model_that_is_none_is_named(image, hole):
    with pytest.raises(ValueError, match=r"Small gave .* shape \[1, 3, 4, 4\], expected \[1, 3, 37, 50\]"):
        latent_inpaint.inpaint(image, hole, Small())
    with pytest.raises(TypeError, match="model must be called as model.image, mask., got int"):
        latent_inpaint.inpaint(image, hole, 3)


def test_a_sample_depends_on_the_seed_and_its_number_alone(image, hole):
    model = Noise()
    samples = latent_inpaint.inpaint(image, hole, model, samples=3, seed=7)
    assert isinstance(samples, list) and len(samples) == 3
    for one in samples:
        np.testing.assert_array_equal(one[~hole], image[~hole])
    assert (samples[0] != samples[1]).any() and (samples[1] != samples[2]).any()
    again = latent_inpaint.inpaint(image, hole, model, samples=2, seed=7)
    np.testing.assert_array_equal(again, samples[:2])
    np.testing.assert_array_equal(latent_inpaint.inpaint(image, hole, model, seed=7), samples[0])
    assert (latent_inpaint.inpaint(image, hole, model, seed=8) != samples[0]).any()
    torch.rand(5)  # the global generator does not matter, nor do the pictures beside it
    other = np.rot90(image, 2).copy()
    batch = latent_inpaint.inpaint(np.stack([other, image]), np.stack([hole, hole]), model, 3, 7)
    assert len(batch) == 3 and batch[0].shape == (2, 37, 50, 3)
    np.testing.assert_array_equal([sample[1] for sample in batch], samples)
    pipeline = latent_inpaint.Pipeline(model)
    np.testing.assert_array_equal(pipeline.inpaint(image, hole, samples=3, seed=7), samples)


def test_samples_of_no_picture_and_of_no_hole(image, hole):
    assert latent_inpaint.inpaint([], [], Noise(), samples=2) == [[], []]
    with pytest.warns(UserWarning, match="no hole"):
        same = latent_inpaint.inpaint(image, np.zeros_like(hole), Noise(), samples=2)
    np.testing.assert_array_equal(same, [image, image])


def test_a_sampler_in_latent_space_gives_samples_and_takes_steps(sampler, image, hole, tmp_path):
    calls = []
    sampler.refiner.denoiser.register_forward_hook(lambda *_: calls.append(1))
    samples = latent_inpaint.inpaint(image, hole, sampler, samples=2, seed=1, steps=3)
    assert len(calls) == 6 and (samples[0] != samples[1]).any()
    for one in samples:
        np.testing.assert_array_equal(one[~hole], image[~hole])
    again = latent_inpaint.load(save_model(sampler, tmp_path), "cpu", "float32")
    assert again.multiple
    np.testing.assert_array_equal(again.inpaint(image, hole, 2, 1, 3), samples)


def test_a_sampler_is_halved_for_memory_but_not_refined(sampler, rng):
    image, hole = rng.integers(0, 256, (300, 300, 3), dtype=np.uint8), np.zeros((300, 300), bool)
    hole[50:250, 50:250] = True
    with pytest.warns(ReducedSizeWarning):
        result = latent_inpaint.inpaint(image, hole, sampler, memory_budget="200kB", region_of_interest=False)
    np.testing.assert_array_equal(result[~hole], image[~hole])
    with pytest.raises(ValueError, match="refine: a model that is a function of its latent is needed"):
        latent_inpaint.inpaint(image, hole, sampler, refine=True)


FORK = """
import multiprocessing, numpy, torch, latent_inpaint
torch.set_num_threads(2)
model = latent_inpaint.load(None, "cpu")
image, hole = numpy.zeros((300, 300, 3), numpy.uint8), numpy.zeros((300, 300), bool)
hole[50:250, 50:250] = True

def repair(_):
    return int(latent_inpaint.inpaint(image, hole, model).sum())

expected = repair(0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map_async(repair, range(2)).get(90) == [expected, expected])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_after_use_does_not_hang():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "True", done.stderr
