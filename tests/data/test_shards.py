import json
import logging
import tarfile
from itertools import chain, islice

import pytest
import torch

from latent_inpaint.data.listing import list_pictures
from latent_inpaint.data.masks import preset
from latent_inpaint.data.shard_index import find_shards, shards_hash
from latent_inpaint.data.shard_writer import write_shards
from latent_inpaint.data.transforms import CropFlip
from latent_inpaint.data.webdataset_module import ShardDataModule, batches_per_epoch

SIZE = 32


@pytest.fixture
def shards(tree, tmp_path):
    """Twelve pictures in four shards."""
    write_shards(list_pictures(tree), tmp_path / "shards", pictures_per_shard=3)
    return tmp_path / "shards"


def module(shards, **changes) -> ShardDataModule:
    options = {
        "shards": str(shards),
        "val_shards": str(shards),
        "train_transform": CropFlip(SIZE),
        "train_masks": preset("train", SIZE),
        "val_masks": preset("thick", SIZE),
        "size": SIZE,
        "batch_size": 4,
        "num_workers": 0,
        "shuffle_buffer": 5,
    }
    return ShardDataModule(**{**options, **changes})


def take(data, count):
    return list(islice(iter(data.train_dataloader()), count))


def names_of(batches):
    return list(chain.from_iterable(batch.name for batch in batches))


def test_shards_hold_the_files_byte_for_byte_in_another_order(tree, shards):
    stored, order = {}, []
    for path in sorted(shards.glob("*.tar")):
        with tarfile.open(path) as tar:
            members = {member.name: tar.extractfile(member).read() for member in tar}
        for name in (name for name in members if not name.endswith("json")):
            original = json.loads(members[name.split(".")[0] + ".json"])["name"]
            stored[original] = members[name]
            order.append(original)
    assert stored == {name: (tree / name).read_bytes() for name in list_pictures(tree).names}
    assert order != sorted(order)


def test_index_counts_and_checksums(shards):
    found = find_shards(str(shards))
    assert [shard.pictures for shard in found] == [3, 3, 3, 3]
    assert [shard.first for shard in found] == [0, 3, 6, 9]
    (shards / "index.json").unlink()
    counted = find_shards(str(shards))
    assert [shard.pictures for shard in counted] == [3, 3, 3, 3]
    assert shards_hash(counted) != shards_hash(found)


@pytest.mark.parametrize("pattern", ["", "/*.tar", "/shard-{000000..000003}.tar"])
def test_folder_star_and_braces(shards, pattern):
    assert len(find_shards(str(shards) + pattern)) == 4


def test_unreadable_pictures_are_left_out_and_named(tree, tmp_path, make_truncated, caplog):
    make_truncated(tree / "class_1" / "0000.jpg")
    with caplog.at_level(logging.WARNING):
        written = write_shards(list_pictures(tree), tmp_path / "out", pictures_per_shard=5)
    assert (written.shards, written.pictures, written.skipped) == (3, 11, ("class_1/0000.jpg",))
    assert "class_1/0000.jpg" in caplog.text
    assert [shard.pictures for shard in find_shards(str(tmp_path / "out"))] == [5, 5, 1]


@pytest.mark.parametrize("workers", [0, 2])
def test_every_epoch_has_every_picture_once(tree, shards, workers):
    names = names_of(take(module(shards, num_workers=workers), 6))
    everything = sorted(list_pictures(tree).names)
    assert sorted(names[:12]) == everything == sorted(names[12:])
    assert names[:12] != names[12:]


def test_workers_and_processes_do_not_overlap(shards, monkeypatch):
    names = []
    for rank in range(2):
        monkeypatch.setattr("latent_inpaint.data.webdataset_module.process", lambda rank=rank: (rank, 2))
        names.append(names_of(take(module(shards, batch_size=3, num_workers=2), 2)))
    assert len(set(names[0]) | set(names[1])) == 12 and not set(names[0]) & set(names[1])


@pytest.mark.parametrize("workers", [0, 2])
def test_it_resumes_at_an_epochs_border(shards, workers):
    whole = take(module(shards, num_workers=workers), 9)
    resumed = module(shards, num_workers=workers)
    resumed.load_state_dict({"images_seen": 24})
    for one, other in zip(take(resumed, 3), whole[6:]):
        assert one.name == other.name
        assert torch.equal(one.image, other.image) and torch.equal(one.mask, other.mask)


def test_resuming_within_an_epoch_starts_it_again_and_says_so(shards, caplog):
    resumed = module(shards)
    resumed.load_state_dict({"images_seen": 20})
    with caplog.at_level(logging.WARNING):
        batches = take(resumed, 3)
    assert "start of epoch 1: 8 pictures of it are seen again" in caplog.text
    assert names_of(batches) == names_of(take(module(shards), 6)[3:])


def test_a_sample_does_not_depend_on_workers(shards):
    samples = []
    for workers in (0, 2):
        batches = take(module(shards, num_workers=workers), 3)
        samples.append({n: (i, m) for b in batches for n, i, m in zip(b.name, b.image, b.mask)})
    for name, (image, mask) in samples[0].items():
        assert torch.equal(image, samples[1][name][0]) and torch.equal(mask, samples[1][name][1])


def test_batches_are_full_whatever_the_shards_hold(tree, tmp_path):
    write_shards(list_pictures(tree), tmp_path / "s", pictures_per_shard=5)
    batches = take(module(tmp_path / "s", num_workers=2, batch_size=4), 9)
    assert all(len(batch.name) == 4 == len(batch.image) for batch in batches)
    assert len(set(names_of(batches[:3]))) == 12


@pytest.mark.parametrize("workers", [0, 2])
def test_validation_is_complete_ordered_and_sized(tree, shards, workers):
    data = module(shards, num_workers=workers, batch_size=5)
    loader = data.val_dataloader()
    first, again = list(loader), list(loader)
    assert len(first) == len(loader) == 3
    assert names_of(first) == names_of(again) and sorted(names_of(first)) == list(list_pictures(tree).names)
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(first, again))
    short = module(shards, num_workers=workers, subset=7, batch_size=5)
    assert names_of(short.val_dataloader()) == names_of(first)[:7] and len(short.val_dataloader()) == 2
    assert short.val_file_list_hash() != data.val_file_list_hash()
    assert short.summary()["val_pictures"] == 7 and module(shards, subset=99).summary()["val_pictures"] == 12


def test_processes_divide_validation(shards, monkeypatch):
    names = []
    for rank in range(2):
        monkeypatch.setattr("latent_inpaint.data.webdataset_module.process", lambda rank=rank: (rank, 2))
        names += names_of(module(shards).val_dataloader())
    assert len(names) == 12 == len(set(names))


def test_fingerprint_follows_shards_and_settings(tree, shards, tmp_path):
    before = module(shards).fingerprint()
    assert module(f"{shards}/*.tar").fingerprint() == before == module(shards, num_workers=3).fingerprint()
    assert module(shards, seed=1).fingerprint() != before
    write_shards(list_pictures(tree), tmp_path / "other", pictures_per_shard=3, seed=1)
    assert module(tmp_path / "other").fingerprint() != before


def test_a_damaged_picture_is_skipped_named_and_counted(tree, tmp_path, make_truncated, caplog):
    make_truncated(tree / "class_0" / "0000.jpg")
    write_shards(list_pictures(tree), tmp_path / "s", pictures_per_shard=4, verify=False)
    data = module(tmp_path / "s")
    with caplog.at_level(logging.WARNING):
        names = names_of(take(data, 6))
        assert len(names_of(data.val_dataloader())) == 11
    assert "class_0/0000.jpg" not in names and "skipped: class_0/0000.jpg" in caplog.text
    assert len(data.summary()["train_unreadable"]) == len(data.summary()["val_unreadable"]) == 1
    assert "shard-00000" in data.summary()["train_unreadable"][0]


def test_a_truncated_shard_gives_what_it_has(shards, caplog):
    path = shards / "shard-000001.tar"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with caplog.at_level(logging.WARNING):
        names = names_of(islice(iter(module(shards, batch_size=2).train_dataloader()), 4))
    assert len(set(names)) == 8 and "skipped a part of a shard" in caplog.text


def test_nothing_readable_is_an_error(tree, tmp_path, make_truncated):
    for name in list_pictures(tree).names:
        path = tree / name
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="none of the 12 pictures"):
        write_shards(list_pictures(tree), tmp_path / "a")
    write_shards(list_pictures(tree), tmp_path / "b", verify=False)
    with pytest.raises(RuntimeError, match="no full batch of readable pictures"):
        take(module(tmp_path / "b"), 1)
    with pytest.raises(RuntimeError, match="none of the 12 pictures in .* can be read"):
        list(module(tmp_path / "b").val_dataloader())


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("none", FileNotFoundError, "no shards|does not exist"),
        (
            "shards/shard-{000000..000009}.tar",
            FileNotFoundError,
            r"shard-000004\.tar does not exist \(6 of 10\)",
        ),
        ("empty", FileNotFoundError, "no shards"),
    ],
)
def test_missing_shards(tmp_path, shards, source, error, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(error, match=message):
        find_shards(str(tmp_path / source))


@pytest.mark.parametrize("content", ["", "{}", '{"shards": [{"name": 3}]}', '{"shards": []}'])
def test_damaged_index(shards, content):
    (shards / "index.json").write_text(content)
    with pytest.raises(ValueError, match=r"data\.shards: .*index\.json"):
        find_shards(str(shards))


def test_an_index_that_counts_too_few_is_noticed(shards):
    text = (shards / "index.json").read_text().replace('"pictures": 3', '"pictures": 2')
    (shards / "index.json").write_text(text)
    with pytest.raises(RuntimeError, match="holds more than the 2 pictures of its index"):
        take(module(shards), 2)


def test_existing_shards_are_not_overwritten(tree, shards):
    with pytest.raises(ValueError, match="output: expected a folder without shards"):
        write_shards(list_pictures(tree), shards)


def test_what_cannot_be_divided_is_an_error(shards):
    found = find_shards(str(shards))
    assert batches_per_epoch(found, 4) == 3 and batches_per_epoch(found, 4, world_size=2) == 1
    with pytest.raises(ValueError, match="one for each of 5 processes, got 4"):
        batches_per_epoch(found, 1, world_size=5)
    with pytest.raises(ValueError, match=r"data\.batch_size: 13 is more than the 12 pictures"):
        batches_per_epoch(found, 13)
    with pytest.raises(ValueError, match="num_workers, shuffle_buffer"):
        module(shards, num_workers=-1)
    with pytest.raises(ValueError, match="subset: expected at least 1"):
        module(shards, subset=0)


def test_shards_on_both_sides_are_refused_in_training_alone(shards):
    with pytest.raises(ValueError, match="shards, val_shards: 4 are in both, such as"):
        module(shards).setup()
    module(shards).setup("test")
