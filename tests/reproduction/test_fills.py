"""The sheet of everyday repairs."""

import numpy as np

from reproduction.fills import PAINT, REPAIRS, repairs


def test_repairs_change_what_is_painted_alone():
    columns = repairs(["telea"], list(REPAIRS))
    assert list(columns) == ["hole", "telea", "before"]
    assert all(column.shape == (len(REPAIRS), 256, 256, 3) for column in columns.values())
    painted = (columns["hole"] == PAINT).all(axis=3)
    assert painted.any(axis=(1, 2)).all()
    assert np.array_equal(columns["telea"][~painted], columns["before"][~painted])
    assert (columns["telea"][painted] != PAINT).any(axis=1).mean() > 0.95
