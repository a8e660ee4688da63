"""The rows to reproduce and the runs that they need, from `conf/reproduction*.yaml`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Row:
    """A row of a table: one experiment, trained with some seeds.

    Attributes:
        name: of the row, and of its folder of runs.
        title: what is trained, in a few words.
        table: the report's table that it stands in.
        experiment: name of a file of `conf/experiment`; the row's name by default.
        seeds: of the runs; the first one pretrains the autoencoder that the others use too.
        overrides: Hydra overrides of this row.
        latent_only: the decoder is not run in training.
        lite0: trained on the network that PD-lite0 and FD-lite0 measure with.
        against: the row that its changes are against; empty for none.
        after: the row whose trained weights, of the same seed, it begins with; empty for none.
        length: how many times the steps asked for it trains.
        figure: name of the figure that its curves are drawn in, with those of the row it is against.
        published: the numbers it stands beside: `source`, and some of `fid`, `fid_change`, `lpips`, `ssim`,
            `time`.
    """

    name: str
    title: str
    table: str
    experiment: str = ""
    seeds: tuple[int, ...] = (0,)
    overrides: tuple[str, ...] = ()
    latent_only: bool = False
    lite0: bool = False
    against: str = ""
    after: str = ""
    length: int = 1
    figure: str = "curves"
    published: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"row {self.name}: seeds: expected different numbers, got {list(self.seeds)}")
        if self.length < 1:
            raise ValueError(f"row {self.name}: length must be at least 1, got {self.length}")
        if not self.experiment:
            object.__setattr__(self, "experiment", self.name)


@dataclass(frozen=True)
class Run:
    """One training: a row with one of its seeds."""

    row: Row
    seed: int

    @property
    def name(self) -> str:
        """Its folder below the outputs."""
        return f"{self.row.name}/seed{self.seed}"


def read_rows_file(path: Path) -> list[Row]:
    """The rows of a file like `conf/reproduction.yaml`; its `overrides` come first in each row's.

    Raises:
        ValueError: an unknown or missing key, or two rows of one name; the message says which.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    common = content.get("overrides") or []
    rows = [_row(entry, common) for entry in content["rows"]]
    names = [row.name for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}: more than one row is called {', '.join(twice)}")
    for row in rows:
        for key, other in (("against", row.against), ("after", row.after)):
            if other and other not in names:
                raise ValueError(f"row {row.name}: {key}: there is no row {other}")
        if row.after and not set(row.seeds) <= set(rows[names.index(row.after)].seeds):
            raise ValueError(f"row {row.name}: seeds: {row.after}, which it begins with, has not all of them")
    return rows


def _row(entry: Mapping[str, Any], common: Sequence[str]) -> Row:
    known = {f.name for f in fields(Row)}
    unknown, missing = sorted(entry.keys() - known), sorted({"name", "title", "table"} - entry.keys())
    if unknown or missing:
        raise ValueError(
            f"row {entry.get('name', '?')}: unknown keys {unknown}, missing keys {missing}; "
            f"known are {', '.join(sorted(known))}"
        )
    overrides = (*common, *entry.get("overrides", ()))
    return Row(**{**entry, "seeds": tuple(entry.get("seeds", (0,))), "overrides": overrides})


def find_rows(folder: Path, names: Sequence[str]) -> tuple[str, list[Row], list[Row]]:
    """The file of the rows called so, without its ending, all its rows, and the chosen ones.

    Args:
        folder: of the files `reproduction*.yaml`.
        names: of rows or tables; none: all of `reproduction.yaml`.

    Raises:
        ValueError: no file has them all.
    """
    files = sorted(folder.glob("reproduction*.yaml"), key=lambda file: len(file.name))
    errors = []
    for file in files:
        rows = read_rows_file(file)
        try:
            return file.stem, rows, chosen(rows, names)
        except ValueError as error:
            errors.append(f"{file.name}: {error}")
    raise ValueError("; ".join(errors))


def chosen(rows: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The rows called so, or of a table called so (`table_5.1` for Table 5.1), in their own order; all where
    no names are given. A row that others begin with comes with them.

    Raises:
        ValueError: there is no row and no table of that name.
    """
    of_table = {row.name: row.table.lower().replace(" ", "_") for row in rows}
    unknown = sorted(set(names) - of_table.keys() - set(of_table.values()))
    if unknown:
        raise ValueError(
            f"rows: there is no {', '.join(unknown)}; expected some of {', '.join(of_table)}, "
            f"or of the tables {', '.join(dict.fromkeys(of_table.values()))}"
        )
    found = {name for name, table in of_table.items() if not names or {name, table} & set(names)}
    found |= {row.after for row in rows if row.name in found}
    return [row for row in rows if row.name in found]


def runs_of(rows: Sequence[Row]) -> list[Run]:
    """All runs: the first seed of every row, then the second ones, and so on."""
    most = max((len(row.seeds) for row in rows), default=0)
    return [Run(row, row.seeds[turn]) for turn in range(most) for row in rows if turn < len(row.seeds)]
