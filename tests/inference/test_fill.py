import numpy as np
import pytest
import torch

import latent_inpaint
from latent_inpaint.inference import seam
from latent_inpaint.inference.canvas import Box, Canvas
from latent_inpaint.inference.fill import FillOptions, ReducedSizeWarning, fill
from latent_inpaint.inference.memory import Budget, available_bytes, budget_for, parse_bytes


@pytest.fixture
def image(rng):
    smooth = np.linspace(0, 255, 700)[:, None, None] * np.ones((1, 900, 3))
    return (smooth * rng.uniform(0.9, 1, smooth.shape)).astype(np.uint8)


@pytest.fixture
def hole():
    hole = np.zeros((700, 900), bool)
    hole[300:340, 420:480] = hole[20:50, 830:880] = True
    return hole


def test_regions_of_interest_look_at_their_crop_only(network, image, hole):
    result = latent_inpaint.inpaint(image, hole, network, context=32)
    far_away = image.copy()
    far_away[600:] = 0
    np.testing.assert_array_equal(
        latent_inpaint.inpaint(far_away, hole, network, context=32)[hole], result[hole]
    )
    whole = latent_inpaint.inpaint(image, hole, network, region_of_interest=False)
    assert (whole[hole] != result[hole]).any()
    np.testing.assert_array_equal(result[~hole], image[~hole])


def test_every_region_is_reported(network, image, hole):
    seen = []
    latent_inpaint.inpaint(image, hole, network, progress=lambda *step: seen.append(step))
    assert seen == [("regions", 1, 2), ("regions", 2, 2)]


def test_the_progress_bar_goes_to_stderr(network, image, hole, capsys):
    latent_inpaint.inpaint(image, hole, network, progress=True)
    captured = capsys.readouterr()
    assert "2/2" in captured.err and not captured.out


def test_feathering_bends_the_prediction_towards_known_pixels_inside_the_hole_only(network, image, hole):
    sharp = latent_inpaint.inpaint(image, hole, network, feather=0).astype(int)
    soft = latent_inpaint.inpaint(image, hole, network, feather=10).astype(int)
    just_inside, just_outside = (slice(300, 301), slice(430, 470)), (slice(299, 300), slice(430, 470))
    step = {
        name: np.abs(x[just_inside] - x[just_outside]).mean()
        for name, x in {"sharp": sharp, "soft": soft}.items()
    }
    assert step["soft"] < 0.5 * step["sharp"]
    middle = (slice(315, 325), slice(440, 460))
    np.testing.assert_array_equal(soft[middle], sharp[middle])
    np.testing.assert_array_equal(soft[~hole], image[~hole])


class OneShade:
    """Predicts the same grey everywhere."""

    multiple = False

    def __call__(self, image, mask):
        return torch.full_like(image, 0.6)


@pytest.mark.parametrize("whole", [True, False])
def test_a_membrane_gives_a_fill_the_shade_around_it(image, hole, whole):
    options = {"region_of_interest": not whole, "membrane": True}
    result = latent_inpaint.inpaint(np.full_like(image, 40), hole, OneShade(), **options)
    assert (result == 40).all()
    bent = latent_inpaint.inpaint(image, hole, OneShade(), **options)
    np.testing.assert_array_equal(bent[~hole], image[~hole])
    assert np.abs(bent[hole].astype(int) - image[hole]).mean() < 12  # 60 without


def test_pasted_crops_have_a_membrane_unless_something_else_is_asked_for(image, hole):
    def fill(**options):
        return latent_inpaint.inpaint(image, hole, OneShade(), **options)

    np.testing.assert_array_equal(fill(), fill(membrane=True))
    assert (fill(feather=0)[hole] == 153).all() and (fill(membrane=False)[320, 450] == 153).all()
    assert (fill(region_of_interest=False)[hole] == 153).all()
    assert Budget(200_000 * 250).holds_joined(Box(0, 0, 400, 500))
    assert not Budget(200_000 * 249).holds_joined(Box(0, 0, 400, 500))
    with pytest.raises(ValueError, match="membrane: it takes the feather's place, give one; got feather=4"):
        fill(membrane=True, feather=4)


@pytest.mark.filterwarnings("error::latent_inpaint.inference.fill.ReducedSizeWarning")
def test_a_membrane_is_one_for_all_windows(network, image, hole):
    image, hole = image[250:400, 350:550], hole[250:400, 350:550]
    options = {"region_of_interest": False, "membrane": True, "refine": False}
    whole = latent_inpaint.inpaint(image, hole, network, **options).astype(int)
    plain = latent_inpaint.inpaint(image, hole, network, region_of_interest=False, feather=0).astype(int)
    windows = latent_inpaint.inpaint(image, hole, network, memory_budget="1MB", **options).astype(int)
    assert np.abs(windows - whole).max() <= 3 < np.abs(plain - whole)[hole].max()


def test_a_network_in_training_mode_is_used_in_eval_mode_and_left_as_it_was(network, image, hole):
    expected = latent_inpaint.inpaint(image, hole, network)
    network.train()
    network.encoder.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    try:
        np.testing.assert_array_equal(latent_inpaint.inpaint(image, hole, network), expected)
        assert network.training and not network.encoder.training
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    finally:
        network.eval()


def test_a_small_budget_fills_at_a_reduced_size_and_refines_upwards(network, image, hole):
    image, hole = image[250:400, 350:550], hole[250:400, 350:550]
    stages = set()
    with pytest.warns(ReducedSizeWarning, match="200×150 pixels is filled at 1/4 of its size"):
        result = latent_inpaint.inpaint(
            image,
            hole,
            network,
            region_of_interest=False,
            memory_budget="60kB",
            progress=lambda stage, done, total: stages.add((stage, total)),
        )
    assert stages == {("scale 1/2", 15), ("scale 1/1", 15), ("regions", 1)}
    np.testing.assert_array_equal(result[~hole], image[~hole])
    assert (result[hole] != image[hole]).any()


@pytest.mark.filterwarnings("ignore::latent_inpaint.inference.fill.ReducedSizeWarning")
def test_without_refinement_the_small_result_is_enlarged(network, image, hole):
    options = {"region_of_interest": False, "memory_budget": "1MiB", "feather": 0}
    result = latent_inpaint.inpaint(image, hole, network, refine=False, **options)
    inside = result[302:338, 422:478].astype(float)
    assert np.abs(np.diff(inside, axis=1)).max() < 12, "an enlargement is smooth"
    np.testing.assert_array_equal(result[~hole], image[~hole])


@pytest.mark.filterwarnings("ignore::latent_inpaint.inference.fill.ReducedSizeWarning")
@pytest.mark.parametrize("shape", [(90, 1), (1, 90), (90, 60)])
@pytest.mark.parametrize("budget", [1, "1kB"])
def test_no_budget_is_too_small(network, rng, shape, budget):
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    hole = np.zeros(shape, bool)
    hole[: shape[0] // 2 + 1] = True
    result = latent_inpaint.inpaint(image, hole, network, memory_budget=budget, refine=False)
    np.testing.assert_array_equal(result[~hole], image[~hole])


@pytest.mark.parametrize(
    ("message", "budget", "advice"),
    [
        ("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory", "2GB", "500MB"),
        ("could not create a primitive", "2GB", "500MB"),
        ("could not create a primitive", "300MB", "150MB"),
    ],
)
def test_running_out_of_memory_says_what_to_try(network, image, hole, monkeypatch, message, budget, advice):
    def fail(*args):
        raise RuntimeError(message)

    monkeypatch.setattr(network, "refine", fail)
    with pytest.raises(MemoryError, match=f"crop of 900×700 pixels; try memory_budget='{advice}'"):
        latent_inpaint.inpaint(image, hole, network, region_of_interest=False, memory_budget=budget)


@pytest.mark.parametrize("name", ["context", "feather"])
def test_negative_numbers_of_pixels_are_refused(network, image, hole, name):
    with pytest.raises(ValueError, match=f"{name} must be at least 0 pixels, got -3"):
        latent_inpaint.inpaint(image, hole, network, **{name: -3})


def test_a_seam_is_no_wider_than_its_crop(network, image, hole, monkeypatch):
    radii, blur = [], seam._gaussian_blur
    monkeypatch.setattr(seam, "_gaussian_blur", lambda x, radius: radii.append(radius) or blur(x, radius))
    latent_inpaint.inpaint(image[280:370, 420:480], hole[280:370, 420:480], network, feather=100_000)
    assert radii == [90]


def test_other_errors_pass_as_they_are(network, image, hole, monkeypatch):
    def fail(*args):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(network, "refine", fail)
    with pytest.raises(RuntimeError, match="shapes differ"):
        latent_inpaint.inpaint(image, hole, network)


@pytest.mark.parametrize(
    ("text", "expected"), [("1.5GiB", 1.5 * 2**30), ("800 MB", 8e8), (123, 123), ("2g", 2**31), (1e6, 1e6)]
)
def test_sizes_of_memory(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["much", "5 apples", "-3GB", "0", "1.2.3MB", ""])
def test_what_is_no_size_of_memory(text):
    with pytest.raises(ValueError, match="memory_budget must be a size"):
        parse_bytes(text)


def test_without_a_budget_most_of_the_free_memory_is_used():
    device = torch.device("cpu")
    assert 0 < budget_for(device, None).n_bytes <= available_bytes(device)
    assert budget_for(device, "1GiB") == Budget(2**30)


def test_without_composite_the_networks_picture_is_taken_as_it_is(network, image, hole):
    """Windows or not: what it says of known pixels, too."""
    whole = network(Canvas(image).read(Canvas(image).whole) * 1.0, torch.from_numpy(hole)[None, None].float())
    for budget in (Budget(), Budget(2**25)):
        canvas = Canvas(image)
        fill(canvas, hole, network, FillOptions(composite=False, budget=budget))
        expected = whole[0].permute(1, 2, 0).detach().numpy() * 255
        assert np.abs(canvas.result - expected).max() <= 2
        assert (canvas.result[~hole] != image[~hole]).any()


def test_without_composite_there_is_no_seam_to_mend(network, image, hole):
    for option in ({"membrane": True}, {"feather": 4}, {"refine": True}):
        with pytest.raises(ValueError, match="composite: without it there is no seam"):
            FillOptions(composite=False, **option)
    with pytest.raises(ValueError, match="composite: without it the whole picture has to fit"):
        fill(Canvas(image), hole, network, FillOptions(composite=False, budget=Budget(2**10)))
