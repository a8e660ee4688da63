"""Choosing among several results without the truth (after Zhang et al., ECCV 2022, "auto-curation")."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from latent_inpaint.evaluation.guides import blurred
from latent_inpaint.models.classical.base import Hole, Picture


class Curator:
    """Takes the result that agrees best with what steered it and shows the least seam.

    Two scores, both without a reference, are standardised over the candidates of a picture and added:
    disagreement with the network's result, and the seam around the hole. Measured on 100 crops of 128² with
    four candidates each, the sum beat a random choice with a weak network (below Telea) as with a good one;
    agreement alone is misled by a weak network, the seam alone ignores a good one.

    Args:
        blur: deviation of the Gaussian under which results are compared with the network's, as a share of the
            short side: a network's colours are right where its texture is not.
        seam_weight: weight of the seam against the disagreement.
    """

    def __init__(self, blur: float = 0.03, seam_weight: float = 1.0) -> None:
        self.blur = blur
        self.seam_weight = seam_weight

    def choose(self, candidates: Mapping[str, Picture], hole: Hole, finished: Picture) -> str:
        """The name of the best candidate; of equal ones the first.

        Args:
            candidates: results by name, 8-bit `[H, W, 3]`.
            hole: bool `[H, W]`, True = hole.
            finished: the network's result.
        """
        wanted = blurred(_unit(finished), self.blur)
        disagreement = [
            disagreement_with(wanted, picture, hole, self.blur) for picture in candidates.values()
        ]
        seams = [seam(picture, hole) for picture in candidates.values()]
        scores = _standardised(disagreement) + self.seam_weight * _standardised(seams)
        return list(candidates)[int(np.argmin(scores))]


def disagreement_with(wanted: NDArray[np.float32], picture: Picture, hole: Hole, blur: float) -> float:
    """Mean absolute difference in the hole between `wanted`, blurred already, and the blurred picture."""
    return float(np.abs(blurred(_unit(picture), blur) - wanted)[hole].mean())


def seam(picture: Picture, hole: Hole) -> float:
    """Mean length of the brightness gradient on the hole's border, one pixel to each side."""
    import cv2

    square = np.ones((3, 3), np.uint8)
    area = hole.astype(np.uint8)
    border = (cv2.dilate(area, square) - cv2.erode(area, square)) > 0
    grey = _unit(picture).mean(axis=2)
    dx, dy = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return float(np.hypot(dx, dy)[border].mean())


def _standardised(scores: list[float]) -> NDArray[np.float64]:
    values = np.array(scores)
    return (values - values.mean()) / (values.std() + 1e-9)


def _unit(picture: Picture) -> NDArray[np.float32]:
    return np.asarray(picture / np.float32(255), np.float32)
