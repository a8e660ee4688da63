"""Inception-v3 features of FID, by torch-fidelity's network, and P-IDS/U-IDS on them; no download, ever."""

from io import BytesIO
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from latent_inpaint.metrics.weights import WeightsFile

WEIGHTS = WeightsFile(
    metric="FID (and P-IDS, U-IDS)",
    file_name="pt_inception-2015-12-05-6726825d.pth",
    address="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    key="metrics.inception_weights",
    aliases=("weights-inception-2015-12-05-6726825d.pth",),
)
INPUT_SIZE = 299


class InceptionFeatures(nn.Module):
    """The 2048 features of FID's Inception-v3 (Heusel et al., 2017), frozen.

    torch-fidelity's network enlarges to 299² as TensorFlow 1 did, without antialiasing. Larger pictures are
    first brought to 299² by an antialiased bicubic (Parmar et al., 2022); up to 299² the features are
    torch-fidelity's own.

    Args:
        weights: file in the published layout.
        sha256: checksum to demand instead of the published one.

    Raises:
        ValueError: the file's checksum is another.
    """

    def __init__(self, weights: str | Path, sha256: str | None = None) -> None:
        super().__init__()
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        state, self.weights_sha256 = WEIGHTS.read(weights, sha256)
        plain = BytesIO()  # torch-fidelity unpickles what it is given: give it tensors that were read safely
        torch.save(state, plain)
        plain.seek(0)
        self.network = FeatureExtractorInceptionV3(
            "inception", ["2048"], feature_extractor_weights_path=plain
        )
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> Tensor:
        """Map an image `[B, 3, H, W]` in [0, 1], rounded to 8 bits as a saved picture is, to `[B, 2048]`."""
        if max(image.shape[-2:]) > INPUT_SIZE:
            size = (INPUT_SIZE, INPUT_SIZE)
            image = F.interpolate(image, size, mode="bicubic", antialias=True, align_corners=False)
        features: Tensor = self.network((255 * image.clamp(0, 1)).round().to(torch.uint8))[0]
        return features


def inception_discriminative_scores(real: Tensor, fake: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return each picture's part `[N]` in P-IDS and in U-IDS (Zhao et al., 2021), which are their means.

    A linear support vector machine is fitted to tell fake features from real ones. P-IDS is the share of
    pairs whose fake looks more real than its truth, U-IDS the rate of wrong decisions. With fewer pictures
    than features the two sets can be separated, and both are near 0.

    Args:
        real: features `[N, D]` of the truths.
        fake: features `[N, D]` of the composites, in the same order.
    """
    from sklearn.svm import LinearSVC

    real_array, fake_array = real.double().numpy(), fake.double().numpy()
    labels = np.repeat([1, 0], [len(real_array), len(fake_array)])
    machine = LinearSVC(dual=False).fit(np.concatenate([real_array, fake_array]), labels)
    real_score, fake_score = machine.decision_function(real_array), machine.decision_function(fake_array)
    paired = (fake_score > real_score).astype(np.float64)
    unpaired = ((real_score <= 0).astype(np.float64) + (fake_score > 0)) / 2
    return paired, unpaired
