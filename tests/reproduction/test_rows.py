"""The file of rows, and the runs in their order."""

from pathlib import Path

import pytest
from hydra.utils import instantiate

from latent_inpaint.training.run import build_model
from latent_inpaint.training.stages import planned_stages
from reproduction.configuration import composed
from reproduction.rows import Run, chosen, read_rows_file, runs_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_rows_of_the_project_name_experiments_that_are_there():
    rows = {row.name: row for row in read_rows_file(ROOT / "conf" / "reproduction.yaml")}
    assert {
        "baseline",
        "control",
        "latent",
        "latent_control",
        "latent_control_plus",
        "lama",
        "latent_lpl",
        "latent_full",
    } <= rows.keys()
    experiments = ROOT / "conf" / "experiment"
    assert all((experiments / f"{row.experiment}.yaml").is_file() for row in rows.values())
    assert rows["lama"].lite0 and not rows["baseline"].lite0
    assert rows["latent_control"].seeds == (0, 1, 2) and rows["latent_lpl"].seeds == (0,)


def test_first_seeds_come_first(row):
    rows = [row("a", seeds=(0, 1)), row("b"), row("c", seeds=(0, 1, 2))]
    assert [run.name for run in runs_of(rows)] == [
        "a/seed0",
        "b/seed0",
        "c/seed0",
        "a/seed1",
        "c/seed1",
        "c/seed2",
    ]


def test_chosen_rows_keep_their_order(row):
    rows = [row("a"), row("b"), row("c")]
    assert [one.name for one in chosen(rows, ["c", "a"])] == ["a", "c"]
    assert chosen(rows, []) == rows
    with pytest.raises(ValueError, match=r"there is no x; expected some of a, b, c"):
        chosen(rows, ["x"])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: a, title: t, table: T, seed: 1}", r"row a: unknown keys \['seed'\]"),
        ("{name: a, title: t}", r"missing keys \['table'\]"),
        ("{name: a, title: t, table: T, seeds: [1, 1]}", "expected different numbers"),
        ("{name: a, title: t, table: T, against: b}", "there is no row b"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, entry, message):
    (tmp_path / "rows.yaml").write_text(f"rows:\n  - {entry}\n")
    with pytest.raises(ValueError, match=message):
        read_rows_file(tmp_path / "rows.yaml")


@pytest.mark.parametrize("name", [row.name for row in read_rows_file(ROOT / "conf" / "reproduction.yaml")])
def test_every_row_can_be_built_at_another_width(name, settings):
    row = next(row for row in read_rows_file(ROOT / "conf" / "reproduction.yaml") if row.name == name)
    names = ["data_name=folder", "masks_name=thick"]  # which Hydra knows in a run of its own
    short = ["autoencoder.max_steps=2"]
    cfg = composed(ROOT / "conf", [*settings.overrides(Run(row, 0)), *names, *short])
    model = build_model(cfg, instantiate(cfg.data), resume=None)
    assert all(stage.build(model).objective.terms for stage in planned_stages(cfg))
