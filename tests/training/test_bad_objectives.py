"""Objectives that cannot be: each ends a run with one clear sentence."""

import pytest
from hydra.errors import InstantiationException

from latent_inpaint.training.run import train

pytestmark = pytest.mark.usefixtures("own_cache")  # they look at how autoencoders are trained

LPL = "latent_lpl"


@pytest.mark.parametrize(
    ("experiment", "changes", "message"),
    [
        (
            "latent_control",
            ["adversaries=decoder", "adversaries.decoder.space.blocks=[7]"],
            r"blocks must be in 0\.\.2, the decoder's, got \[7\]",
        ),
        (
            LPL,
            ["data.size=64", "losses.lpl.blocks=[1,3]"],
            r"blocks must be in 0\.\.2, the decoder's, got \[1, 3\]",
        ),
        (LPL, [], "latent must be at least 8×8 for LPL, got 4×4"),
        ("latent_control", ["losses.latent_l1.weight=nan"], "weight must be finite and at least 0, got nan"),
        ("latent_control", ["losses.latent_l1.weight=0"], "an objective needs a term of positive weight"),
        ("latent_control", ["losses=[]"], "an objective needs a term of positive weight, got no term"),
        (
            "lama",
            ["losses=[pixel_l1_known,perceptual_vgg19]", "losses.perceptual.backbone.weights_path=none.pth"],
            "vgg19-dcbb9e9d.pth is not at none.pth; `latent-inpaint download vgg19` brings it",
        ),
    ],
)
def test_a_bad_objective_is_one_clear_error(compose, experiment, changes, message):
    with pytest.raises((ValueError, InstantiationException), match=message):
        train(compose(experiment, "autoencoder.max_steps=1", *changes))


@pytest.mark.parametrize(
    "change", ["losses.latent_l1.weight=nan", "losses=[]", "+losses.perceptual.weight=1"]
)
def test_a_bad_term_is_refused_before_stage_1(compose, change, monkeypatch):
    monkeypatch.setattr("latent_inpaint.training.run.build_model", lambda *_: pytest.fail("stage 1 ran"))
    with pytest.raises((ValueError, InstantiationException), match="weight|expected a LossTerm or null"):
        train(compose("latent_control", change))
