from importlib.util import find_spec

import numpy as np
import pytest
import torch

from latent_inpaint.models.classical import CLASSICAL, NavierStokes, PatchMatch, Telea, installed, patchmatch
from latent_inpaint.models.inpainter import Inpainter, LatentModel

pytest.importorskip("cv2", reason="needs the extra classical")
has_patchmatch = find_spec("patchmatch") is not None
needs_patchmatch = pytest.mark.skipif(not has_patchmatch, reason="pypatchmatch has no build for this Python")


@pytest.mark.parametrize("name", installed())
def test_it_is_an_inpainter_that_does_not_look_into_the_hole(name):
    model = CLASSICAL[name]()
    image = torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 1, 40, 56)
    mask[0, :, 10:22, 20:40] = 1  # the second has no hole
    prediction = model(image, mask)
    assert isinstance(model, Inpainter) and not isinstance(model, LatentModel)
    assert torch.equal(prediction, model(torch.where(mask > 0, 1 - image, image), mask))
    assert torch.equal(prediction[1], image[1])
    known = (mask == 0).expand_as(image)
    assert (prediction - image)[known].abs().max() <= 0.5 / 255 + 1e-6  # keeps_known, in 8 bits
    assert prediction.shape == image.shape and not torch.equal(prediction[0], (image * (1 - mask))[0])


def test_names_and_contexts():
    assert list(CLASSICAL) == ["patchmatch", "telea", "navier_stokes"]
    assert Telea().context_of(900) == 32 and NavierStokes(radius=40).context_of(900) == 81
    with pytest.raises(ValueError, match="radius must be positive, got 0"):
        Telea(0)


@needs_patchmatch
def test_patchmatch_sees_half_a_hole_around_it():
    assert [PatchMatch().context_of(side) for side in (20, 300, 2000)] == [64, 150, 256]


@needs_patchmatch
@pytest.mark.parametrize("bound", ["LARGEST_HOLE", "LARGEST_PICTURE"])
def test_patchmatch_fills_what_is_too_large_at_a_reduced_size(bound, monkeypatch):
    rng = np.random.default_rng(0)
    picture = rng.integers(90, 110, (61, 83, 3), dtype=np.uint8)  # no multiple of the factor
    hole = np.zeros((61, 83), bool)
    hole[20:45, 30:55] = True
    picture[hole] = 0
    at_once = PatchMatch().fill_picture(picture, hole)
    monkeypatch.setattr(patchmatch, bound, (hole if bound == "LARGEST_HOLE" else picture[..., 0]).size // 16)
    monkeypatch.setattr(patchmatch, "LARGEST_HOLE", 200) if bound == "LARGEST_HOLE" else None
    assert np.array_equal(PatchMatch(bounded=False).fill_picture(picture, hole), at_once)
    with pytest.warns(UserWarning, match="in a crop of 83×61 is filled at 1/"):
        reduced = PatchMatch().fill_picture(picture, hole)
    assert np.array_equal(reduced[~hole], picture[~hole])
    assert reduced.shape == picture.shape and reduced[hole].min() > 85 and reduced[hole].max() < 115
    assert reduced[hole].std() < 0.8 * at_once[hole].std()  # enlarged, so smoother
