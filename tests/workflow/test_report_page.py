"""Snakemake's report of a study as a reader goes through it: in a headless Chromium, from the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browsing
import pytest
from test_workflow import snakemake, workspace

pytest.importorskip("selenium.webdriver", reason="selenium is not installed (the extra 'browser')")
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = browsing.MARKS
FOLDERS, FILES = "nav ul a", "nav tbody tr"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = workspace(tmp_path_factory.mktemp("report"))
    result = snakemake(folder, "--cores", "2", "--report", "results/report.html", "--report-after-run")
    assert result.returncode == 0, result.stderr
    return folder / "results/report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing.chromium() as driver:
        yield driver


def opened(browser: Any, report: Path, *names: str) -> dict[str, list[str]]:
    """What the menu shows after the report has been opened and these folders in turn."""
    browser.get("about:blank")
    browser.get(report.as_uri())
    for name in names:
        named(browser, name).click()
    waited(browser, lambda: shown(browser, FOLDERS) or shown(browser, FILES))
    return {kind: [found.text for found in shown(browser, kind)] for kind in (FOLDERS, FILES)}


def named(browser: Any, name: str) -> Any:
    """The folder of a name, when it is there."""
    return waited(browser, lambda: next((a for a in shown(browser, FOLDERS) if a.text == name), None))


def shown(browser: Any, selector: str) -> list[Any]:
    return [found for found in browser.find_elements(By.CSS_SELECTOR, selector) if found.is_displayed()]


def waited(browser: Any, found: Any) -> Any:
    return WebDriverWait(browser, 20).until(lambda _: found())


def test_every_folder_of_the_report_opens_and_every_file_is_shown(browser: Any, report: Path) -> None:
    """A page whose script fails is white."""
    ends, held = [()], []
    while ends:
        path = ends.pop()
        menu = opened(browser, report, *path)
        if files := menu[FILES]:
            held += [(*path, text) for text in files]
            for number in range(len(files)):
                shown(browser, FILES)[number].find_element(By.CSS_SELECTOR, "a").click()
                assert shown(browser, FILES), (path, files[number])
        else:
            ends += [(*path, name) for name in menu[FOLDERS] if name not in ("Workflow", "Statistics", "About")]
    assert {path[0] for path in held} >= {"7. Do seeds agree?", "Data", "Provenance"}
    assert ("7. Do seeds agree?", "Other", "statistic components") in held and len(held) > 30
    errors = [line["message"] for line in browser.get_log("browser") if line["level"] == "SEVERE"]
    assert errors == []
