"""The command lines of train and evaluate, and of bin/: mistakes, help, exit statuses."""

import subprocess
import sys
from pathlib import Path

import pytest
from tiny import TINY

from latent_inpaint.commands.override_errors import check_overrides
from latent_inpaint.evaluation.summary import without_results
from latent_inpaint.resources import conf_folder, masks_folder

BIN = Path(__file__).parents[2] / "bin"
LATENT = "+experiment=latent_control"


@pytest.fixture(autouse=True)
def resolvers():
    from latent_inpaint.training.config import register_resolvers

    register_resolvers()


def train(*arguments, cwd):
    command = [sys.executable, "-m", "latent_inpaint", "train", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([LATENT, "trainer.max_step=3"], "no key trainer.max_step (did you mean trainer.max_steps"),
        (
            [LATENT, "batch_size=3"],
            "no key batch_size (did you mean data.batch_size or autoencoder.batch_size?)",
        ),
        ([LATENT, "-m", "seeed=1,2"], "no key seeed (did you mean seed?)"),
        (["+experiment=latnt"], "experiment: there is no 'latnt' (did you mean latent?); all: autoencoder, "),
        (
            [LATENT, "model=contrl"],
            "model: there is no 'contrl' (did you mean control?); all: alpha",
        ),
        (
            [LATENT, "losses=[latent_l1,lpll]"],
            "losses: there is no 'lpll' (did you mean lpl?); all: latent_l1,",
        ),
        (["-m", "+experiment=latent,latnt"], "experiment: there is no 'latnt' (did you mean latent?); all: "),
        (["-m", LATENT, "losses=[lpl],[lpl,lpll]"], "losses: there is no 'lpll' (did you mean lpl?)"),
        (["-m", LATENT, "refiner=choice(ffc,flo)"], "refiner: there is no 'flo' (did you mean flow?)"),
        ([LATENT, "seed=1,2"], "seed=1,2: a list is written seed=[1,2]; a sweep over the values needs -m"),
        (["--experiment", "latent"], "--experiment: no such option; settings are written KEY=VALUE, such as"),
        ([LATENT, "data.size"], "data.size: settings are written KEY=VALUE"),
        ([LATENT, "~losess"], "there is no key losess (did you mean losses?)"),
        ([LATENT, "+refinerr=flow"], "there is no key refinerr (did you mean refiner"),
        ([LATENT, "+model.foo=3"], "there is no key model.foo"),
        (["+data=sample", LATENT], "data has a choice already; write data=sample to change it"),
        ([LATENT, "trainer.max_steps=[3"], "no viable alternative at input '[3'"),
    ],
)
def test_a_mistyped_override_names_the_near_ones(overrides, message):
    with pytest.raises(ValueError) as error:
        check_overrides("train", overrides, conf_folder())
    text = str(error.value)
    assert message in text and "\n" not in text and " +" not in text


@pytest.mark.parametrize(
    "overrides",
    [
        [LATENT, "trainer.max_steps=3", "+losses.x._target_=my.Loss", "~seed"],
        ["-m", LATENT, "seed=0,1", "data=sample"],
        ["-m", LATENT, "seed=range(0,3)", "refiner=glob(f*)"],
        [LATENT, "--cfg", "job", "--resolve"],
        ["--help", "nonsense=1"],
    ],
)
def test_what_hydra_takes_passes(overrides):
    check_overrides("train", overrides, conf_folder())


def test_a_folder_of_configurations_of_ones_own_is_looked_into(tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nexperiment_name: mine\n")
    for flag in (["--config-dir", str(tmp_path)], [f"--config-dir={tmp_path}"], ["-cd", str(tmp_path)]):
        check_overrides("train", [*flag, "+experiment=mine", "seed=3"], conf_folder())
    with pytest.raises(ValueError, match="there is no 'mine'"):
        check_overrides("train", ["+experiment=mine"], conf_folder())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["+trainer.max_step=3"], "trainer.max_step: Trainer has no such argument (did you mean max_steps"),
        (["training.optimizer.lr=fast"], "training.optimizer.lr: expected a number, got 'fast'"),
        (["+losses.mine._target_=os.system"], "losses.mine: _target_ os.system is not allowed"),
        (["data.size=100"], "data.size: must be a multiple of 8 (the network halves it 3 times), got 100"),
    ],
)
def test_what_would_be_refused_later_is_refused_before_a_folder_is_made(overrides, message, tmp_path):
    done = train("experiment=latent_control", "data=sample", *overrides, cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_run_that_failed_leaves_its_error_where_summarize_reads_it(pictures, tmp_path):
    settings = ["experiment=latent_control", *TINY, f"data.root={pictures}", "run_name=run"]
    failed = train(*settings, "callbacks.checkpoint.every_n_steps=0", cwd=tmp_path)
    message = "every_n_steps must be at least 1, got 0"
    assert failed.returncode == 1 and message in failed.stderr
    assert message in (tmp_path / "outputs/latent_control/run/error.txt").read_text()
    (line,) = without_results(tmp_path / "outputs" / "latent_control")
    assert line.startswith("run: failed: ") and message in line


def test_an_experiment_is_named_with_or_without_the_plus(tmp_path):
    done = [
        train(f"{word}=latent_control", "--cfg", "job", cwd=tmp_path)
        for word in ("experiment", "+experiment")
    ]
    assert done[0].stdout == done[1].stdout and "experiment_name: latent_control" in done[0].stdout
    nameless = train("data=sample", cwd=tmp_path)
    assert nameless.returncode == 1 and "give experiment=NAME, one of autoencoder" in nameless.stderr


@pytest.mark.parametrize("tool", sorted(path.stem for path in BIN.glob("*.py")))
def test_every_tool_has_an_example_in_its_help(tool):
    if tool == "visualize":
        pytest.skip("its examples stand in its subcommands")
    done = subprocess.run([sys.executable, BIN / f"{tool}.py", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "example" in done.stdout or "bin/" in done.stdout


def test_the_checkout_uses_its_own_configuration():
    root = Path(__file__).parents[2]
    assert (conf_folder(), masks_folder()) == (root / "conf", root / "masks")
