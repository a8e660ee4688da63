"""Inception, LPIPS and their files, by the real loaders on random weights in the published layouts."""

import re
import subprocess
import sys

import pytest
import torch

from latent_inpaint.files import sha256_of
from latent_inpaint.models.backbones import InceptionFeatures, LPIPSFeatures, inception, lpips, vgg19
from latent_inpaint.models.backbones.weights import WeightsFile


def test_a_file_with_another_checksum_is_refused_by_name(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({}, path)
    with pytest.raises(ValueError, match=r"metrics\.inception_weights.*weights\.pth.*sha256 6726825d.*got"):
        InceptionFeatures(path)


def test_pickled_objects_are_refused(tmp_path):
    class Malicious:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "weights.pth"
    torch.save({"x": Malicious()}, path)
    with pytest.raises(ValueError, match=r"weights\.pth: refused"):
        InceptionFeatures(path, sha256=sha256_of(path))
    assert not (tmp_path / "ran").exists()


def test_weights_are_found_in_the_hub_cache_under_either_name(no_network, tmp_path):
    assert inception.WEIGHTS.find(None) is None
    cache = tmp_path / "torch_home/hub/checkpoints"
    cache.mkdir(parents=True)
    (cache / "weights-inception-2015-12-05-6726825d.pth").touch()
    assert inception.WEIGHTS.find(None) == cache / "weights-inception-2015-12-05-6726825d.pth"
    assert inception.WEIGHTS.find(tmp_path / "elsewhere.pth") is None


@pytest.mark.parametrize("weights", [inception.WEIGHTS, *lpips.WEIGHTS.values()])
def test_the_line_for_a_missing_file_says_what_to_put_where(weights: WeightsFile):
    with pytest.raises(FileNotFoundError, match=re.escape(weights.needed_by)) as caught:
        weights.require("/some/place.pth")
    line = str(caught.value)
    assert "\n" not in line
    for part in (weights.entry.file, f"download {weights.name}", weights.key, "/some/place.pth"):
        assert part in line
    assert weights.entry.sha256[:8] in weights.entry.file


def test_inception_features_are_torch_fidelitys_on_the_saved_picture(no_network, inception_file):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    ours = InceptionFeatures(inception_file, sha256=sha256_of(inception_file))
    theirs = FeatureExtractorInceptionV3("x", ["2048"], feature_extractor_weights_path=str(inception_file))
    saved = torch.randint(0, 256, (1, 3, 96, 80), dtype=torch.uint8)
    with torch.no_grad():
        (features,) = ours(saved / 255)
        torch.testing.assert_close(features, theirs(saved)[0])
        assert features.shape == (1, 2048)
    assert ours.weights_sha256 == sha256_of(inception_file)


def test_lpips_reads_its_backbone_and_the_packages_calibration(no_network, alexnet_file):
    network = LPIPSFeatures("alex", alexnet_file, sha256=sha256_of(alexnet_file))
    state = torch.load(alexnet_file, weights_only=True)
    assert torch.equal(network.network.slice5.state_dict()["10.weight"], state["features.10.weight"])
    assert network.root_0.isfinite().all()  # the package's weights are never negative
    assert network.root_0.sum() > 0
    maps = network(torch.rand(1, 3, 64, 64))
    assert [f.shape[1] for f in maps] == [64, 192, 384, 256, 256]


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
    network = LPIPSFeatures("vgg", path, sha256=sha256_of(path))
    loaded = network.network.state_dict()
    assert len(loaded) == len(state)
    assert torch.equal(loaded["slice5.28.weight"], state["features.28.weight"])


def test_an_unknown_lpips_net_is_named():
    with pytest.raises(ValueError, match="net: expected one of alex, vgg, got 'squeeze'"):
        LPIPSFeatures("squeeze")


def test_no_file_is_unpacked_into_the_wrong_network_in_silence(tmp_path):
    """No checksum of VGG-19 is published: what is checked are names and shapes."""
    assert vgg19.WEIGHTS.entry.sha256 is None
    path = tmp_path / "vgg.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 5, 5)}, path)
    with pytest.raises(ValueError, match=r"vgg\.pth: the weights are of another network"):
        vgg19.VGG19(path)


def test_importing_the_backbones_loads_no_package_that_inference_lacks():
    heavy = ("torchvision", "lpips", "torch_fidelity", "efficientnet_lite_pytorch")
    code = f"import sys, latent_inpaint.models.backbones; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
