"""What the rows should reach, with what they did: measured, or said to be missing."""

from __future__ import annotations

from dataclasses import dataclass

from latent_inpaint.evaluation.tables import COLUMNS
from reproduction.analysis import Mean, change, percent
from reproduction.findings import Results

FD, PD, SSIM = "fd_lite0", "pd_lite0", "ssim"
NOT_MEASURED = "not measured yet"
STEP_CHANGE, EQUAL_SECONDS_CHANGE, LPL_CHANGE, TIME_SHARE = -0.28, -0.25, -0.15, 0.5
LAMA = "as low as lama ends after {:.0f} % of the time of lama's {} steps"
COLUMN = {column.key: column for column in COLUMNS}


@dataclass(frozen=True)
class Target:
    """One thing to reach.

    Attributes:
        number: in the list of targets; the improved recipe answers to the first one too.
        title: what.
        measured: the numbers; empty where there are none.
        verdict: reached, not reached and by how much, or not measured yet.
    """

    number: str
    title: str
    measured: str
    verdict: str


def targets(results: Results) -> list[Target]:
    """All of them, in their order: those of the rows that these results are of."""
    if "flow_lpl" in results.by_row:
        return [better_by_lpl(results, "1", "flow_lpl", "flow_on")]
    return [
        better_and_cheaper(results, "1", "latent_control"),
        better_and_cheaper(results, "1 plus", "latent_control_plus"),
        better_at_equal_seconds(results),
        better_by_lpl(results, "3", "latent_lpl", "latent_control"),
        as_good_as_lama_sooner(results),
    ]


def better_and_cheaper(results: Results, number: str, row: str) -> Target:
    """At equal steps better than the baseline by three metrics, and the step at least 28 % cheaper."""
    title = (
        f"{row} better than baseline by FD-lite0, PD-lite0 and SSIM at equal steps, "
        "and its step at least 28 % cheaper"
    )
    step = results.step_change(row, "baseline")
    compared = {key: results.compared(row, "baseline", key) for key in (FD, PD, SSIM)}
    found = {key: pair for key, pair in compared.items() if pair}
    if step is None or len(found) < len(compared):
        return _missing(number, title, results, (row, "baseline"))
    said = _metrics(results, row)
    worse = [
        f"{COLUMN[key].title} is worse by {percent(abs(change(a.value, b.value)))[1:]}"
        for key, (a, b) in found.items()
        if (a.value < b.value) == COLUMN[key].higher_is_better or a.value == b.value
    ]
    if step > STEP_CHANGE:
        worse.append(f"the step's {percent(step)} are {(step - STEP_CHANGE) * 100:.1f} points short")
    said += f"; step {percent(step)}"
    steps = results.steps_of_all_seeds(row, "baseline")
    if steps is not None:
        said += f"; over seeds: {_metrics(results, row, steps)}"
    verdict = _so_far(results, (row, "baseline"), _verdict(worse))
    return Target(number, title, said, verdict)


def _metrics(results: Results, row: str, steps: int | None = None) -> str:
    """A row against the baseline by the three metrics, after `steps` or the most that both trained."""
    pairs = {key: results.compared(row, "baseline", key, steps) for key in (FD, PD, SSIM)}
    said = [f"{COLUMN[key].title} {_against(key, *pair)}" for key, pair in pairs.items() if pair]
    return "; ".join([*said, results.basis(row, "baseline", steps)])


def better_at_equal_seconds(results: Results) -> Target:
    """At equal seconds the best latent-only row at least 25 % below the baseline by FD-lite0."""
    title = "at equal seconds the best latent-only row has at least 25 % lower FD-lite0 than baseline"
    names = [row.name for row in results.rows if row.latent_only]
    pairs = {name: results.compared_at_equal_seconds(name, "baseline", FD) for name in names}
    there = {name: pair for name, pair in pairs.items() if pair}
    if not there:
        return _missing("2", title, results, ("baseline", *names))
    done = [name for name in there if results.is_finished(name)]
    best = min(done or there, key=lambda name: change(there[name][0].value, there[name][1].value))
    share = change(there[best][0].value, there[best][1].value)
    missing = [name for name in names if name not in done]
    rest = f"; not finished: {', '.join(missing)}" if missing else ""
    said = f"{best}: {_at_seconds(there[best], results.shared_seconds(best, 'baseline'))}"
    seconds = results.seconds_of_all_seeds(best, "baseline")
    of_all = results.compared_at_equal_seconds(best, "baseline", FD, seconds)
    if seconds is not None and of_all is not None:
        said += f"; over seeds: {_at_seconds(of_all, seconds)}"
    verdict = _so_far(results, (best, "baseline"), _at_most(share, EQUAL_SECONDS_CHANGE))
    return Target("2", title, f"{said}{rest}", verdict)


def _at_seconds(pair: tuple[Mean, Mean], seconds: float | None) -> str:
    return f"{_against(FD, *pair)}, {seconds:.0f} seconds, {pair[0].count} seed(s)"


def better_by_lpl(results: Results, number: str, row: str, reference: str) -> Target:
    """LPL lowers FD-lite0 by at least 15 % against the same without it, at equal steps and equal seconds."""
    title = f"{row} lowers FD-lite0 by at least 15 % against {reference}, which is without LPL"
    pair = results.compared(row, reference, FD)
    if pair is None:
        return _missing(number, title, results, (row, reference))
    said = f"{_against(FD, *pair)}, {results.basis(row, reference)}"
    timed = results.compared_at_equal_seconds(row, reference, FD)
    if timed is not None:
        said += f"; {_at_seconds(timed, results.shared_seconds(row, reference))}"
    verdict = _at_most(change(pair[0].value, pair[1].value), LPL_CHANGE)
    return Target(number, title, said, _so_far(results, (row, reference), verdict))


def as_good_as_lama_sooner(results: Results) -> Target:
    """`latent_full` reaches `lama`'s final FD-lite0 in at most half of its time."""
    title = "latent_full reaches lama's FD-lite0 in at most half of its training time"
    pair = results.compared("latent_full", "lama", FD)
    if pair is None:
        return _missing("4", title, results, ("latent_full", "lama"))
    share = results.time_share("latent_full", "lama", FD)
    note = "lama trained on the network that FD-lite0 measures with"
    if share is None:
        basis = results.basis("latent_full", "lama")
        said = f"never as low as lama ends; {_against(FD, *pair)}, {basis}; {note}"
        return Target("4", title, said, _so_far(results, ("latent_full", "lama"), "not reached"))
    lama = results.last_step("lama")
    said = f"{LAMA.format(share.value * 100, lama)}; {note}"
    short = [f"{(share.value - TIME_SHARE) * 100:.0f} points too late"] if share.value > TIME_SHARE else []
    return Target("4", title, said, _so_far(results, ("latent_full", "lama"), _verdict(short)))


def _against(metric: str, one: Mean, other: Mean) -> str:
    digits = COLUMN[metric].digits
    return f"{one.text(digits)} against {other.text(digits)} ({percent(change(one.value, other.value))})"


def _at_most(share: float, wanted: float) -> str:
    short = [f"{percent(share)} is {(share - wanted) * 100:.1f} points short"] if share > wanted else []
    return _verdict(short)


def _verdict(failings: list[str]) -> str:
    return f"not reached: {'; '.join(failings)}" if failings else "reached"


def _so_far(results: Results, names: tuple[str, str], verdict: str) -> str:
    """A verdict, marked where one of the two rows has not trained all its steps."""
    return verdict if all(map(results.is_finished, names)) else f"so far {verdict}"


def _missing(number: str, title: str, results: Results, names: tuple[str, ...]) -> Target:
    without = [name for name in names if not results.of(name)]
    return Target(number, title, f"without a run: {', '.join(without)}" if without else "", NOT_MEASURED)
