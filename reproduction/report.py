"""`reports/reproduction/`: every run's numbers, tables, curves and sheets."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from latent_inpaint.evaluation.tables import COLUMNS
from latent_inpaint.files import replacing, write_text
from latent_inpaint.training.dry_run import StepCost
from reproduction.costs import costs_table
from reproduction.document import Bullets, Document, Picture, Section, Text, html, markdown
from reproduction.findings import Results
from reproduction.planning import Planned, State
from reproduction.plots import curves_svg
from reproduction.results import Result, read_begun, read_result
from reproduction.rows import Row, Run, runs_of
from reproduction.settings import Settings
from reproduction.sheets import pictures_sheet
from reproduction.tables import (
    changes_table,
    equal_seconds_table,
    equal_steps_table,
    published_table,
    rows_table,
    runs_table,
    targets_table,
)

log = logging.getLogger(__name__)

DRAWN = ("fd_lite0", "pd_lite0", "ssim")
TITLE = "The tables re-measured"
REMARKS = "remarks.md"


def collect(
    rows: Sequence[Row], planned: Sequence[Planned], settings: Settings, said: dict[str, str]
) -> Results:
    """The results of the runs, of those that were begun as far as they are.

    Args:
        rows: all rows.
        planned: their runs, looked at now.
        settings: of all runs.
        said: run's name → how far it is, for those that were begun.
    """
    measured, states = [], dict(said)
    for one in planned:
        if one.state not in (State.FINISHED, State.STARTED):
            continue
        folder, run = settings.folder(one.run), one.run
        read = read_result if one.state is State.FINISHED else read_begun
        try:
            measured.append(read(folder, run.row.name, run.seed, settings.autoencoders))
        except (KeyError, OSError, ValueError) as error:
            log.warning("%s: left out of the report: %s", run.name, error)
            states.setdefault(run.name, "its results cannot be read")
    return Results(rows, measured, states, settings.steps)


def write_report(
    results: Results,
    settings: Settings,
    folder: Path,
    pictures: bool = True,
    costs: dict[str, StepCost] | None = None,
) -> Path:
    """Write `rows.json`, `report.md`, `report.html` and the pictures that they show; return the page's path.

    What its authors wrote into `remarks.md` in the same folder, a list, becomes a part of the report.

    Args:
        results: of all rows.
        settings: of all runs.
        folder: for the report.
        pictures: whether sheets of photographs belong to it.
        costs: of a step, by row.
    """
    write_text(folder / "rows.json", runs_text(results))
    document = report(
        results, sheets(results, settings) if pictures else [], remarks(folder / REMARKS), costs
    )
    for picture in document.pictures():
        with replacing(folder / picture.path) as file:
            file.write(picture.content)
    write_text(folder / "report.md", markdown(document))
    return write_text(folder / "report.html", html(document))


def remarks(path: Path) -> list[str]:
    """The items of a Markdown list, each on one line or more; none if there is no such file."""
    if not path.is_file():
        return []
    text = f"\n{path.read_text(encoding='utf-8')}"
    return [" ".join(item.split()) for item in text.split("\n- ")[1:]]


def runs_text(results: Results) -> str:
    """`rows.json`: a line a run, so that a new one changes one line."""
    lines = [json.dumps(entry, ensure_ascii=False, allow_nan=False) for entry in rows_json(results)]
    return f'{{"steps": {results.steps}, "runs": [\n' + ",\n".join(lines) + "\n]}\n"


def rows_json(results: Results) -> list[dict[str, object]]:
    """Every run as JSON values: its results, or where it stands."""
    entries: list[dict[str, object]] = []
    for run in runs_of(results.rows):
        result = results.by_row[run.row.name].get(run.seed)
        state = results.states.get(run.name, "finished" if result else "not run yet")
        measured = result.as_json() if result else {"row": run.row.name, "seed": run.seed}
        entries.append({"state": state, "experiment": run.row.experiment} | measured)
    return entries


def sheets(results: Results, settings: Settings) -> list[Picture]:
    """One sheet each table, of the rows that have a result with the first seed."""
    made = []
    for table in _tables(results.rows):
        rows = [row for row in results.rows if row.table == table]
        content = pictures_sheet(
            {row.name: path for row in rows if (path := _samples(row, results, settings))}
        )
        if content:
            name = f"sheet_{table.lower().replace(' ', '_').replace('.', '_')}.webp"
            title = f"{table}: held-out pictures as each row fills them, as far as it trained"
            made.append(Picture(name, title, content))
    return made


def _samples(row: Row, results: Results, settings: Settings) -> Path | None:
    """The samples of the first seed's last validation, whose weights the metrics are of."""
    result = results.by_row[row.name].get(row.seeds[0])
    if result is None:
        return None
    return settings.folder(Run(row, result.seed)) / "samples" / f"step_{result.steps:07d}.png"


def report(
    results: Results,
    photographs: Sequence[Picture] = (),
    remarks: Sequence[str] = (),
    costs: dict[str, StepCost] | None = None,
) -> Document:
    """The document; what was not measured is said to be missing."""
    sections = [
        Section("What was measured", [Text(_facts(results)), Bullets(NOTES)]),
        Section("What it should reach", [targets_table(results)]),
        *([Section("Remarks", [Bullets(remarks)])] if remarks else []),
        Section("The rows", [rows_table(results.rows), Text(BESIDE)]),
        *(_beside(results, table) for table in _tables(results.rows)),
        *(_equal_steps(results, steps) for steps in results.levels),
    ]
    sections += [_equal_seconds(results, seconds) for seconds in results.levels_of_seconds]
    if costs:
        sections.append(Section("What a step costs", [Text(COSTS_TEXT), costs_table(results, costs)]))
    curves = _curves(results)
    if curves:
        sections.append(Section("Curves", [Text(CURVES_TEXT), *curves]))
    if photographs:
        sections.append(Section("Pictures", list(photographs)))
    sections.append(Section("Runs", [runs_table(results)]))
    return Document(TITLE, sections)


def _equal_steps(results: Results, steps: int) -> Section:
    text = EQUAL_STEPS.format(steps=steps)
    return Section(f"Equal steps: {steps}", [Text(text), equal_steps_table(results, steps)])


def _equal_seconds(results: Results, seconds: float) -> Section:
    text = EQUAL_SECONDS.format(seconds=seconds)
    return Section(f"Equal seconds: {seconds:.0f}", [Text(text), equal_seconds_table(results, seconds)])


def _beside(results: Results, table: str) -> Section:
    rows = [row for row in results.rows if row.table == table]
    if not any(row.published for row in rows):
        return Section(table, [changes_table(results, rows)])
    return Section(f"{table}: beside the published numbers", [published_table(results, rows)])


def _tables(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.table for row in rows))


def _curves(results: Results) -> list[Picture]:
    drawn = []
    by_key = {column.key: column for column in COLUMNS}
    for figure in dict.fromkeys(row.figure for row in results.rows):
        own = [row for row in results.rows if row.figure == figure]
        rows = [row for row in results.rows if row in own or row.name in {one.against for one in own}]
        ends = [end for row in own if (end := results.last_step(row.name)) is not None]
        for column in (by_key[key] for key in DRAWN):
            content = curves_svg(results, column, rows, until=max(ends, default=0))
            if content:
                title = f"{column.title} of the held-out pictures while training"
                drawn.append(Picture(f"{figure}_{column.key}.svg", title, content))
    return drawn


def _facts(results: Results) -> str:
    planned = len(runs_of(results.rows))
    done = f"{results.finished} of {planned} runs are finished; {len(results.measured)} have results."
    with_card = [result for result in results.measured if result.card]
    if not with_card:
        return done
    first: Result = with_card[0]
    data, masks = first.card.get("data", {}), first.card.get("masks", {})
    return (
        f"{done} A run is planned to train {results.steps} steps of {first.config.get('data.batch_size')} "
        f"crops of {first.card.get('size')}², width {first.config.get('model.ngf')}, after an autoencoder of "
        f"{first.config.get('autoencoder.max_steps')} steps. Measured on "
        f"{data.get('pictures')} held-out pictures ({first.card.get('n_images')} crops), masks: "
        f"{masks.get('name')}."
    )


NOTES = (
    "The published numbers are of other data (Places2, ImageNet), 256², and other networks: FID and LPIPS "
    "stand beside FD-lite0 and PD-lite0, which are other measures. Compare changes, not values.",
    "± is the standard deviation over seeds (n − 1). A seed decides on the order of the pictures, the first "
    "weights of what is trained, and the masks of training and of evaluation; rows are compared within a "
    "seed. All rows and seeds use one autoencoder, but for the rows whose titles name another one.",
    "Seconds are of computing on one core: the training process's processor time, one thread. Validations, "
    "the process that reads pictures, and the autoencoder's training are not counted.",
    "† trained on EfficientNet-Lite0's features, which FD-lite0 and PD-lite0 measure with: their low values "
    "are in part the training objective itself. Judge these rows by the other metrics and by eye as well.",
    "A run that was begun counts as far as it is: two rows are compared after the most steps that both "
    "trained. What these rows do at a step does not depend on how many were asked for, so a shorter run is "
    "the beginning of a longer one.",
    "A number that is not here was not measured.",
)
BESIDE = "Changes are over the seeds that both rows have; what is called “their” was published."
EQUAL_STEPS = (
    "Metrics after {steps} steps, means over the seeds that trained them; in brackets what needs no "
    "training. A step's cost is over all steps that were trained."
)
EQUAL_SECONDS = (
    "Metrics after {seconds:.0f} seconds of computing, of the rows that were validated before and after "
    "that, by linear interpolation; means over seeds."
)
COSTS_TEXT = (
    "Operations and peak memory are counted without computing (`dry_run`), of a step of the row's last "
    "stage, the optimizer's state included. Images a second are of one core while it trained."
)
CURVES_TEXT = "Lines are means over seeds, bands reach from the lowest to the highest seed; dashed: †."
