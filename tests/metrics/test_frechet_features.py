import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from latent_inpaint.files import sha256_of
from latent_inpaint.metrics.frechet import frechet_between
from latent_inpaint.metrics.frechet_features import InceptionFrechetFeatures, Lite0FrechetFeatures
from latent_inpaint.models.backbones import InceptionFeatures, Lite0Features


def entering(backbone):
    """What enters the first convolution, in 0..255, once something was seen."""
    seen = []
    first = backbone.network.Conv2d_1a_3x3
    first.register_forward_pre_hook(lambda _, given: seen.append(128 * given[0] + 128))
    return seen


def test_clean_pictures_are_antialiased(inception_file):
    backbone = InceptionFeatures(inception_file, sha256_of(inception_file))
    seen = entering(backbone)
    rows = torch.arange(598) % 2  # the finest stripes: every second row alone would be black or white
    stripes = rows.float()[None, None, :, None].expand(1, 3, 598, 598)
    InceptionFrechetFeatures(backbone, clean=True)(stripes)
    assert (seen[0][:, :, 2:-2] - 127.5).abs().max() < 4
    InceptionFrechetFeatures(backbone)(stripes)  # torch-fidelity's network resizes it
    assert (seen[1] - 127.5).abs().min() > 120


@pytest.mark.parametrize("size", [(64, 48), (256, 256), (512, 384)])
def test_clean_pictures_are_clean_fids(inception_file, size):
    """What its resizer does: Pillow's bicubic on each channel as floats, cut to the range, not rounded."""
    backbone = InceptionFeatures(inception_file, sha256_of(inception_file))
    seen = entering(backbone)
    image = torch.randint(0, 256, (1, 3, *size), generator=torch.Generator().manual_seed(0)) / 255
    InceptionFrechetFeatures(backbone, clean=True)(image)
    channels = [Image.fromarray((255 * one).numpy()).resize((299, 299), Image.BICUBIC) for one in image[0]]
    expected = np.stack([np.asarray(channel).clip(0, 255) for channel in channels])
    assert np.abs(seen[0][0].numpy() - expected).max() <= 0.02


def test_unrounded_features_of_whole_numbers_are_the_published_ones(inception_file):
    backbone = InceptionFeatures(inception_file, sha256_of(inception_file))
    image = torch.randint(0, 256, (2, 3, 299, 299), generator=torch.Generator().manual_seed(0)) / 255
    with torch.no_grad():
        torch.testing.assert_close(backbone.unrounded(image), backbone(image)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_fid_is_torch_fidelitys_on_the_same_folders(no_network, inception_file, tmp_path):
    import torch_fidelity

    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (2, 6, 64, 64, 3), dtype=np.uint8)
    pictures[1] //= 2
    for side, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        for i, picture in enumerate(pictures[side]):
            Image.fromarray(picture).save(tmp_path / folder / f"{i}.png")
    expected = torch_fidelity.calculate_metrics(
        input1=str(tmp_path / "a"),
        input2=str(tmp_path / "b"),
        fid=True,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        feature_extractor_weights_path=str(inception_file),
    )["frechet_inception_distance"]
    network = InceptionFrechetFeatures(InceptionFeatures(inception_file, sha256_of(inception_file)))
    with torch.no_grad():
        a, b = (network(torch.from_numpy(side).permute(0, 3, 1, 2) / 255) for side in pictures)
    assert expected > 0
    assert frechet_between(a, b) == pytest.approx(expected, abs=1e-3)


def test_frechet_features_are_block_10_at_192_antialiased():
    network = Lite0FrechetFeatures()
    image = torch.rand(2, 3, 300, 260)
    resized = F.interpolate(image, (192, 192), mode="bilinear", antialias=True)
    with torch.no_grad():
        expected = Lite0Features((10,))(resized)[0].mean(dim=(2, 3))
        assert network(image).shape == (2, 112)
        torch.testing.assert_close(network(image), expected)
