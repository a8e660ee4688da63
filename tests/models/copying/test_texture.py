"""Copied texture: what repeats is continued, what the guide says is heeded, what is known stays."""

import pytest
import torch
from torch import Tensor

from latent_inpaint.models.copying import CopyingWarning, copy_texture


def hole_of(height: int, width: int, rows: slice, columns: slice) -> Tensor:
    hole = torch.zeros(height, width, dtype=torch.bool)
    hole[rows, columns] = True
    return hole


def copied(image: Tensor, hole: Tensor, estimate: Tensor, seed: int = 0, **weights: float) -> Tensor:
    estimate = torch.where(hole, estimate, image)
    return copy_texture(image, hole, estimate, torch.Generator().manual_seed(seed), **weights)


def test_a_pattern_is_continued() -> None:
    """A checkerboard of squares of 4, of which 40×40 are missing at 128²."""
    tile = torch.tensor([[0.1, 0.9], [0.9, 0.1]]).repeat_interleave(4, 0).repeat_interleave(4, 1)
    image = tile.repeat(16, 16).expand(3, 128, 128).clone()
    hole = hole_of(128, 128, slice(40, 80), slice(44, 84))
    filled = copied(image, hole, torch.full_like(image, 0.5))
    assert (filled - image).abs()[:, hole].mean() < 0.02
    assert torch.equal(filled[:, ~hole], image[:, ~hole])


def test_colours_come_from_where_the_guide_says() -> None:
    """Red noise above, blue noise below; the guide puts the border somewhere, and there it is."""
    noise = 0.2 * torch.rand(96, 96, generator=torch.Generator().manual_seed(0))
    image = torch.stack([noise, noise, noise])
    image[0, :48] += 0.7
    image[2, 48:] += 0.7
    hole = hole_of(96, 96, slice(24, 72), slice(30, 66))
    for border in (36, 60):
        estimate = torch.full((3, 96, 96), 0.1)
        estimate[0, :border] += 0.7
        estimate[2, border:] += 0.7
        filled = copied(image, hole, estimate, colour=5.0)
        is_red = (filled[0] > filled[2])[24:72, 30:66].float().mean(dim=1)
        assert abs(float(is_red.sum()) + 24 - border) < 5


def test_texture_is_not_smoothed_away() -> None:
    """Half rough, half flat, one mean: a hole in the rough half, guided by flat grey, is filled roughly."""
    image = torch.full((3, 96, 192), 0.5)
    image[..., :96] += torch.rand(96, 96, generator=torch.Generator().manual_seed(0)) - 0.5
    hole = hole_of(96, 192, slice(24, 72), slice(24, 72))
    grey = torch.full_like(image, 0.5)
    inner = (slice(None), slice(36, 60), slice(36, 60))
    rough, smooth = copied(image, hole, grey)[inner], copied(image, hole, grey, texture=0.0)[inner]
    assert rough.std() > 0.5 * image[inner].std() > 1.5 * smooth.std()


def test_the_same_seed_gives_the_same_picture() -> None:
    """On any number of threads."""
    image = torch.rand(3, 60, 60, generator=torch.Generator().manual_seed(0))
    hole = hole_of(60, 60, slice(20, 40), slice(20, 40))
    threads, results = torch.get_num_threads(), []
    for number in (1, 2):
        torch.set_num_threads(number)
        results.append(copied(image, hole, torch.full_like(image, 0.5), seed=3))
    torch.set_num_threads(threads)
    assert torch.equal(*results)
    assert not torch.equal(results[0], copied(image, hole, torch.full_like(image, 0.5), seed=4))


@pytest.mark.parametrize("rows", [slice(0, 32), slice(2, 30)], ids=["all", "nearly all"])
def test_nothing_to_copy(rows: slice) -> None:
    """No patch is whole: the estimate stays, and that is said."""
    image, hole = torch.rand(3, 32, 32), hole_of(32, 32, rows, slice(2, 30))
    hole = hole if rows.start else torch.ones_like(hole)
    with pytest.warns(CopyingWarning, match="no known patch"):
        filled = copied(image, hole, torch.full_like(image, 0.25))
    assert (filled[:, hole] == 0.25).all() and torch.equal(filled[:, ~hole], image[:, ~hole])


def test_what_is_too_large_is_filled_reduced() -> None:
    """With a warning that says at which size; known pixels as ever."""
    image = torch.rand(3, 200, 220)
    hole = hole_of(200, 220, slice(50, 120), slice(60, 130))
    with pytest.warns(CopyingWarning, match="220×200 pixels is filled at 110×100"):
        filled = copied(image, hole, torch.full_like(image, 0.5), largest=100 * 110)
    assert filled.shape == image.shape and torch.equal(filled[:, ~hole], image[:, ~hole])
    assert filled.min() >= 0 and filled.max() <= 1 and filled[:, hole].std() > 0.02


def test_edges_and_odd_sizes() -> None:
    """Holes at all four edges of an odd picture."""
    image = torch.full((3, 87, 131), 0.3)
    hole = hole_of(87, 131, slice(0, 20), slice(0, 131)) | hole_of(87, 131, slice(40, 87), slice(100, 131))
    filled = copied(image, hole, torch.full_like(image, 0.9))
    assert (filled - 0.3).abs().max() < 1e-5


def test_no_hole() -> None:
    """The picture itself."""
    image = torch.rand(3, 20, 20)
    assert copied(image, torch.zeros(20, 20, dtype=torch.bool), image) is image
