"""Equation 4.1 of the thesis as a picture: what a hole does to the latent, outside the hole too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from latent_inpaint.models import LatentInpainter
from latent_inpaint.models.geometry import check_shapes
from latent_inpaint.sheets import sheet, to_uint8


class LatentDamage(NamedTuple):
    """Decoded differences to the true latent, each `[B, 3, H, W]` in [0, 1].

    Attributes:
        plain: `D(E(x) − E(x ⊙ (1 − m)))`, equation 4.1.
        guided: the same with the latent that the refiner gets: the mask seen by the encoder.
        refined: the same with the refined latent.
        energy_outside: mean squared latent difference outside the hole, relative to the true latent's mean
            square there, for plain, guided and refined.
    """

    plain: Tensor
    guided: Tensor
    refined: Tensor
    energy_outside: Mapping[str, float]


@torch.inference_mode()
def latent_damage(model: LatentInpainter, image: Tensor, mask: Tensor) -> LatentDamage:
    """How far the latents of a masked picture are from the true one's, decoded.

    Args:
        model: the network, in eval mode.
        image: `[B, 3, H, W]` in [0, 1], H and W multiples of the network's `down_factor`.
        mask: `[B, 1, H, W]` in {0, 1}, 1 = hole.
    """
    check_shapes(image, mask)
    target = model.encode(image)
    guided = model.encode_masked(image, mask)
    latents = {"plain": model.encode(image * (1 - mask)), "guided": guided, "refined": model.refine(guided)}
    known = 1 - functional.max_pool2d(
        mask, model.down_factor
    )  # 1 where a latent position sees no hole below it
    scale = (target.square() * known).sum().clamp_min(1e-12)
    energy = {name: float(((target - z).square() * known).sum() / scale) for name, z in latents.items()}
    plain, guided, refined = (model.decode(target - latent) for latent in latents.values())
    return LatentDamage(plain, guided, refined, energy)


def damage_sheet(
    model: LatentInpainter, image: Tensor, mask: Tensor
) -> tuple[Image.Image, Mapping[str, float]]:
    """The picture of `latent_damage`, one column a picture, and its energies outside the hole."""
    damage = latent_damage(model, image, mask)
    rows = {
        "picture": image,
        "masked": image * (1 - mask),
        "difference, plain": damage.plain,
        "difference, mask seen": damage.guided,
        "difference, refined": damage.refined,
    }
    stacked = torch.stack(list(rows.values()), dim=1)  # [B, rows, 3, H, W]
    columns = {f"picture {index + 1}": to_uint8(column) for index, column in enumerate(stacked)}
    return sheet(columns, list(rows)), damage.energy_outside
