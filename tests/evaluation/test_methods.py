import logging
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from latent_inpaint.evaluation.classical import NavierStokes, PatchMatch, Telea
from latent_inpaint.evaluation.command import build_methods
from latent_inpaint.evaluation.methods import CopyNothing, GreyFill, GroundTruth, MeanFill
from latent_inpaint.evaluation.networks import Network, load_network, name_of
from latent_inpaint.models.classical.base import from_picture, to_picture

BLIND = [Telea(), NavierStokes(), CopyNothing(), GreyFill(), MeanFill()]
has_patchmatch = find_spec("patchmatch") is not None
BLIND += [PatchMatch(patch_size=2)] if has_patchmatch else []
needs_patchmatch = pytest.mark.skipif(not has_patchmatch, reason="pypatchmatch has no build for this Python")


def stripes(size=48, period=8):
    """A picture with vertical stripes and a hole in its middle."""
    phase = torch.arange(size) % period
    row = torch.stack([(phase < period / 2).float(), phase / period, torch.full((size,), 0.25)])
    image = row[:, None, :].expand(3, size, size).contiguous()[None]
    mask = torch.zeros(1, 1, size, size)
    mask[..., size // 3 : size // 2, size // 3 : size // 2 - 2] = 1
    return image, mask


@pytest.mark.parametrize("method", BLIND, ids=lambda method: method.name)
def test_a_blind_method_never_sees_the_hole(method):
    image, mask = stripes()
    other = torch.where(mask > 0, torch.rand_like(image), image)
    prediction = method(image, mask)
    assert prediction.shape == image.shape
    assert prediction.dtype == torch.float32
    assert prediction.min() >= 0 and prediction.max() <= 1
    assert torch.equal(prediction, method(other, mask))


def test_ground_truth_is_the_picture():
    image, mask = stripes()
    assert torch.equal(GroundTruth()(image, mask), image)


def test_sanity_fills_have_the_colour_they_promise():
    image, mask = stripes()
    hole, known = mask[0, 0] > 0, mask[0, 0] == 0
    assert (CopyNothing()(image, mask)[0, :, hole] == 0).all()
    assert (GreyFill(0.25)(image, mask)[0, :, hole] == 0.25).all()
    mean = image[0, :, known].mean(dim=1)
    torch.testing.assert_close(MeanFill()(image, mask)[0, :, hole], mean[:, None].expand(3, int(hole.sum())))
    assert (MeanFill()(image, torch.ones_like(mask)) == 0.5).all()


def error_in_hole(method, image, mask):
    return (method(image, mask) - image)[0, :, mask[0, 0] > 0].abs().mean().item()


def test_classical_methods_beat_a_black_hole_and_patchmatch_continues_texture():
    image, mask = stripes(size=96, period=16)
    error = {method.name: error_in_hole(method, image, mask) for method in BLIND}
    assert max(error["telea"], error["navier_stokes"], error["patchmatch"]) < error["copy_nothing"]
    assert error["patchmatch"] < 0.7 * min(error["telea"], error["navier_stokes"])


@needs_patchmatch
def test_patchmatch_repeats_itself_and_obeys_its_seed():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 32, 32, generator=generator)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    first = PatchMatch(patch_size=2)(image, mask)
    assert torch.equal(first, PatchMatch(patch_size=2)(image, mask))
    assert not torch.equal(first, PatchMatch(patch_size=2, seed=1)(image, mask))


def test_methods_give_the_same_in_a_batch_and_alone():
    image, mask = stripes()
    images, masks = torch.cat([image, image.flip(3)]), torch.cat([mask, mask.flip(2)])
    for method in BLIND:
        both = method(images, masks)
        torch.testing.assert_close(both[1:], method(images[1:], masks[1:]), rtol=0, atol=1e-6)


def test_a_picture_without_a_hole_comes_back():
    image, mask = stripes()
    for method in BLIND:
        torch.testing.assert_close(method(image, torch.zeros_like(mask)), image, rtol=0, atol=1e-7)


@needs_patchmatch
def test_patchmatch_says_that_an_all_hole_mask_leaves_nothing_to_copy():
    image, mask = stripes()
    with pytest.raises(ValueError, match="all-hole"):
        PatchMatch()(image, torch.ones_like(mask))


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: Telea(radius=0), "radius"),
        (lambda: NavierStokes(radius=-1), "radius"),
        (lambda: PatchMatch(patch_size=0), "patch_size"),
        (lambda: GreyFill(1.5), "value"),
    ],
)
def test_bad_arguments_are_named(make, argument):
    with pytest.raises(ValueError, match=argument):
        make()


def test_masks_of_another_size_are_refused():
    image, mask = stripes()
    for method in [*BLIND, GroundTruth()]:
        with pytest.raises(ValueError, match="mask"):
            method(image, mask[..., :-1])


class Overshooting(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.inner = nn.Dropout(0.5).eval()

    def forward(self, image, mask):
        assert not self.training
        return self.norm(image) * 0 + 1.5


def test_a_network_runs_in_eval_mode_clamped_and_is_left_as_it_was():
    image, mask = stripes()
    model = Overshooting()
    method = Network(model, name="mine")
    assert (method(image, mask) == 1).all()
    assert method.name == "mine"
    assert model.training and model.norm.training and not model.inner.training
    assert model.norm.num_batches_tracked == 0


def test_pictures_survive_the_round_trip():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert np.array_equal(to_picture(from_picture(picture, torch.zeros(1))), picture)


def test_a_checkpoint_becomes_a_method_with_its_checksum(tmp_path):
    from latent_inpaint.models import Decoder, Encoder, FFCRefiner, LatentInpainter, Unguided, save_model

    model = LatentInpainter(Encoder(ngf=2), FFCRefiner(16, n_blocks=1), Decoder(ngf=2), Unguided()).eval()
    run = tmp_path / "latent" / "run"
    save_model(model, run / "model")
    (run / "config.yaml").write_text("seed: 0")
    image, mask = stripes()
    method = load_network(str(run), device="cpu")
    assert method.name == "latent"
    torch.testing.assert_close(method(image, mask), model(image, mask).detach())
    checksum = method.card()["checkpoint_sha256"]
    assert load_network(str(run / "model"), device="cpu").card()["checkpoint_sha256"] == checksum
    with torch.no_grad():
        model.decoder.load_state_dict({k: v + 1 for k, v in model.decoder.state_dict().items()})
    save_model(model, run / "model")
    assert load_network(str(run), device="cpu").card()["checkpoint_sha256"] != checksum


def test_names_of_checkpoints(tmp_path):
    run = tmp_path / "control" / "2026-01-01"
    (run / "checkpoints").mkdir(parents=True)
    (run / "config.yaml").touch()
    assert name_of(str(run / "checkpoints" / "last.ckpt")) == "control"
    assert name_of(str(run)) == "control"
    assert name_of(str(tmp_path / "big-lama")) == "big-lama"
    assert name_of("big-lama.pt") == "big-lama"


def test_a_missing_checkpoint_is_named():
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_network("nowhere")


def test_a_method_without_its_library_is_left_out_with_one_line(monkeypatch, caplog):
    monkeypatch.setattr("latent_inpaint.models.classical.patchmatch.find_spec", lambda name: None)
    nodes = {
        "patchmatch": {"_target_": "latent_inpaint.evaluation.classical.PatchMatch"},
        "mean": {"_target_": "latent_inpaint.evaluation.methods.MeanFill"},
    }
    caplog.set_level(logging.WARNING)
    (left,) = build_methods(OmegaConf.create(nodes), None)
    assert left.name == "mean"
    (message,) = caplog.messages
    assert message.startswith("patchmatch is left out: PatchMatch needs pypatchmatch") and "\n" not in message
    monkeypatch.setattr("latent_inpaint.models.classical.patchmatch.sys.version_info", (3, 10))
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "10", "4"))
    with pytest.raises(ImportError, match=r"no build for Python 3\.10, only from 3\.11 on"):
        PatchMatch()
