"""P-IDS and U-IDS (Zhao et al., 2021): how often a linear classifier takes what was filled for the truth."""

import numpy as np
from torch import Tensor


def inception_discriminative_scores(real: Tensor, fake: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return each picture's part `[N]` in P-IDS and in U-IDS (Zhao et al., 2021), which are their means.

    A linear support vector machine is fitted to tell fake features from real ones. P-IDS is the share of
    pairs whose fake looks more real than its truth, U-IDS the rate of wrong decisions. With fewer pictures
    than features the two sets can be separated, and both are near 0.

    Args:
        real: features `[N, D]` of the truths.
        fake: features `[N, D]` of the composites, in the same order.

    Example:
        >>> real = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
        >>> paired, unpaired = inception_discriminative_scores(real, real + 50)  # far from the truths
        >>> float(paired.mean()), float(unpaired.mean())
        (0.0, 0.0)
    """
    from sklearn.svm import LinearSVC

    real_array, fake_array = real.double().numpy(), fake.double().numpy()
    labels = np.repeat([1, 0], [len(real_array), len(fake_array)])
    machine = LinearSVC(dual=False).fit(np.concatenate([real_array, fake_array]), labels)
    real_score, fake_score = machine.decision_function(real_array), machine.decision_function(fake_array)
    paired = (fake_score > real_score).astype(np.float64)
    unpaired = ((real_score <= 0).astype(np.float64) + (fake_score > 0)) / 2
    return paired, unpaired
