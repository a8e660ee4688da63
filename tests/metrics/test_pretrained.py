"""Inception, LPIPS and their files, by the real loaders on random weights in the published layouts."""

import numpy as np
import pytest
import torch

from latent_inpaint.files import sha256_of
from latent_inpaint.metrics import inception, lpips_distance
from latent_inpaint.metrics.frechet import frechet_between
from latent_inpaint.metrics.weights import WeightsFile


def test_a_file_with_another_checksum_is_refused_by_name(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({}, path)
    with pytest.raises(ValueError, match=r"metrics\.inception_weights.*weights\.pth.*sha256 6726825d.*got"):
        inception.InceptionFeatures(path)


def test_pickled_objects_are_refused(tmp_path):
    class Malicious:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "weights.pth"
    torch.save({"x": Malicious()}, path)
    with pytest.raises(Exception, match="[Uu]nsupported|weights_only|Weights only"):
        inception.InceptionFeatures(path, sha256=sha256_of(path))
    assert not (tmp_path / "ran").exists()


def test_weights_are_found_in_the_hub_cache_under_either_name(no_network, tmp_path):
    assert inception.WEIGHTS.find(None) is None
    cache = tmp_path / "torch_home/hub/checkpoints"
    cache.mkdir(parents=True)
    (cache / "weights-inception-2015-12-05-6726825d.pth").touch()
    assert inception.WEIGHTS.find(None) == cache / "weights-inception-2015-12-05-6726825d.pth"
    assert inception.WEIGHTS.find(tmp_path / "elsewhere.pth") is None


@pytest.mark.parametrize("weights", [inception.WEIGHTS, *lpips_distance.BACKBONES.values()])
def test_the_line_for_a_missing_file_says_what_to_put_where(weights: WeightsFile):
    line = weights.missing_line("/some/place.pth")
    assert "\n" not in line
    for part in (weights.metric, weights.file_name, weights.address, weights.key, "/some/place.pth"):
        assert part in line
    assert weights.sha256[:8] in weights.file_name


def test_inception_features_are_torch_fidelitys_on_the_saved_picture(no_network, inception_file):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    ours = inception.InceptionFeatures(inception_file, sha256=sha256_of(inception_file))
    theirs = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(inception_file))
    saved = torch.randint(0, 256, (1, 3, 96, 80), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(ours(saved / 255), theirs(saved)[0])
        assert ours(torch.rand(1, 3, 600, 400)).shape == (1, 2048)
    assert ours.weights_sha256 == sha256_of(inception_file)


def test_pictures_above_299_are_antialiased(inception_file):
    network = inception.InceptionFeatures(inception_file, sha256=sha256_of(inception_file))
    seen = []
    network.network.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    rows = torch.arange(598) % 2  # the finest stripes: every second row alone would be black or white
    network(rows.float()[None, None, :, None].expand(1, 3, 598, 598))
    assert seen[0].shape == (1, 3, 299, 299)
    assert (seen[0][:, :, 2:-2].float() - 127.5).abs().max() < 4


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
    network = inception.InceptionFeatures(inception_file, sha256=sha256_of(inception_file))
    with torch.no_grad():
        a, b = (network(torch.from_numpy(side).permute(0, 3, 1, 2) / 255) for side in pictures)
    assert expected > 0
    assert frechet_between(a, b) == pytest.approx(expected, abs=1e-3)


def test_discriminative_scores_of_equal_and_of_separable_sets():
    rng = torch.Generator().manual_seed(0)
    real = torch.randn(200, 4, generator=rng)
    paired, unpaired = inception.inception_discriminative_scores(real, real)
    assert paired.mean() == 0  # equal pictures: none looks more real than its truth
    assert unpaired.mean() == pytest.approx(0.5)
    paired, unpaired = inception.inception_discriminative_scores(real, real + 50)
    assert paired.mean() == unpaired.mean() == 0
    paired, unpaired = inception.inception_discriminative_scores(real, torch.randn(200, 4, generator=rng))
    assert 0.3 < paired.mean() < 0.55
    assert 0.3 < unpaired.mean() < 0.55


def test_lpips_is_the_packages_on_the_given_backbone(no_network, alexnet_file):
    distance = lpips_distance.LPIPSDistance("alex", alexnet_file, sha256=sha256_of(alexnet_file))
    a, b = torch.rand(2, 2, 3, 64, 64)
    with torch.no_grad():
        value = distance(a, b)
        assert value.shape == (2,)
        assert (value > 0).all()
        assert (distance(a, a) == 0).all()
        torch.testing.assert_close(value, distance.distance(2 * a - 1, 2 * b - 1).flatten())
    state = torch.load(alexnet_file, weights_only=True)
    last = distance.distance.net.slice5.state_dict()["10.weight"]
    assert torch.equal(last, state["features.10.weight"])
    linear = distance.distance.lin0.model[1].weight  # the calibrated layer from the package: never negative
    assert (linear >= 0).all()
    assert linear.sum() > 0


def test_lpips_vgg_layout_is_known(no_network, tmp_path, monkeypatch):
    """The VGG file has 528 MB: only that the names in it are asked for."""
    import torchvision

    class Tiny(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])

    monkeypatch.setattr(torchvision.models, "vgg16", lambda **_: Tiny())
    torch.manual_seed(0)
    state = Tiny().state_dict()
    path = tmp_path / "vgg.pth"
    torch.save(state, path)
    distance = lpips_distance.LPIPSDistance("vgg", path, sha256=sha256_of(path))
    loaded = distance.distance.net.state_dict()
    assert len(loaded) == len(state)
    assert torch.equal(loaded["slice5.28.weight"], state["features.28.weight"])
