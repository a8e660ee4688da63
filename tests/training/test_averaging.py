"""The average of the weights is the recursion that its docstring states."""

import pytorch_lightning as pl
import torch
from torch import nn

from latent_inpaint.training.averaging import WeightEMA


class Network(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


class Steps:
    global_step, max_steps = 0, 100


def test_weights_are_averaged_and_counts_copied():
    average, module, trainer = WeightEMA(0.6), Network(), Steps()
    average.setup(trainer, module, "fit")
    expected = None
    for step in range(12):
        trainer.global_step = step + 1
        with torch.no_grad():
            for tensor in [*module.parameters(), module.layers[1].running_mean]:
                tensor.normal_()
            module.layers[1].num_batches_tracked += 1
        average.on_train_batch_end(trainer, module)
        average.on_train_batch_end(trainer, module)  # a batch without a step: accumulation
        now = [t.clone() for t in (*module.parameters(), module.layers[1].running_mean)]
        weight = max(0.4, 4 / (step + 5))
        expected = now if step == 0 else [a + weight * (b - a) for a, b in zip(expected, now, strict=True)]
    ours = average._average_model.module
    for tensor, theirs in zip((*ours.parameters(), ours.layers[1].running_mean), expected, strict=True):
        torch.testing.assert_close(tensor, theirs)
    assert ours.layers[1].num_batches_tracked == 12 and average._average_model.n_averaged == 12
    other = WeightEMA(0.6)
    other.setup(trainer, module, "fit")
    other._average_model.load_state_dict(average._average_model.state_dict())
    for each in (average, other):  # one that goes on counts on
        trainer.global_step = 13
        each.on_train_batch_end(trainer, module)
    for a, b in zip(ours.parameters(), other._average_model.module.parameters(), strict=True):
        assert torch.equal(a, b)
