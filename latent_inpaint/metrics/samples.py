"""What several fills of one picture say: how they differ, what their mean and the chosen one are worth."""

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor

from latent_inpaint.metrics.image import l1_hole
from latent_inpaint.metrics.perceptual import lite0_perceptual_distance

SAMPLE_COLUMNS = ("diversity", "diversity_lpips", "l1_mean", "pd_mean", "l1_chosen", "pd_chosen")
Features = Callable[[Tensor], list[Tensor]]


def hole_distance(features_a: Sequence[Tensor], features_b: Sequence[Tensor], hole: Tensor) -> Tensor:
    """PD-lite0 in the hole, `[B]`: as `lite0_perceptual_distance`, but the mean is over the hole's positions.

    A position counts by the share of it that is hole.

    Args:
        features_a: outputs of `Lite0Features(PERCEPTUAL_BLOCKS)`, `[B, C, h, w]` each.
        features_b: the same of the other pictures.
        hole: `[B, 1, H, W]` in {0, 1}, 1 = hole.

    Example:
        >>> a, b = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
        >>> a[:, 0], b[:, 0] = 1.0, 1.0
        >>> b[:, :, 0, 0] = torch.tensor([0.0, 1.0])  # one of four positions is orthogonal
        >>> hole = torch.zeros(1, 1, 4, 4)
        >>> hole[..., :2, :2] = 1
        >>> hole_distance([a], [b], hole), hole_distance([a], [b], torch.ones(1, 1, 4, 4))
        (tensor([2.]), tensor([0.5000]))
    """
    depths = []
    for a, b in zip(features_a, features_b):
        squares = (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(dim=1, keepdim=True)
        share = F.interpolate(hole, squares.shape[-2:], mode="area")
        depths.append((squares * share).sum(dim=(1, 2, 3)) / share.sum(dim=(1, 2, 3)).clamp_min(1e-9))
    return torch.stack(depths).mean(dim=0)


@torch.inference_mode()
def sample_values(
    samples: Tensor,
    truth: Tensor,
    truth_maps: Sequence[Tensor],
    hole: Tensor,
    chosen: int,
    perceptual: Features,
    lpips: Features | None = None,
) -> dict[str, float]:
    """Values of several fills of one picture.

    Args:
        samples: composites, `[N, 3, H, W]` in [0, 1], N at least 2.
        truth: `[1, 3, H, W]`.
        truth_maps: what `perceptual` gives for it.
        hole: `[1, 1, H, W]` in {0, 1}, 1 = hole.
        chosen: number of the one that was chosen without the truth.
        perceptual: features of PD-lite0.
        lpips: features of LPIPS, where its weights are.

    Returns:
        `diversity`: mean of `hole_distance` over all pairs; `diversity_lpips`: of LPIPS over the hole's
        positions, NaN without weights; `l1_mean`, `pd_mean`: of the mean of all; `l1_chosen`, `pd_chosen`.

    Example:
        >>> samples, truth = torch.zeros(2, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
        >>> samples[1] = 1
        >>> hole = torch.ones(1, 1, 4, 4)
        >>> values = sample_values(samples, truth, [truth + 1], hole, 0, lambda x: [x + 1])
        >>> values["l1_mean"], values["l1_chosen"], round(values["diversity"], 6)
        (0.0, 0.5, 0.0)
    """
    pairs = list(combinations(range(len(samples)), 2))
    shown = torch.cat([samples, samples.mean(dim=0, keepdim=True)])
    maps = [perceptual(picture[None]) for picture in shown]  # one at a time: no batch plays a part
    diversity = torch.stack([hole_distance(maps[i], maps[j], hole) for i, j in pairs]).mean()
    values = {"diversity": float(diversity), "diversity_lpips": float("nan")}
    if lpips is not None:
        seen = [lpips(picture[None]) for picture in samples]
        values["diversity_lpips"] = sum(_lpips_in_hole(seen[i], seen[j], hole) for i, j in pairs) / len(pairs)
    for name, index in (("mean", len(samples)), ("chosen", chosen)):
        values[f"l1_{name}"] = float(l1_hole(shown[index : index + 1], truth, hole))
        values[f"pd_{name}"] = float(lite0_perceptual_distance(maps[index], truth_maps))
    return values


def _lpips_in_hole(features_a: Sequence[Tensor], features_b: Sequence[Tensor], hole: Tensor) -> float:
    total = 0.0
    for a, b in zip(features_a, features_b):
        squares = (a - b).square().sum(dim=1, keepdim=True)
        share = F.interpolate(hole, squares.shape[-2:], mode="area")
        total += float((squares * share).sum() / share.sum().clamp_min(1e-9))
    return total
