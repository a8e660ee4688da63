import json
import logging
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from latent_inpaint.files import sha256_of
from latent_inpaint.metrics.frechet import frechet_between
from latent_inpaint.metrics.frechet_features import Lite0FrechetFeatures
from latent_inpaint.metrics.samples import SAMPLE_COLUMNS
from latent_inpaint.metrics.suite import KEYS, MetricSuite

CONF = Path(__file__).parents[2] / "conf/metrics"
OFFLINE = ("ssim", "psnr", "l1_hole", "pd_lite0", "fd_lite0")


@pytest.fixture(scope="module")
def pictures():
    """Five smooth pictures, their masks (one empty), composites with a grey hole, and names."""
    generator = torch.Generator().manual_seed(0)
    small = torch.rand(5, 3, 6, 6, generator=generator)
    target = torch.nn.functional.interpolate(small, (48, 48), mode="bilinear")
    mask = torch.zeros(5, 1, 48, 48)
    for i in range(1, 5):
        mask[i, :, : 8 * i, :24] = 1
    composite = torch.where(mask > 0, torch.tensor(0.5), target)
    return composite, target, mask, [f"folder/{i}.png" for i in range(5)]


@pytest.fixture
def offline():
    return MetricSuite(backbone="lite0", replicates=30)


def feed(suite, pictures, batch, method="model"):
    composite, target, mask, names = pictures
    for first in range(0, len(names), batch):
        part = slice(first, first + batch)
        suite.update(composite[part], target[part], mask[part], names[part], method)


def test_summary_has_every_key_and_is_json(offline, pictures):
    feed(offline, pictures, 2)
    summary = offline.compute()
    assert tuple(summary["metrics"]) == KEYS
    assert json.loads(json.dumps(summary, allow_nan=False))["images"] == 5
    assert [key for key, value in summary["metrics"].items() if value is not None] == list(OFFLINE)
    assert summary["counts"]["l1_hole"] == 4  # one hole is empty
    assert [part["images"] for part in summary["hole_area"]] == [2, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert offline.card()["pd_lite0"]["weights_sha256"].startswith("57934424")
    assert offline.card()["fid"] is None


def test_truth_is_perfect(offline, pictures):
    _, target, mask, names = pictures
    offline.update(target, target, mask, names)
    metrics = offline.compute()["metrics"]
    assert metrics["ssim"] == 1.0
    assert metrics["psnr"] == 100.0
    assert metrics["l1_hole"] == metrics["pd_lite0"] == 0.0
    assert metrics["fd_lite0"] == pytest.approx(0.0, abs=1e-6)


def test_frechet_is_of_composites_and_truths(offline, pictures):
    composite, target, _, _ = pictures
    feed(offline, pictures, 5)
    network = Lite0FrechetFeatures()
    expected = frechet_between(network(composite), network(target))
    assert offline.compute()["metrics"]["fd_lite0"] == pytest.approx(expected, rel=1e-4)


def test_batch_size_order_and_repetition_change_nothing(pictures):
    summaries = []
    for batch in (1, 4):
        suite = MetricSuite(backbone="lite0", replicates=30)
        feed(suite, pictures, batch)
        summaries.append(suite.compute())
    composite, target, mask, names = (x[::-1] if isinstance(x, list) else x.flip(0) for x in pictures)
    suite.update(composite, target, mask, names)  # again, and backwards
    assert summaries[0] == summaries[1] == suite.compute()


def test_the_number_of_threads_is_put_back(offline, pictures):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        feed(offline, pictures, 5)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_methods_are_kept_apart_and_share_the_truths(offline, pictures):
    composite, target, mask, names = pictures
    truths = []
    offline.networks.frechet["lite0"].register_forward_hook(lambda *_: truths.append(1))
    for first in (0, 3):
        part = slice(first, first + 3)
        offline.update(composite[part], target[part], mask[part], names[part], "grey")
        offline.update(target[part], target[part], mask[part], names[part], "truth")
    assert len(truths) == 3 * 5  # two methods and one truth for each picture
    assert offline.methods == ["grey", "truth"]
    assert offline.compute("truth")["metrics"]["l1_hole"] == 0.0
    assert offline.compute("grey")["metrics"]["l1_hole"] > 0.1
    with pytest.raises(ValueError, match="grey.*truth.*'telea'"):
        offline.compute("telea")


def test_a_stopped_suite_goes_on_from_its_saved_state(offline, pictures, tmp_path):
    composite, target, mask, names = pictures
    feed(offline, pictures, 5)
    stopped = MetricSuite(backbone="lite0", replicates=30)
    stopped.update(composite[:2], target[:2], mask[:2], names[:2])
    torch.save(stopped.state_dict(), tmp_path / "state.pt")
    resumed = MetricSuite(backbone="lite0", replicates=30)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert resumed.done() == set(names[:2])
    assert resumed.done("other") == set()
    resumed.update(composite[2:], target[2:], mask[2:], names[2:])
    assert resumed.compute() == offline.compute()


def test_real_features_are_cached_by_files_and_size(pictures, tmp_path):
    summaries, runs = [], []
    for file_list_hash in ("abc", "abc", "other"):
        suite = MetricSuite(backbone="lite0", cache_dir=tmp_path, replicates=0)
        suite.use_cache(file_list_hash, 48)
        calls = []
        suite.networks.frechet["lite0"].register_forward_hook(lambda *_, calls=calls: calls.append(1))
        feed(suite, pictures, 5)
        summaries.append(suite.compute())
        runs.append(len(calls))
    assert runs == [10, 5, 10]
    assert summaries[0] == summaries[1] == summaries[2]
    assert {path.name.split("-")[1] for path in tmp_path.iterdir()} == {"abc", "other"}


def test_an_unreadable_cache_is_computed_again(pictures, tmp_path, caplog):
    for _ in range(2):
        suite = MetricSuite(backbone="lite0", cache_dir=tmp_path, replicates=0)
        suite.use_cache("abc", 48)
        feed(suite, pictures, 5)
        suite.compute()
        (file,) = tmp_path.iterdir()
        file.write_bytes(b"half of a fi")
    assert "unreadable" in caplog.text


def test_missing_weights_are_said_and_never_an_error(no_network, pictures, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    MetricSuite(backbone="auto", replicates=0)
    (record,) = caplog.records
    assert record.levelno == logging.INFO and "not measured: FID (and P-IDS, U-IDS), LPIPS" in caplog.text
    assert "`latent-inpaint download inception alexnet`" in caplog.text
    for backbone, level in (("auto", logging.WARNING), ("standard", logging.ERROR)):
        caplog.clear()
        here = {"inception_weights": tmp_path / "none.pth", "lpips_weights": tmp_path / "neither.pth"}
        suite = MetricSuite(backbone=backbone, replicates=0, **here)
        assert [record.levelno for record in caplog.records] == [level, level]
        for record, key in zip(caplog.records, ("metrics.inception_weights=", "metrics.lpips_weights=")):
            assert key in record.getMessage()
            assert "latent-inpaint download" in record.getMessage()
            assert "\n" not in record.getMessage()
        assert suite.missing == [record.getMessage() for record in caplog.records]
    feed(suite, pictures, 5)
    metrics = suite.compute()["metrics"]
    assert [key for key, value in metrics.items() if value is None] == [
        "fid",
        "fid_clean",
        "lpips",
        "p_ids",
        "u_ids",
        *SAMPLE_COLUMNS,  # of one fill a picture
    ]


def test_lite0_asks_for_no_weights(no_network, caplog):
    assert MetricSuite(backbone="lite0").missing == []
    assert caplog.records == []


def test_few_pictures_are_warned_of_once(offline, pictures, caplog):
    feed(offline, pictures, 5, "a")
    feed(offline, pictures, 5, "b")
    offline.compute("a")
    offline.compute("b")
    assert sum("fewer than 2,048" in record.getMessage() for record in caplog.records) == 1


def test_standard_metrics_are_there_with_their_weights(no_network, pictures, inception_file, alexnet_file):
    suite = MetricSuite(
        backbone="standard",
        inception_weights=inception_file,
        inception_sha256=sha256_of(inception_file),
        lpips_weights=alexnet_file,
        lpips_sha256=sha256_of(alexnet_file),
        replicates=0,
    )
    composite, target, mask, names = (x[:3] for x in pictures)
    suite.update(composite, target, mask, names)
    summary = suite.compute()
    assert suite.missing == []
    assert {key for key, value in summary["metrics"].items() if value is None} == set(SAMPLE_COLUMNS)
    assert summary["metrics"]["fid"] > 0
    assert summary["metrics"]["lpips"] > 0
    assert suite.card()["lpips"] == {
        "network": "alex",
        "version": "0.1",
        "weights_sha256": sha256_of(alexnet_file),
    }
    assert suite.card()["fid"]["weights_sha256"] == sha256_of(inception_file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"composite": torch.full((5, 3, 48, 48), float("nan"))}, "composite.*folder/0.png"),
        ({"mask": torch.zeros(5, 3, 48, 48)}, r"mask: expected shape \[5, 1, 48, 48\]"),
        ({"names": ["a"]}, "names: expected 5, got 1"),
    ],
)
def test_bad_batches_are_refused_whole(offline, pictures, change, message):
    arguments = dict(zip(("composite", "target", "mask", "names"), pictures)) | change
    with pytest.raises(ValueError, match=message):
        offline.update(**arguments)
    assert offline.methods == []


@pytest.mark.parametrize("name", ["backbone", "lpips_net"])
def test_unknown_choices_are_named(name):
    with pytest.raises(ValueError, match=rf"metrics\.{name}: expected one of .*'squeeze'"):
        MetricSuite(**{name: "squeeze"})


def test_configs_hold_every_constructor_argument(no_network, tmp_path):
    default = OmegaConf.load(CONF / "default.yaml")
    default.cache_dir = str(tmp_path)
    suite = instantiate(default)
    assert isinstance(suite, MetricSuite)
    arguments = MetricSuite.__init__.__annotations__.keys() - {"return"}
    assert set(default) == arguments | {"_target_"}
    for backbone in ("standard", "lite0"):
        assert OmegaConf.load(CONF / f"{backbone}.yaml").backbone == backbone


def test_threads_change_nothing(pictures):
    results = []
    for threads in (1, 3):
        suite = MetricSuite(backbone="lite0", replicates=0)
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            feed(suite, pictures, 5)
        finally:
            torch.set_num_threads(before)
        results.append(suite.compute())
    assert json.dumps(results[0]) == json.dumps(results[1])
