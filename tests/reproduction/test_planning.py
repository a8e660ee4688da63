"""What counts as finished, as begun, as another run; which autoencoder a run gets."""

import dataclasses
import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from latent_inpaint.training.pretraining import fingerprint
from reproduction.command import job
from reproduction.configuration import composed, differences, facts
from reproduction.planning import Plan, State, autoencoder_for
from reproduction.rows import Run
from reproduction.settings import Settings

CONF = Path(__file__).resolve().parents[2] / "conf"


def look(run, settings):
    return next(one for one in Plan([run.row], settings, CONF).look() if one.run == run)


def test_a_finished_run_is_adopted_whatever_it_was_called_and_compared_with(row, finish, settings):
    run = Run(row("latent_control"), 0)
    assert look(run, settings).state is State.NEW
    folder = finish(run, "methods=[telea,grey]", "run_name=other", "trainer.val_check_interval=7")
    assert look(run, settings).state is State.FINISHED
    assert (folder / "model" / "model.json").is_file()


def test_another_configuration_is_refused_and_said(row, finish, settings):
    run = Run(row("latent_control"), 0)
    finish(run, "training.optimizer.lr=0.5")
    found = look(run, settings)
    assert found.state is State.REFUSED
    assert "training.optimizer.lr is 0.5, asked for is 0.003" in found.reason


def test_a_run_of_fewer_steps_goes_on_and_one_of_more_is_finished(row, finish, settings):
    run = Run(row("latent_control"), 0)
    finish(run, "trainer.max_steps=20")
    assert look(run, settings).state is State.STARTED
    fewer = Settings(settings.data, settings.outputs, 10, settings.autoencoder_steps, settings.extra)
    assert look(run, fewer).state is State.FINISHED


def test_a_schedule_over_the_steps_cannot_go_on(row, finish, settings):
    scheduler = ["+training.scheduler.T_max=${trainer.max_steps}", "+training.scheduler._target_=x"]
    run = Run(row("latent_control", overrides=tuple(scheduler)), 0)
    finish(run, "trainer.max_steps=20")
    assert "training.scheduler.T_max is 20" in look(run, settings).reason


def test_a_begun_run_and_one_whose_weights_were_not_evaluated_go_on(row, finish, settings):
    run, other = (Run(row(name), 0) for name in ("latent_control", "baseline"))
    settings.folder(run).mkdir(parents=True)
    cfg = composed(CONF, settings.overrides(run))  # unresolved, with Hydra's own interpolations
    OmegaConf.save(cfg, settings.folder(run) / "config.yaml")
    assert look(run, settings).state is State.STARTED
    folder = finish(other)
    (folder / "model" / "weights.safetensors").write_text("trained further")
    assert look(other, settings).state is State.STARTED


def test_an_evaluation_on_other_pictures_does_not_count(row, finish, settings):
    run = Run(row("latent_control"), 0)
    finish(run, pictures="of another folder")
    assert "other held-out pictures" in look(run, settings).reason


def test_an_experiment_that_is_not_there_does_not_stop_the_others(row, settings):
    states = {one.run.row.name: one for one in Plan([row("nothing"), row("latent")], settings, CONF).look()}
    assert states["nothing"].state is State.REFUSED and "experiment/nothing" in states["nothing"].reason
    assert states["latent"].state is State.NEW


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ({"a": 1}, {"a": 1, "later": 0}, []),
        ({"a": 1, "later": None}, {"a": 1}, []),
        ({"a": 1}, {"a": 1, "later": 0.1}, ["later"]),
        ({"a": 0}, {"a": None}, ["a"]),
    ],
)
def test_an_option_that_is_off_is_no_difference(one, other, found):
    assert differences(one, other) == found


def test_all_seeds_wait_for_the_first_ones_autoencoder(row, settings):
    seeds = Plan([row("baseline", seeds=(0, 1))], settings, CONF).look()
    cache = settings.autoencoders
    assert [autoencoder_for(one, cache) for one in seeds] == [(True, None), (False, None)]
    folder = cache / fingerprint(seeds[0].recipe)
    (folder / "model").mkdir(parents=True)
    (folder / "recipe.json").write_text(json.dumps(seeds[0].recipe))
    assert autoencoder_for(seeds[1], cache) == (False, None)  # it is still being trained
    (folder / "model" / "model.safetensors").write_text("")
    assert [autoencoder_for(one, cache) for one in seeds] == [(True, folder), (True, folder)]
    (folder / "recipe.json").write_text(json.dumps({**seeds[0].recipe, "seed": 5}))
    assert autoencoder_for(seeds[1], cache) == (False, None)


def test_a_row_waits_for_the_one_that_it_begins_with(row, settings):
    run = Plan([row("flow", length=4), row("on", experiment="flow", after="flow")], settings, CONF).look()[1]
    start = job(run, settings, ["train"]).command
    assert start() is None
    settings.before(run.run).mkdir(parents=True)
    (settings.before(run.run) / "model.safetensors").write_text("")
    assert f"init_from='{settings.before(run.run)}'" in start()
    moved = dataclasses.replace(settings, outputs=settings.outputs / "moved")
    one, other = (facts(composed(CONF, s.overrides(run.run)), s.autoencoders) for s in (settings, moved))
    assert one["init_from"] == "flow/seed0/model" and not differences(one, other)
    begun = settings.overrides(Run(row("flow", length=4), 0))
    assert "trainer.max_steps=160" in begun and "trainer.val_check_interval=8" in begun


def test_paths_with_blanks_and_commas_reach_the_configuration(row, pictures, tmp_path):
    folder = tmp_path / "it's a, b=c"
    folder.mkdir()
    overrides = Settings(folder, tmp_path / "out put").overrides(Run(row("latent"), 1), tmp_path / "a e")
    cfg = composed(CONF, overrides)
    assert (cfg.data.root, cfg.paths.outputs) == (str(folder), str(tmp_path / "out put"))
    assert cfg.autoencoder.checkpoint == str(tmp_path / "a e")
    assert (cfg.seed, cfg.run_name, cfg.experiment_name, cfg.trainer.val_check_interval) == (
        1,
        "seed1",
        "latent",
        300,
    )
