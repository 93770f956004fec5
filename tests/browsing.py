"""A headless Chromium, for tests of pages as a reader uses them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BINARIES = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not all(BINARIES.values()), reason="chromium and chromedriver are not installed"),
    pytest.mark.filterwarnings("default"),
]


@contextmanager
def chromium() -> Iterator[Any]:
    """A driver, whose console is logged."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = BINARIES["chromium"]
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(BINARIES["chromedriver"]))
    yield driver
    driver.quit()
