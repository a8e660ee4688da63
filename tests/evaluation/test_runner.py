import math

import pytest
import torch

from latent_inpaint.data import Batch
from latent_inpaint.evaluation.gallery import show
from latent_inpaint.evaluation.journal import Journal
from latent_inpaint.evaluation.methods import CopyNothing, GreyFill, GroundTruth, MeanFill
from latent_inpaint.evaluation.runner import EvaluationInterrupted, evaluate


class FakeSuite:
    """Keeps the L1 in the hole of every picture, as `MetricSuite` keeps its metrics."""

    def __init__(self):
        self.values = {}

    def done(self, method):
        return set(self.values.get(method, {}))

    def update(self, composite, target, mask, names, method):
        assert torch.equal(composite * (1 - mask), target * (1 - mask))
        l1 = ((composite - target).abs() * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)))
        self.values.setdefault(method, {}).update(zip(names, l1.tolist()))

    def compute(self, method):
        values = [value for _, value in sorted(self.values[method].items())]
        return {"metrics": {"l1_hole": math.fsum(values) / len(values)}, "images": len(values)}

    def state_dict(self):
        return {"methods": {m: dict(v) for m, v in self.values.items()}}

    def load_state_dict(self, state):
        self.values |= state["methods"]


def batches(count=7, size=4, batch_size=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, size, size, generator=generator)
    masks = torch.zeros(count, 1, size, size)
    masks[..., 1:3, 1:3] = 1
    names = [f"{i}.png" for i in range(count)]
    for start in range(0, count, batch_size):
        part = slice(start, start + batch_size)
        yield Batch(images[part], masks[part], names[part])


class FailsOn:
    """Fails on named pictures, which it recognises by their first pixel."""

    def __init__(self, pictures, name="fragile", error=ValueError):
        self.pixels = [float(image[0, 0, 0]) for image in pictures]
        self.name = name
        self.error = error
        self.calls = 0

    def __call__(self, image, mask):
        self.calls += 1
        if any(float(first) in self.pixels for first in image[:, 0, 0, 0]):
            raise self.error("too hard")
        return image * 0.5


def metrics(rows):
    return {row["method"]: row["metrics"] for row in rows}


def test_rows_hold_metrics_and_card_of_every_method():
    methods = [GroundTruth(), GreyFill()]
    rows = evaluate(methods, batches(), FakeSuite(), {"size": 4, "masks": {"name": "square"}})
    assert [row["method"] for row in rows] == ["ground_truth", "grey"]
    assert rows[0]["metrics"]["l1_hole"] == 0 < rows[1]["metrics"]["l1_hole"]
    for row in rows:
        assert row["card"]["n_images"] == 7
        assert row["card"]["n_failed"] == 0
        assert row["card"]["size"] == 4
        assert len(row["card"]["masks"]["rendered_sha256"]) == 64
    assert rows[0]["card"]["sees_truth"] and "sees_truth" not in rows[1]["card"]
    assert rows[1]["card"]["value"] == 0.5
    assert rows[1]["card"]["implementation"] == "latent_inpaint.evaluation.methods.GreyFill"


def test_twice_gives_the_same_but_for_timing_whatever_the_batch_size():
    first = evaluate([MeanFill()], batches(batch_size=3), FakeSuite(), {})
    second = evaluate([MeanFill()], batches(batch_size=5), FakeSuite(), {})
    for row in (*first, *second):
        assert row["card"].pop("timing")["seconds_per_image"] > 0
    assert first == second


def test_another_mask_changes_the_checksum():
    other = [batch._replace(mask=batch.mask.roll(1, -1)) for batch in batches()]
    one = evaluate([MeanFill()], batches(), FakeSuite(), {})[0]["card"]["masks"]
    assert one != evaluate([MeanFill()], other, FakeSuite(), {})[0]["card"]["masks"]


def test_a_method_that_fails_on_a_picture_is_counted_and_named_and_the_others_go_on(caplog):
    images = torch.cat([batch.image for batch in batches()])
    fragile = FailsOn(images[[1, 6]])
    rows = evaluate([fragile, MeanFill()], batches(), FakeSuite(), {})
    card = rows[0]["card"]
    assert card["n_images"] == 5
    assert card["n_failed"] == 2
    assert card["failed"] == {"1.png": "ValueError: too hard", "6.png": "ValueError: too hard"}
    assert rows[1]["card"]["n_images"] == 7
    assert "fragile failed on 1.png" in caplog.text


def test_nan_pixels_are_a_failure_of_that_picture_only():
    class Nan(MeanFill):
        def fill(self, masked_image, mask):
            return super().fill(masked_image, mask) / (masked_image[:, :1, :1, :1] > 0.5).float()

    red = torch.cat([batch.image for batch in batches()])[:, 0, 0, 0]
    row = evaluate([Nan()], batches(), FakeSuite(), {})[0]
    assert row["card"]["failed"] == {f"{i}.png": "NaN or infinite pixels" for i in range(7) if red[i] <= 0.5}
    assert 0 < row["card"]["n_images"] < 7


def test_a_method_that_always_fails_has_a_row_without_metrics():
    images = torch.cat([batch.image for batch in batches()])
    row = evaluate([FailsOn(images)], batches(), FakeSuite(), {})[0]
    assert row["metrics"] == {}
    assert (row["card"]["n_images"], row["card"]["n_failed"]) == (0, 7)


def test_ctrl_c_keeps_what_is_measured_and_the_next_run_goes_on(tmp_path):
    images = torch.cat([batch.image for batch in batches()])
    cards = {"mean": {}, "fragile": {}, "grey": {}}
    stopped = FailsOn(images[[4]], error=KeyboardInterrupt)
    with pytest.raises(EvaluationInterrupted, match="after 3 pictures.* goes on"):
        evaluate([MeanFill(), stopped], batches(), FakeSuite(), {}, Journal(tmp_path, "facts", cards))
    suite = FakeSuite()
    resumed = FailsOn(images[[4]])
    journal = Journal(tmp_path, "facts", cards)
    rows = evaluate([MeanFill(), resumed, GreyFill()], batches(), suite, {}, journal)
    assert resumed.calls == 1 + 3 + 1  # second batch, its three pictures, third batch: not the first batch
    fresh = evaluate([MeanFill(), FailsOn(images[[4]]), GreyFill()], batches(), FakeSuite(), {})
    assert metrics(rows) == metrics(fresh)
    journal.remove()
    assert not list(tmp_path.iterdir())


def test_the_journal_is_for_the_same_facts_only(tmp_path):
    suite = FakeSuite()
    evaluate(
        [MeanFill(), GreyFill()], batches(), suite, {}, Journal(tmp_path, "facts", {"mean": 1, "grey": 1})
    )
    for facts, methods, kept in (
        ("facts", {"mean": 1, "grey": 1}, {"mean", "grey"}),
        ("facts", {"mean": 1, "grey": 2}, {"mean"}),
        ("others", {"mean": 1, "grey": 1}, set()),
    ):
        restored = FakeSuite()
        assert set(Journal(tmp_path, facts, methods).restore(restored)) == kept == set(restored.values)


def test_a_damaged_journal_is_left_out_with_a_warning(tmp_path, caplog):
    journal = Journal(tmp_path, "facts", {"mean": 1})
    journal.path.write_bytes(b"half a fi")
    assert journal.restore(FakeSuite()) == {}
    assert str(journal.path) in caplog.text


def test_a_full_disk_stops_no_evaluation(tmp_path, caplog):
    folder = tmp_path / "file"
    folder.touch()  # a folder cannot be made here: every saving fails, as on a full disk
    rows = evaluate([MeanFill()], batches(), FakeSuite(), {}, Journal(folder, "facts", {"mean": 1}, every=0))
    assert rows[0]["card"]["n_images"] == 7
    assert "could not be written" in caplog.text


def test_methods_need_names_that_differ_and_pictures():
    with pytest.raises(ValueError, match="names that differ"):
        evaluate([CopyNothing(), CopyNothing()], batches(), FakeSuite(), {})
    with pytest.raises(ValueError, match="methods"):
        evaluate([], batches(), FakeSuite(), {})
    with pytest.raises(ValueError, match="loader"):
        evaluate([CopyNothing()], iter(()), FakeSuite(), {})


class Drawing:
    """Fills with noise of the generator that it is given."""

    multiple = True

    def __init__(self, name="drawing"):
        self.name = name

    def __call__(self, image, mask, generator):
        return torch.rand(image.shape, generator=generator)


def drawn(seed=0, **how):
    suite = FakeSuite()
    rows = evaluate([Drawing()], batches(**how), suite, {}, seed=seed)
    return suite.values["drawing"], rows[0]["card"]["seed"]


def test_what_is_drawn_depends_on_the_seed_and_the_pictures_name_alone():
    values, seed = drawn()
    assert seed == 0 and len(set(values.values())) == 7
    torch.rand(3)
    assert drawn(batch_size=1)[0] == drawn(batch_size=7)[0] == values
    other, seed = drawn(seed=1)
    assert seed == 1 and all(other[name] != values[name] for name in values)


def test_the_report_shows_the_pictures_that_were_measured():
    values, _ = drawn(seed=3)
    loader = list(batches(batch_size=2))
    shown = show([Drawing()], loader, {name: {"drawing"} for name in values}, {"drawing": {}}, seed=3)
    assert set(shown) == set(values)
    for name, picture in shown.items():
        difference = abs(picture.results["drawing"].astype(float) - picture.truth.astype(float)) / 255
        assert difference[picture.hole].mean() == pytest.approx(values[name], abs=2 / 255)
        assert not difference[~picture.hole].any()


def test_a_picture_that_is_drawn_may_fail_alone():
    class Fragile(Drawing):
        def __call__(self, image, mask, generator):
            if float(image[0, 0, 0, 0]) == first:
                raise ValueError("too hard")
            return super().__call__(image, mask, generator)

    loader = list(batches())
    first = float(loader[0].image[1, 0, 0, 0])
    suite = FakeSuite()
    (row,) = evaluate([Fragile()], loader, suite, {})
    assert row["card"]["failed"] == {"1.png": "ValueError: too hard"}
    assert suite.values["drawing"] == {n: v for n, v in drawn()[0].items() if n != "1.png"}
