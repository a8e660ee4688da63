"""Targets that a configuration may name, and those that it may not."""

import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from latent_inpaint import instantiate as module
from latent_inpaint import plugins
from latent_inpaint.instantiate import TargetNotAllowed, allow, check_arguments, check_targets, instantiate
from latent_inpaint.resources import conf_folder
from latent_inpaint.training.config import register_resolvers


@pytest.fixture(autouse=True)
def nothing_added(monkeypatch):
    monkeypatch.setattr(module, "_added", [])


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    (tmp_path / "my_parts.py").write_text("def seven():\n    return 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_parts.seven"
    sys.modules.pop("my_parts", None)


def test_builds_what_is_ours_and_torchs():
    cfg = OmegaConf.create(
        {
            "shape": {"n": 3},
            "layer": {"_target_": "torch.nn.Linear", "in_features": "${shape.n}", "out_features": 2},
            "rate": {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.5},
        }
    )
    layer = instantiate(cfg.layer)
    assert isinstance(layer, torch.nn.Linear) and layer.in_features == 3
    assert instantiate(cfg.rate)(layer.parameters()).defaults["lr"] == 0.5
    assert instantiate(None) is None


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "torch.load",
        "torch.hub.load",
        "torch.utils.cpp_extension.load",
        "torchvision.models.vgg19",
        "torch.nnx.Linear",
        "latent_inpaint.training.launch.run_in_processes",
        "latent_inpaint.inference.files._private",
        "latent_inpaint.__init__.__getattr__",
    ],
)
def test_a_name_outside_is_refused_with_its_key_and_the_way_to_allow_it(target):
    cfg = OmegaConf.create({"losses": {"mine": {"_target_": target}}})
    for call in (check_targets, instantiate, lambda cfg: instantiate(cfg.losses.mine)):
        with pytest.raises(TargetNotAllowed) as error:
            call(cfg)
        assert str(error.value).startswith(f"losses.mine: _target_ {target} is not allowed")
        assert f"allowed_modules=[{target.split('.')[0]}]" in str(error.value)
        assert "latent_inpaint.plugins" in str(error.value)


@pytest.mark.parametrize("target", ["latent_inpaint.cli.os.system", "torch.nn.functional.math.floor"])
def test_a_name_that_leads_outside_is_refused(target):
    with pytest.raises(TargetNotAllowed, match="is not allowed"):
        instantiate({"_target_": target})


def test_targets_hide_nowhere():
    """In lists, behind interpolations, in what is passed besides."""
    cfg = OmegaConf.create({"name": "os.getcwd", "a": [{"_target_": "${name}"}], "later": "${missing}"})
    with pytest.raises(TargetNotAllowed, match=r"a\.0: _target_ os\.getcwd"):
        check_targets(cfg)
    linear = {"_target_": "torch.nn.Identity"}
    with pytest.raises(TargetNotAllowed, match="os.getcwd"):
        instantiate(linear, losses={"x": {"_target_": "os.getcwd"}})


def test_a_module_of_ones_own_is_allowed_by_name(own_module):
    with pytest.raises(TargetNotAllowed):
        instantiate({"_target_": own_module})
    allow("my_parts")
    assert instantiate({"_target_": own_module}) == 7


def test_an_installed_plugin_is_allowed(own_module, monkeypatch):
    points = EntryPoints([EntryPoint("mine", "my_parts", module.PLUGINS)])
    monkeypatch.setattr(plugins, "entry_points", lambda group: points.select(group=group))
    assert instantiate({"_target_": own_module}) == 7


@pytest.mark.parametrize("name", ["", "my-losses", "os.", 3])
def test_allowed_modules_are_names(name):
    with pytest.raises(ValueError, match="allowed_modules"):
        allow(name)


@pytest.mark.slow
def test_every_choice_of_conf_names_allowed_targets_and_arguments_that_they_have():
    conf = conf_folder()

    def choices(group):
        return sorted(path.stem for path in (conf / group).glob("*.yaml"))

    lines = [[f"+experiment={name}"] for name in choices("experiment")]
    lines += [[f"{group}={name}"] for group in ("data", "autoencoder", "model") for name in choices(group)]
    for line, masks in zip(lines, choices("masks")):
        line.append(f"masks={masks}")
    for line, trainer in zip(lines, choices("trainer")):
        line.append(f"trainer={trainer}")
    together = ("losses", "logger", "callbacks", "methods")
    lines.append([f"{group}=[{','.join(choices(group))}]" for group in together])
    register_resolvers()
    with initialize_config_dir(str(conf), version_base="1.3"):
        for overrides in lines:
            cfg = compose("train", overrides=overrides)
            check_targets(cfg)
            check_arguments(cfg)
    assert len(lines) > 20
