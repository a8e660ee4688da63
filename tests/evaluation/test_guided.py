import numpy as np
import pytest
import torch
from torch import nn

from latent_inpaint.evaluation.classical import PatchMatch
from latent_inpaint.evaluation.curation import Curator, seam
from latent_inpaint.evaluation.guided import GuidedPatchMatch, load_guided_patchmatch
from latent_inpaint.evaluation.guides import ColourGuide, FeatureGuide, NoGuide, StructureGuide, in_the_plane
from latent_inpaint.evaluation.networks import Network
from latent_inpaint.models.classical.base import from_picture, to_picture

pytest.importorskip("patchmatch", reason="pypatchmatch has no build for this Python")


class Oracle(nn.Module):
    """Knows a picture, blurred; its features are the picture at a quarter of the size."""

    down_factor = 4

    def __init__(self, known):
        super().__init__()
        self.known = nn.Parameter(nn.functional.avg_pool2d(known, 5, 1, 2, count_include_pad=False))

    def forward(self, image, mask):
        return self.known

    def encode(self, image):
        return nn.functional.avg_pool2d(image, self.down_factor)


def hidden_disc(size=64):
    """Grey noise with two red discs, one of them all inside the hole, where only the network knows of it."""
    generator = torch.Generator().manual_seed(0)
    image = 0.4 + 0.2 * torch.rand(1, 3, size, size, generator=generator)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    for centre in (0.2, 0.7):
        disc = (x - centre * size) ** 2 + (y - size / 2) ** 2 < (0.12 * size) ** 2
        image[0, 0][disc] += 0.4
        image[0, 1:][:, disc] -= 0.4
    mask = torch.zeros(1, 1, size, size)
    mask[..., size // 5 : -size // 5, int(0.45 * size) : int(0.95 * size)] = 1
    return image, mask


def guided(image, guides, **options):
    return GuidedPatchMatch(Network(Oracle(image)), guides, Curator(), **options)


def error_in_hole(prediction, image, mask):
    smooth = nn.AvgPool2d(7, 1, 3)
    return ((smooth(prediction) - smooth(image)).abs() * mask).sum().item() / mask.sum().item()


@pytest.mark.parametrize("guide", [ColourGuide(), FeatureGuide()], ids=["colour", "features"])
def test_a_guide_puts_the_texture_where_the_network_saw_it(guide):
    image, mask = hidden_disc()
    plain = error_in_hole(PatchMatch(patch_size=2)(image, mask), image, mask)
    steered = error_in_hole(guided(image, {"it": guide}, weight=0.5, patch_size=2)(image, mask), image, mask)
    assert steered < 0.75 * plain


def test_the_hole_has_the_texture_of_the_known_region_and_not_the_networks_blur():
    image, mask = hidden_disc(48)
    method = guided(image, {"colour": ColourGuide()}, patch_size=2)
    plain = mask[0, 0] * (image[0, 0] - image[0, 1] < 0.3) > 0  # without the disc
    deviation = {
        name: picture[0, 2][plain].std().item()
        for name, picture in (
            ("truth", image),
            ("blur", method.network(image, mask)),
            ("ours", method(image, mask)),
        )
    }
    assert deviation["blur"] < 0.7 * deviation["truth"]
    assert 0.8 * deviation["truth"] < deviation["ours"] < 1.3 * deviation["truth"]


def test_without_a_guide_it_is_plain_patchmatch():
    image, mask = hidden_disc(48)
    ours = guided(image, {"none": NoGuide()}, weight=0.0, patch_size=2)(image, mask)
    torch.testing.assert_close(ours, PatchMatch(patch_size=2)(image, mask), rtol=0, atol=1e-6)


def test_each_guide_gives_a_candidate_and_the_best_is_taken():
    image, mask = hidden_disc()
    guides = {"none": NoGuide(), "colour": ColourGuide(), "structure": StructureGuide()}
    method = guided(image, guides, weight=0.5, patch_size=2)
    hole = mask[0, 0].numpy() > 0
    finished = torch.where(mask > 0, method.network(image, mask), image)[0]
    found = method.candidates(to_picture((image * (1 - mask))[0]), hole, finished)
    assert list(found) == list(guides)
    assert len({picture.tobytes() for picture in found.values()}) == 3
    chosen = found[method.curator.choose(found, hole, to_picture(finished))]
    assert np.array_equal(to_picture(method(image, mask)[0]), chosen)
    assert not np.array_equal(chosen, found["none"])
    assert torch.equal(method(image, mask), method(image, mask))


def test_the_curator_prefers_agreement_and_a_smooth_border():
    hole = np.zeros((32, 32), bool)
    hole[8:24, 8:24] = True
    truth = np.full((32, 32, 3), 100, np.uint8)
    darker, bright = truth.copy(), truth.copy()
    darker[hole] = 80
    bright[hole] = 250
    assert seam(truth, hole) == 0 < seam(darker, hole) < seam(bright, hole)
    assert Curator().choose({"bright": bright, "darker": darker, "same": truth}, hole, truth) == "same"
    stained = truth.copy()
    stained[12:20, 12:20] = 250  # no seam, but not what the network said
    assert Curator().choose({"stained": stained, "same": truth}, hole, truth) == "same"
    assert Curator(seam_weight=9).choose({"darker": darker, "stained": stained}, hole, darker) == "stained"


def test_guides_are_coordinates_that_tell_what_they_are_about():
    stripes = (torch.arange(32) % 8 < 4).float().expand(3, 32, 32)
    upright, lying = StructureGuide(blur=0.1)(stripes, None), StructureGuide(blur=0.1)(stripes.mT, None)
    middle = (16, 16)
    assert np.abs(upright[middle] - lying[middle]).max() > 0.4
    flat = StructureGuide()(torch.full((3, 32, 32), 0.3), None)
    np.testing.assert_allclose(flat, 0.25, atol=1e-3)
    image, _ = hidden_disc(32)
    for guide in (ColourGuide(), FeatureGuide(), NoGuide()):
        plane = guide(image[0], Oracle(image).encode)
        assert plane.shape == (32, 32, 2) and plane.dtype == np.float32
        assert plane.min() >= 0 and plane.max() <= 0.5
    colours = ColourGuide()(image[0], None)
    assert (
        np.abs(colours[16, 6] - colours[16, 22]).max() < 0.1 < np.abs(colours[16, 6] - colours[16, 14]).max()
    )


def test_the_plane_does_not_depend_on_the_sign_of_a_solver():
    features = np.random.default_rng(0).normal(size=(8, 8, 5)).astype(np.float32)
    np.testing.assert_allclose(in_the_plane(features), in_the_plane(features + 3), atol=1e-5)
    np.testing.assert_allclose(in_the_plane(np.zeros((4, 4, 3), np.float32)), 0.25)


def test_sizes_that_are_no_multiple_of_the_networks_work():
    image, mask = hidden_disc(50)
    result = guided(image, {"features": FeatureGuide()}, patch_size=1)(image, mask)
    assert result.shape == image.shape


def test_pictures_without_a_hole_come_back_and_all_hole_is_an_error():
    image, mask = hidden_disc(32)
    method = guided(image, {"none": NoGuide()}, patch_size=1)
    assert torch.equal(method(image, mask * 0), image)
    with pytest.raises(ValueError, match="all-hole"):
        method(image, mask * 0 + 1)


def test_what_cannot_be_is_named():
    image, _ = hidden_disc(32)
    for options, message in (
        ({"guides": {}}, "guides"),
        ({"guides": {"none": NoGuide()}, "weight": -1}, "weight"),
        ({"guides": {"none": NoGuide()}, "patch_size": 0}, "patch_size"),
    ):
        with pytest.raises(ValueError, match=message):
            guided(image, **options)
    with pytest.raises(ValueError, match=r"a method takes one path, got \['a', 'b'\]"):
        load_guided_patchmatch(["a", "b"], {}, Curator())
    with pytest.raises(TypeError, match="encode"):
        Network(nn.Identity()).encode(image)


def test_without_a_checkpoint_the_package_s_network_steers():
    image, mask = hidden_disc(32)
    guides = {"none": NoGuide(), "features": FeatureGuide()}
    method = load_guided_patchmatch(None, guides, Curator(), device="cpu")
    assert method.card()["guide"]["checkpoint"] == "fast"
    assert torch.isfinite(method(image * (1 - mask), mask)).all()


def test_the_card_says_what_steers():
    image, _ = hidden_disc(32)
    card = guided(image, {"none": NoGuide(), "colour": ColourGuide()}).card()
    assert card["guides"] == ["none", "colour"]
    assert card["guide"]["parameters"] == 3 * 32 * 32


def test_pixels_round_trip():
    picture = np.arange(27, dtype=np.uint8).reshape(3, 3, 3)
    assert np.array_equal(to_picture(from_picture(picture, torch.zeros(1))), picture)
