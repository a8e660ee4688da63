import numpy as np
import pytest
import torch
import torch.nn.functional as F

from latent_inpaint.files import sha256_of
from latent_inpaint.metrics.frechet import frechet_between
from latent_inpaint.metrics.frechet_features import InceptionFrechetFeatures, Lite0FrechetFeatures
from latent_inpaint.models.backbones import InceptionFeatures, Lite0Features


def test_pictures_above_299_are_antialiased(inception_file):
    backbone = InceptionFeatures(inception_file, sha256_of(inception_file))
    network, published = (
        InceptionFrechetFeatures(backbone, antialiased=True),
        InceptionFrechetFeatures(backbone),
    )
    seen = []
    network.backbone.network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    rows = torch.arange(598) % 2  # the finest stripes: every second row alone would be black or white
    stripes = rows.float()[None, None, :, None].expand(1, 3, 598, 598)
    network(stripes)
    assert seen[0].shape == (1, 3, 299, 299)
    assert (seen[0][:, :, 2:-2].float() - 127.5).abs().max() < 4
    published(stripes)
    assert seen[1].shape == (1, 3, 598, 598)  # torch-fidelity's network resizes it


@pytest.mark.slow
def test_fid_is_torch_fidelitys_on_the_same_folders(no_network, inception_file, tmp_path):
    import torch_fidelity
    from PIL import Image

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
