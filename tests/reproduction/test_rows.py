"""The file of rows, and the runs in their order."""

from pathlib import Path

import pytest
from hydra.utils import instantiate

from latent_inpaint.models import save_model
from latent_inpaint.training.run import build_model
from latent_inpaint.training.stages import planned_stages
from reproduction.configuration import composed
from reproduction.rows import Run, chosen, find_rows, read_rows_file, runs_of

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "conf").glob("reproduction*.yaml"))


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
    rows = [row("a", table="Table 1"), row("b"), row("c", table="Table 1", after="b")]
    assert [one.name for one in chosen(rows, ["c", "a"])] == ["a", "b", "c"]
    assert [one.name for one in chosen(rows, ["table_1"])] == ["a", "b", "c"]
    assert [one.name for one in chosen(rows, ["a"])] == ["a"]
    assert chosen(rows, []) == rows
    with pytest.raises(ValueError, match=r"there is no x; expected some of a, b, c"):
        chosen(rows, ["x"])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{name: a, title: t, table: T, seed: 1}", r"row a: unknown keys \['seed'\]"),
        ("{name: a, title: t}", r"missing keys \['table'\]"),
        ("{name: a, title: t, table: T, seeds: [1, 1]}", "expected different numbers"),
        ("{name: a, title: t, table: T, against: b}", "against: there is no row b"),
        ("{name: a, title: t, table: T, after: b}", "after: there is no row b"),
        ("{name: a, title: t, table: T, after: c, seeds: [1]}", "seeds: c, which it begins with"),
        ("{name: a, title: t, table: T, length: 0}", "length must be at least 1"),
    ],
)
def test_mistakes_in_the_file_are_named(tmp_path, entry, message):
    (tmp_path / "rows.yaml").write_text(f"rows:\n  - {entry}\n  - {{name: c, title: t, table: T}}\n")
    with pytest.raises(ValueError, match=message):
        read_rows_file(tmp_path / "rows.yaml")


def test_rows_are_found_in_the_file_that_has_them_all():
    assert find_rows(ROOT / "conf", [])[0] == "reproduction"
    name, rows, found = find_rows(ROOT / "conf", ["lpl_table_6"])
    assert name == "reproduction_lpl" and {row.name for row in found} == {
        "flow",
        "flow_reweighted",
        "flow_min_snr",
    }
    assert len(rows) > len(found)
    with pytest.raises(
        ValueError, match=r"reproduction.yaml: .*; reproduction_lpl.yaml: rows: there is no base"
    ):
        find_rows(ROOT / "conf", ["baseline", "flow_lpl"])


@pytest.mark.parametrize(
    ("file", "name"), [(file, row.name) for file in FILES for row in read_rows_file(file)]
)
def test_every_row_can_be_built_at_another_width(file, name, settings):
    row = next(row for row in read_rows_file(file) if row.name == name)
    names = ["data_name=folder", "masks_name=thick"]  # which Hydra knows in a run of its own
    short = ["autoencoder.max_steps=2"]
    run = Run(row, 0)
    cfg = composed(ROOT / "conf", [*settings.overrides(run), *names, *short])
    if row.after:
        save_model(instantiate(cfg.model.network), settings.before(run))
    model = build_model(cfg, instantiate(cfg.data), resume=None)
    assert cfg.trainer.max_steps == settings.steps * row.length
    assert all(stage.build(model).objective.terms for stage in planned_stages(cfg))
