"""Networks that the first edition saved, in today's terms: the same pictures come out."""

import pytest
import torch

from latent_inpaint.models import (
    AlphaEncoder,
    Decoder,
    Encoder,
    FFCRefiner,
    LatentInpainter,
    MaskAsAlpha,
    MaskControl,
    Unguided,
)
from latent_inpaint.models.migrations import upgrade
from latent_inpaint.models.parts import describe
from latent_inpaint.models.storage import build_with_weights


def first_edition(network: LatentInpainter) -> tuple[dict, dict]:
    """Description and weights as version 0.1 wrote them."""
    parts = describe(network)["arguments"]
    arguments = {
        "encoder": parts["encoder"],
        "refiner": {**parts["refiner"], "arguments": {**parts["refiner"]["arguments"], "rectify": False}},
        "decoder": parts["decoder"],
        "mask_encoder": None,
        "plain_encoder": None,
    }
    renamed = {}
    if isinstance(network.guide, MaskControl):
        arguments["mask_encoder"] = {**parts["guide"], "class": "MaskEncoder"}
        renamed = {"guide.": "mask_encoder."}
    if isinstance(network.guide, AlphaEncoder):
        arguments |= {"encoder": parts["guide"]["arguments"]["encoder"], "plain_encoder": parts["encoder"]}
        renamed = {"guide.encoder.": "encoder.", "encoder.": "plain_encoder."}
    weights = {}
    for name, tensor in network.state_dict().items():
        old = next((prefix for prefix in renamed if name.startswith(prefix)), "")
        weights[renamed.get(old, "") + name.removeprefix(old)] = tensor
    return {"class": "LatentInpainter", "arguments": arguments}, weights


def network_with(guide: str) -> LatentInpainter:
    torch.manual_seed(0)
    encoder = Encoder(2, 2, in_channels=4 if guide == "MaskAsAlpha" else 3)
    guides = {
        "MaskControl": lambda: MaskControl(encoder.stage_channels),
        "AlphaEncoder": lambda: AlphaEncoder(Encoder(2, 2, in_channels=4)),
        "MaskAsAlpha": MaskAsAlpha,
        "Unguided": Unguided,
    }
    made = guides[guide]()
    for zero_conv in getattr(made, "zero_convs", ()):
        torch.nn.init.normal_(zero_conv.weight)
    return LatentInpainter(encoder, FFCRefiner(8, n_blocks=1), Decoder(2, 2), made).eval()


@pytest.mark.parametrize("guide", ["MaskControl", "AlphaEncoder", "MaskAsAlpha", "Unguided"])
@torch.no_grad()
def test_every_way_of_the_mask_becomes_a_guide(guide):
    network = network_with(guide)
    description, weights = first_edition(network)
    again = build_with_weights(description, weights, "old").eval()
    assert describe(again) == describe(network) and type(again.guide).__name__ == guide
    image, mask = torch.rand(1, 3, 16, 16), (torch.rand(1, 1, 16, 16) > 0.5).float()
    assert torch.equal(again(image, mask), network(image, mask))
    assert torch.equal(again.encode(image), network.encode(image))


def test_what_is_new_or_another_class_stays_as_it_is():
    network = network_with("MaskControl")
    for part in (network, network.encoder):
        description, weights = describe(part), part.state_dict()
        assert upgrade(description, weights) == (description, dict(weights))


def test_a_refiner_with_a_rectifier_is_refused():
    description, weights = first_edition(network_with("Unguided"))
    description["arguments"]["refiner"]["arguments"]["rectify"] = True
    with pytest.raises(ValueError, match="rectify: .* no longer supported"):
        upgrade(description, weights)
