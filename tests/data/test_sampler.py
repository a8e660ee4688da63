from itertools import chain, islice

import pytest

from latent_inpaint.data.sampler import EndlessBatches


def flat(lists):
    return list(chain.from_iterable(lists))


def take(batches, count):
    return list(islice(iter(batches), count))


def test_an_epoch_has_every_picture_once():
    keys = flat(take(EndlessBatches(12, 4, seed=0), 6))
    assert sorted(keys[:12]) == [(0, i) for i in range(12)]
    assert sorted(keys[12:]) == [(1, i) for i in range(12)]
    assert [i for _, i in keys[:12]] != [i for _, i in keys[12:]], "another order in each epoch"


def test_batches_may_cross_the_epochs_border():
    keys = flat(take(EndlessBatches(5, 4, seed=0), 5))
    assert [epoch for epoch, _ in keys] == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5


@pytest.mark.parametrize("seen", [0, 4, 6, 100])
def test_it_resumes_at_any_picture(seen):
    whole = flat(take(EndlessBatches(7, 2, seed=3), 80))
    resumed = flat(take(EndlessBatches(7, 2, seed=3, images_seen=lambda: seen), 10))
    assert resumed == whole[seen : seen + 20]


def test_processes_share_each_step_without_overlap():
    alone = take(EndlessBatches(10, 6, seed=1), 5)
    parts = [take(EndlessBatches(10, 2, seed=1, rank=rank, world_size=3), 5) for rank in range(3)]
    assert [flat(step) for step in zip(*parts)] == alone


def test_it_has_no_length_and_depends_on_the_seed():
    with pytest.raises(TypeError):
        len(EndlessBatches(3, 1, seed=0))
    assert take(EndlessBatches(50, 5, seed=0), 3) != take(EndlessBatches(50, 5, seed=1), 3)


def test_nothing_to_sample_is_an_error():
    with pytest.raises(ValueError, match="expected at least 1, got 0, 4"):
        EndlessBatches(0, 4, seed=0)
