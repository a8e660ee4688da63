"""The rows train as the first edition's code did: sums of every part's weights and squares after 20 steps.

Float32 arithmetic differs between processors and versions of PyTorch, and Adam makes much of little:
elsewhere than where the numbers were made there is nothing to compare, and the tests are skipped.
"""

import json
import math
from pathlib import Path

import pytest
import torch
from tiny_first_edition import SETTINGS, machine

from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.run import train

FIXTURE = Path(__file__).parents[1] / "fixtures" / "first_edition.json"
NUMBERS = json.loads(FIXTURE.read_text())
FAST = ("latent_control", "latent_full")
ROWS = [pytest.param(row, marks=() if row in FAST else pytest.mark.slow) for row in NUMBERS["rows"]]


@pytest.mark.skipif(NUMBERS["machine"] != machine(), reason=f"the numbers are of {NUMBERS['machine']}")
@pytest.mark.parametrize("experiment", ROWS)
def test_weights_are_those_of_the_first_edition(compose, monkeypatch, experiment):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = train(compose(experiment, *SETTINGS))
    finally:
        torch.set_num_threads(threads)
    found = part_sums(read_checkpoint(run / "checkpoints" / "last.ckpt"))
    expected = NUMBERS["rows"][experiment]
    assert found.keys() == expected.keys()
    for part, (total, squares, size) in expected.items():
        assert abs(found[part][0] - total) <= 1e-6 * size, part
        assert math.isclose(found[part][1], squares, rel_tol=1e-6), part


def part_sums(checkpoint):
    """Sum, sum of squares and of absolute values of each part, averaged and as the last step left it."""
    sums = {}
    for source in ("state_dict", "current_model_state"):
        for name, tensor in checkpoint[source].items():
            if tensor.is_floating_point():
                values = tensor.double()
                part = f"{source}/{'.'.join(name.split('.')[:2])}"
                new = [float(x) for x in (values.sum(), values.square().sum(), values.abs().sum())]
                sums[part] = [a + b for a, b in zip(sums.get(part, [0.0] * 3), new)]
    return sums
