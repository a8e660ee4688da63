"""What the tests on a GPU share."""

import pytest
import torch
from gpu_steps import Rehearsal

EXPERIMENTS = ("latent_control", "lama", "flow")


@pytest.fixture(autouse=True)
def _device():
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device: torch.cuda.is_available() is False")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


@pytest.fixture(params=EXPERIMENTS)
def rehearsal(request):
    """A small network of each experiment, with one batch."""
    return Rehearsal(request.param)
