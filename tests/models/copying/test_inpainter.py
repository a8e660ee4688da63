"""A network that lays out, copies that fill in."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import latent_inpaint
from latent_inpaint.models.copying import CopyingInpainter, copy_texture, inpainter
from latent_inpaint.models.inpainter import Inpainter
from latent_inpaint.models.parts import part
from latent_inpaint.models.storage import load_model, save_model


@part
class Grey(nn.Module):
    """Says 0.5 everywhere, and remembers what it was asked."""

    multiple = False

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, ...]] = []

    def forward(self, image: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
        self.asked.append(tuple(image.shape[-2:]))
        return torch.full_like(image, 0.5)


def sample(side: int = 64, width: int = 20) -> tuple[Tensor, Tensor]:
    image = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 1, side, side)
    mask[0, :, 16 : 16 + width, 20 : 20 + width] = 1
    return image, mask


def test_known_pixels_and_pictures_without_hole() -> None:
    """Bit for bit; in a batch as alone."""
    model, (image, mask) = CopyingInpainter(Grey()), sample()
    result = model(image, mask)
    assert isinstance(model, Inpainter) and not model.multiple
    assert torch.equal(result[1], image[1])
    assert torch.equal(result * (1 - mask), image * (1 - mask))
    assert torch.equal(result[:1], model(image[:1], mask[:1]))
    assert torch.equal(
        result[:1], model((image * (1 - mask))[:1], mask[:1]) * mask[:1] + (image * (1 - mask))[:1]
    )


def test_a_wide_hole_is_laid_out_in_a_smaller_picture() -> None:
    """Halved until it is no deeper than asked; a narrow one is laid out at its own size."""
    network = Grey()
    model = CopyingInpainter(network, depth=8)
    model(*(x[:1] for x in sample(128, 40)))
    model(*(x[:1] for x in sample(128, 16)))
    assert network.asked == [(32, 32), (128, 128)]


def test_it_is_saved_with_its_network(tmp_path: Path) -> None:
    """And loads again by `load`, which repairs 8-bit pictures of any size with it."""
    save_model(CopyingInpainter(Grey(), depth=9, texture=1.0), tmp_path)
    model = load_model(tmp_path)
    assert (model.depth, model.texture, type(model.network).__name__) == (9, 1.0, "Grey")
    picture = np.random.default_rng(0).integers(0, 255, (80, 97, 3), dtype=np.uint8)
    hole = np.zeros((80, 97), np.uint8)
    hole[30:50, 40:60] = 255
    result = latent_inpaint.inpaint(picture, hole, latent_inpaint.load(tmp_path))
    assert (result == picture)[hole == 0].all() and (result != picture)[hole > 0].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"depth": 0}, "depth"), ({"colour": -1.0}, "colour"), ({"texture": -1.0}, "texture")],
)
def test_wrong_arguments(arguments: dict[str, float], message: str) -> None:
    """Named."""
    with pytest.raises(ValueError, match=message):
        CopyingInpainter(Grey(), **arguments)  # type: ignore[arg-type]


def test_thin_holes_are_filled_tile_by_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scratch across stripes, through four tiles: none leaves a seam, none looks at all of the picture."""
    sizes: list[tuple[int, ...]] = []

    def counted(image: Tensor, *arguments: object) -> Tensor:
        sizes.append(tuple(image.shape[1:]))
        return copy_texture(image, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(inpainter, "copy_texture", counted)
    stripes = torch.tensor([0.2, 0.2, 0.8, 0.8]).repeat(128)[None, None].expand(1, 3, 300, 512).contiguous()
    mask = torch.zeros(1, 1, 300, 512)
    mask[..., 250:259, 100:400] = 1
    result = CopyingInpainter(Grey())(stripes, mask)
    assert sizes == [(300, 320), (300, 320), (108, 320), (108, 320)]
    assert (result - stripes).abs().max() < 1e-5
