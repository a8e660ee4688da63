"""One training step of an experiment on any device and in any precision, without a Trainer."""

from contextlib import nullcontext

import torch
from torch import Tensor

from benchmarks.gpu import NoiseData, configuration, training_module
from latent_inpaint.data import Batch
from latent_inpaint.training.outputs import InpaintingOutputs
from latent_inpaint.training.turns import take_turns

SIZES = ("data=sample", "data.size=64", "data.batch_size=4", "model.ngf=8", "model.n_blocks=2")
SCALE = 2.0**10  # of half precision's gradients, as a GradScaler scales them


class Rehearsal:
    """A small network of an experiment with seeded weights, and a batch."""

    def __init__(self, experiment, *overrides):
        self.module = training_module(configuration(experiment, *SIZES, *overrides))
        self.batch = NoiseData(64, 4).batch

    def train(self, device, dtype=None, steps=1):
        """Loss of each turn at each step, `[steps]`, and the last gradients `[n]`; weights are put back."""
        module = self.module.to(device)
        kept = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        batch = Batch(self.batch.image.to(device), self.batch.mask.to(device), self.batch.name)
        scale = SCALE if dtype == torch.float16 else 1.0
        losses = {turn.name: [] for turn in module.turns}
        gradients = {}
        optimizers = {turn.name: turn.make_optimizer() for turn in module.turns}

        def value(turn):
            with torch.autocast(torch.device(device).type, dtype) if dtype else nullcontext():
                total = turn.objective(outputs)[0]
            optimizers[turn.name].zero_grad()
            losses[turn.name].append(float(total.detach()))
            return total * scale

        def move(turn):
            moving = [p for p in turn.parameters.values() if p.grad is not None]
            for parameter in moving:
                parameter.grad /= scale
            gradients[turn.name] = torch.cat([p.grad.float().flatten() for p in moving]).cpu()
            turn.clip()
            optimizers[turn.name].step()

        for seed in range(steps):
            generator = torch.Generator().manual_seed(seed)
            outputs = InpaintingOutputs(module.model, batch.image, batch.mask, generator)
            take_turns(module.turns, 0, value, Tensor.backward, move)
        module.load_state_dict(kept)
        return losses, gradients


def distance(ours, theirs):
    """`‖a − b‖ / ‖b‖`."""
    return float((ours - theirs).norm() / theirs.norm())
