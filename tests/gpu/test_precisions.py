"""Training in float32, TF32, bfloat16 and float16 on a GPU, against float32 on the CPU.

Bounds: the first step's losses; its gradients, whose signs a reduced precision changes where L1's kink is
near; and the mean loss of the last four of twelve steps. The 16-bit types on a CPU stay within half of them.
"""

import pytest
import torch
from gpu_steps import distance

pytestmark = pytest.mark.gpu
STEPS = 12


@pytest.fixture
def reference(rehearsal):
    return rehearsal.train("cpu", steps=1), rehearsal.train("cpu", steps=STEPS)


@pytest.mark.parametrize(
    ("precision", "first", "gradient", "trained"),
    [
        ("float32", 1e-4, 5e-2, 0.1),
        ("tf32", 2e-3, 0.5, 0.25),
        ("bfloat16", 1e-2, 1.2, 0.25),
        ("float16", 2e-3, 0.5, 0.25),
    ],
)
def test_a_precision_agrees(rehearsal, reference, precision, first, gradient, trained):
    (losses, gradients), (later, _) = reference
    if precision == "tf32":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    dtype = getattr(torch, precision) if precision.endswith("16") else None
    ours, our_gradients = rehearsal.train("cuda", dtype)
    our_later, _ = rehearsal.train("cuda", dtype, STEPS)
    for turn in losses:
        assert ours[turn][0] == pytest.approx(losses[turn][0], rel=first)
        assert distance(our_gradients[turn], gradients[turn]) < gradient
        assert _end(our_later[turn]) == pytest.approx(_end(later[turn]), rel=trained)


def _end(losses):
    return sum(losses[-4:]) / 4
