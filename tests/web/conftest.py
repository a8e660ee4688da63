import pytest
from webdriver import opened_browser


@pytest.fixture
def browser(tmp_path):
    with opened_browser(tmp_path) as opened:
        yield opened
