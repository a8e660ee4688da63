import pytest

from latent_inpaint.markdown import markdown_table


def test_a_table_aligns_numbers_and_escapes_bars():
    table = markdown_table(["a", "b", "c|d"], [["1", "x|y", "3"]], numbers={2})
    assert table == "| a | b | c\\|d |\n|---|---|---:|\n| 1 | x\\|y | 3 |\n"


def test_without_rows_there_is_a_header():
    assert markdown_table(["a", "b"], []) == "| a | b |\n|---|---:|\n"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match=r"rows: expected 2 cells, got 1: \['x'\]"):
        markdown_table(["a", "b"], [["1", "2"], ["x"]])
