"""Settings of the Trainer: honoured, or refused before anything is trained."""

import pytest
import torch

from latent_inpaint.models.storage import read_checkpoint
from latent_inpaint.training.callbacks import LastCheckpoint
from latent_inpaint.training.run import train

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("+trainer.fast_dev_run=true", "fast_dev_run=True: not supported, use trainer.max_steps=1"),
        ("+trainer.limit_train_batches=3", "limit_train_batches=3: not supported"),
        ("+trainer.gradient_clip_val=1", "use training.gradient_clip"),
        ("trainer.max_epochs=2", "max_epochs=2: not supported"),
        ("trainer.max_steps=0", "trainer.max_steps must be at least 1, got 0"),
        ("trainer.max_steps=-1", "trainer.max_steps must be at least 1, got -1"),
        ("+trainer.accumulate_grad_batches=0", "accumulate_grad_batches must be at least 1, got 0"),
        ("trainer.val_check_interval=null", "val_check_interval must be a number of steps"),
        ("trainer.precision=16-true", "precision must be one of 32-true, bf16-mixed, got 16-true"),
        ("trainer.precision=64-true", "precision must be one of"),
        ("trainer.devices=2", "trainer.devices=2: several processes need a strategy; add trainer=ddp"),
        ("+trainer.strategy=ddp_spawn", "use trainer=ddp"),
    ],
)
def test_is_refused_before_stage_1(compose, monkeypatch, override, message):
    monkeypatch.setattr("latent_inpaint.training.run.build_model", lambda *_: pytest.fail("stage 1 ran"))
    with pytest.raises(ValueError, match=message):
        train(compose("latent_control", override))


@pytest.fixture
def quick(compose, monkeypatch):

    def run(experiment, *overrides):
        folder = train(compose(experiment, *overrides))
        return read_checkpoint(folder / "checkpoints" / "last.ckpt")

    return run


@pytest.mark.parametrize("experiment", ["latent_control", "latent_full"])
def test_two_batches_make_a_step_and_checkpoints_are_of_whole_steps(quick, monkeypatch, experiment):
    written, write = [], LastCheckpoint._write

    def remember(self, trainer):
        written.append((trainer.global_step, trainer.lightning_module.images_seen))
        write(self, trainer)

    monkeypatch.setattr(LastCheckpoint, "_write", remember)
    state = quick(
        experiment,
        "+trainer.accumulate_grad_batches=2",
        "callbacks.checkpoint.every_n_steps=1",
        "data.size=64",
        "autoencoder.max_steps=1",
    )
    assert state["global_step"] == 2 and state["images_seen"] == 8
    assert written[-2:] == [(1, 4), (2, 8)]  # after those of stage 1


def test_accumulated_gradients_are_those_of_the_larger_batch(compose, quick):
    """From one autoencoder, and without BatchNorm's statistics of the batch, which differ."""
    stage_1 = train(compose("autoencoder"))
    options = ["training.fixed_statistics=true", "training.average=null", "trainer.max_steps=2"]
    options += ["training.optimizer._target_=torch.optim.SGD", f"autoencoder.checkpoint={stage_1}"]
    whole = quick("latent_control", *options, "data.batch_size=4", "run_name=whole")
    halves = quick("latent_control", *options, "+trainer.accumulate_grad_batches=2", "run_name=halves")
    for name, tensor in whole["state_dict"].items():
        torch.testing.assert_close(halves["state_dict"][name], tensor, rtol=1e-4, atol=1e-6)


def test_a_stage_1_that_is_cut_short_is_not_kept(compose, tmp_path):
    options = ["+trainer.max_time=00:00:00:00", "autoencoder.max_steps=50", f"paths.cache={tmp_path}"]
    with pytest.raises(ValueError, match="stage 1 ended at step .* of 50"):
        train(compose("latent_control", *options))
    assert not list(tmp_path.rglob("model.safetensors"))


def test_a_run_needs_neither_loggers_nor_callbacks(compose):
    for index, setting in enumerate(("logger=[]", "callbacks=[]")):
        run = train(compose("latent_control", setting, f"run_name={index}"))
        assert (run / "model" / "model.safetensors").is_file()


def test_an_optimizers_setting_that_is_none_is_named_before_stage_1(compose, monkeypatch):
    monkeypatch.setattr("latent_inpaint.training.run.build_model", lambda *_: pytest.fail("stage 1 ran"))
    with pytest.raises(ValueError, match=r"training\.optimizer: "):
        train(compose("latent_control", "training.optimizer.lr=fast"))
