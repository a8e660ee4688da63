"""Moments at which a run may be stopped, and what goes on afterwards exactly as if it had not been."""

import os
import signal

import pytest
import torch

from latent_inpaint.losses.adversarial import DiscriminatorTerm
from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.fitting import Interrupted
from latent_inpaint.training.modules import InpaintingTraining
from latent_inpaint.training.run import train

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained


def checkpoint(run):
    return read_checkpoint(run / "checkpoints" / "last.ckpt")


def interrupt_once(monkeypatch, owner, method, call):
    """Ctrl-C at the `call`-th call of a method."""
    original, calls = getattr(owner, method), []

    def interrupted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, method, interrupted)


@pytest.mark.parametrize(
    ("owner", "method", "call"),
    [(DiscriminatorTerm, "forward", 2), (InpaintingTraining, "validation_step", 2)],
    ids=["between the network's move and the adversary's", "in a validation"],
)
def test_ctrl_c_loses_nothing_of_a_step(compose, monkeypatch, owner, method, call):
    options = ["data.size=64", "trainer.val_check_interval=2", "callbacks.checkpoint.every_n_steps=1"]
    whole = train(compose("latent_full", *options, "trainer.max_steps=4", "run_name=whole"))
    stopped = compose("latent_full", *options, "trainer.max_steps=4", "run_name=stopped")
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        interrupt_once(patch, owner, method, call)
        train(stopped)
    last = whole.parent / "stopped" / "checkpoints" / "last.ckpt"
    again = train(compose("latent_full", *options, "trainer.max_steps=4", f"resume={last}"))
    one, two = checkpoint(whole), checkpoint(again)
    assert one["images_seen"] == two["images_seen"]
    for source in ("state_dict", "current_model_state"):
        for name, tensor in one[source].items():
            if not name.endswith("num_batches_tracked"):  # statistics are measured once more
                assert torch.equal(tensor, two[source][name]), (source, name)


def test_a_stage_that_is_cut_short_does_not_hand_over(compose, monkeypatch):
    options = ["+stages=decoder", "stages.inpainting.max_steps=4", "stages.decoder.max_steps=2"]
    step = InpaintingTraining.training_step

    def stops(self, batch, batch_idx):
        step(self, batch, batch_idx)
        self.trainer.should_stop = self.global_step == 2

    with monkeypatch.context() as patch:
        patch.setattr(InpaintingTraining, "training_step", stops)
        run = train(compose("latent_control", *options))
    state = checkpoint(run)
    assert (state["stage"], state["global_step"]) == ("inpainting", 2)
    again = train(compose("latent_control", *options, f"resume={run}/checkpoints/last.ckpt"))
    assert (checkpoint(again)["stage"], checkpoint(again)["global_step"]) == ("decoder", 6)


def test_a_resume_without_callbacks_saves_what_it_trained(compose):
    first = train(compose("latent_control", "callbacks=[]"))
    before = checkpoint(first)["state_dict"]
    options = ["callbacks=[]", "trainer.max_steps=4", f"resume={first}/checkpoints/last.ckpt"]
    after = checkpoint(train(compose("latent_control", *options)))
    assert after["global_step"] == 4
    changed = [n for n, w in before.items() if n.startswith("model.refiner") and n.endswith("conv.weight")]
    assert changed and not any(torch.equal(before[name], after["state_dict"][name]) for name in changed)


def test_a_lazy_penalty_is_due_at_the_networks_steps(compose, monkeypatch):
    """With two batches a step: in both batches of every second step."""
    seen = []
    value = InpaintingTraining._value

    def remember(self, turn, outputs, batch, step):
        total = value(self, turn, outputs, batch, step)
        seen.append((turn.name, step))
        return total

    monkeypatch.setattr(InpaintingTraining, "_value", remember)
    train(compose("latent_full", "data.size=64", "+trainer.accumulate_grad_batches=2"))
    assert seen == [(name, step) for step in (0, 0, 1, 1) for name in ("network", "latents")]


def test_a_part_that_keeps_itself_frozen_does_not_train(compose):
    from latent_inpaint.models import FFCRefiner, FlowRefiner, UNetDenoiser
    from latent_inpaint.training.stages import build_module

    cfg = compose("flow")
    from latent_inpaint.instantiate import instantiate

    model = instantiate(cfg.model.network)
    channels = model.encoder.latent_channels
    denoiser = UNetDenoiser(channels, 2 * channels + 65, widths=[8])
    model.refiner = FlowRefiner(denoiser, mean=FFCRefiner(channels, n_blocks=1))
    module = build_module(cfg, model)
    names = module.turns[0].parameters
    assert names and not any(name.startswith("refiner.mean.") for name in names)
    assert not any(p.requires_grad for p in model.refiner.mean.parameters())
