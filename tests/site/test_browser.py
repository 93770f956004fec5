"""The pages as a reader uses them: in a headless Chromium, from the disk."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browsing
import numpy as np
import pytest
import tiny_study

from vaebench.report.results import Results
from vaebench.report.site.build import build

pytest.importorskip("selenium.webdriver", reason="selenium is not installed (the extra 'browser')")
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

pytestmark = browsing.MARKS
WIDE, NARROW = (1280, 900), (375, 740)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("pages")
    build(Results(tiny_study.results(tmp_path_factory.mktemp("tiny"))), place)
    return place


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with browsing.chromium() as driver:
        yield driver


@pytest.fixture
def visit(browser: Any, site: Path) -> Iterator[Callable[..., Any]]:
    """Open a page and wait until it shows something; whatever it says in the console fails the test."""

    def opened(page: str, shown: str, size: tuple[int, int] = WIDE) -> Any:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get("about:blank")
        browser.get(f"{site.as_uri()}/{page}")
        WebDriverWait(browser, 20).until(lambda driver: driver.find_elements(By.CSS_SELECTOR, shown))
        return browser

    yield opened
    assert [line["message"] for line in browser.get_log("browser")] == []


def texts(browser: Any, selector: str) -> list[str]:
    return [found.text for found in browser.find_elements(By.CSS_SELECTOR, selector)]


def column(browser: Any, key: str) -> list[str]:
    """The texts of a column in the body without controls."""
    script = """const heads = [...document.querySelectorAll("#runs thead th")];
      const place = heads.findIndex(head => head.dataset.column === arguments[0]);
      const rows = [...document.querySelectorAll("#runs tbody:not(.controls) tr")];
      return rows.map(row => row.cells[place].textContent);"""
    return browser.execute_script(script, key)


def means(column: list[str]) -> list[float]:
    return [float(text.split(" ")[0]) if text != "—" else math.nan for text in column]


def settle(browser: Any, truth: Callable[[Any], Any]) -> None:
    WebDriverWait(browser, 10).until(truth)


def test_the_answer_stands_first(visit: Callable[..., Any], site: Path) -> None:
    browser = visit("index.html", "#answer b")
    study = json.loads(re.fullmatch(r'receive\("study",(.*)\);\n', (site / "data/study.js").read_text(), re.DOTALL)[1])
    flavours = [study["flavours"][one["flavour"]]["name"] for one in study["answer"]]
    assert texts(browser, "#answer td b") == flavours
    assert texts(browser, "nav a[aria-current]") == ["The answer"]
    assert "Not verified" in browser.find_element(By.ID, "verification").text  # a study without a chain
    assert "310 images of 8x8 pixels" in browser.find_element(By.ID, "cards").text


def test_links_lead_to_all_pages(visit: Callable[..., Any]) -> None:
    browser = visit("index.html", "nav a")
    links = [link.get_attribute("href") for link in browser.find_elements(By.CSS_SELECTOR, "nav a")]
    heads = []
    for link in links:
        browser.get(link)
        heads.append(browser.find_element(By.TAG_NAME, "h1").text)
    assert heads == ["The answer", "All runs", "Metric against metric", "Samples and reconstructions", "Latent space"]


def test_a_table_sorts_by_the_keyboard_and_keeps_its_order(visit: Callable[..., Any]) -> None:
    browser = visit("runs.html", "#runs tbody tr")
    before, names = means(column(browser, "mse")), column(browser, "Flavour")
    head = browser.find_element(By.CSS_SELECTOR, "th[data-column=mse] button")
    head.send_keys(Keys.ENTER)  # less is better
    known = sorted(value for value in before if not math.isnan(value))
    assert means(column(browser, "mse")) == known
    assert browser.find_element(By.CSS_SELECTOR, "th[data-column=mse]").get_attribute("aria-sort") == "ascending"
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert means(column(browser, "mse")) == known[::-1]
    browser.refresh()  # the address holds the order
    settle(browser, lambda driver: driver.find_elements(By.CSS_SELECTOR, "#runs tbody tr"))
    assert means(column(browser, "mse")) == known[::-1]
    browser.find_element(By.CSS_SELECTOR, "th[data-column=mse] button").send_keys(Keys.ENTER)
    assert column(browser, "Flavour") == names
    browser.find_element(By.CSS_SELECTOR, "th[data-column=nll] button").send_keys(Keys.ENTER)
    last = column(browser, "nll")[-1]
    assert last == "—"  # what has no value comes last
    reason = browser.find_elements(By.CSS_SELECTOR, "#runs td.missing")[0].get_attribute("title")
    assert reason


def test_a_table_is_filtered(visit: Callable[..., Any]) -> None:
    browser = visit("runs.html", "#runs tbody tr")
    assert browser.find_element(By.ID, "count").text == "12 of 12 cells"
    search = browser.find_element(By.CSS_SELECTOR, "input[type=search]")
    search.send_keys("curved")  # a family
    assert {*column(browser, "Flavour")} == {" SVAE"} and browser.find_element(By.ID, "count").text == "2 of 12 cells"
    search.clear()
    search.send_keys("nothing is called so")
    assert column(browser, "Flavour") == []
    search.clear()
    search.send_keys(Keys.SPACE)
    for label, text, left in (("Latent size", "3", 6), ("Family", "Gaussian posterior and prior", 2)):
        Select(browser.find_element(By.NAME, label)).select_by_visible_text(text)
        assert browser.find_element(By.ID, "count").text == f"{left} of 12 cells"
    Select(browser.find_element(By.NAME, "Rows")).select_by_index(1)
    assert browser.find_element(By.ID, "count").text == "6 of 36 runs"
    assert column(browser, "Seed") == ["0", "1", "2"] * 2


def test_columns_are_chosen(visit: Callable[..., Any]) -> None:
    browser = visit("runs.html", "#runs tbody tr")
    browser.find_element(By.CSS_SELECTOR, "#columns summary").send_keys(Keys.ENTER)
    browser.find_element(By.CSS_SELECTOR, "#columns input[value=ssim]").send_keys(Keys.SPACE)
    assert all(re.fullmatch(r"-?[\d.]+( ± [\d.]+)?", text) for text in column(browser, "ssim"))
    assert "columns=" in browser.current_url


def test_points_tell_their_values_to_pointer_and_keyboard(visit: Callable[..., Any]) -> None:
    browser = visit("compare.html", "svg .point")
    points = browser.find_elements(By.CSS_SELECTOR, "svg .point")
    assert {point.get_attribute("data-flavour") for point in points} >= {"vae", "svae"}
    ActionChains(browser).move_to_element(points[0]).perform()
    told = browser.find_element(By.ID, "told").text
    assert told == points[0].get_attribute("aria-label") and "NLL (nats)" in told and "3 seeds" in told and "±" in told
    browser.execute_script("arguments[0].focus()", points[1])
    assert browser.find_element(By.ID, "told").text == points[1].get_attribute("aria-label") != told
    lacking = browser.find_element(By.ID, "missing").text
    assert "AE: its encoder is deterministic" in lacking


def test_a_plot_is_of_the_metrics_that_are_chosen(visit: Callable[..., Any], site: Path) -> None:
    browser = visit("compare.html#x=mse&y=ssim&latent=3&frame=all&controls=true", "svg .point")
    cells = json.loads(re.fullmatch(r'receive\("cells",(.*)\);\n', (site / "data/cells.js").read_text(), re.DOTALL)[1])
    place = {cell[2]: i for i, cell in enumerate(cells["places"]) if cell[3] == 3}
    found = browser.execute_script(
        """return [...document.querySelectorAll("svg .point")].map(point => {
          const [, x, y] = point.querySelector("g").getAttribute("transform").match(/translate\\((\\S+) (\\S+)\\)/);
          return [point.dataset.flavour, Number(x), Number(y)]; })"""
    )
    assert {name for name, *_ in found} == set(tiny_study.STUDY["flavours"])
    for axis, metric, sign in ((1, "mse", 1), (2, "ssim", -1)):
        shown = np.array([point[axis] for point in found])
        values = np.array([cells["values"][metric][place[point[0]]][0] for point in found])
        slope, offset = np.polyfit(values, shown, 1)
        assert slope * sign > 0
        np.testing.assert_allclose(shown, slope * values + offset, atol=0.01)
    button = browser.find_element(By.CSS_SELECTOR, "#families button[data-family=curved]")
    button.send_keys(Keys.ENTER)
    bright = browser.find_elements(By.CSS_SELECTOR, "svg .point:not(.faded)")
    assert [point.get_attribute("data-flavour") for point in bright] == ["svae"]


def test_sheets_show_strips_of_what_is_chosen(visit: Callable[..., Any]) -> None:
    browser = visit("sheets.html", "#sheet img")
    assert len(browser.find_elements(By.CSS_SELECTOR, "#sheet img")) == 1 + 6
    wide = browser.execute_script(
        "const image = document.querySelector('#sheet img'); return [image.naturalWidth, image.naturalHeight]"
    )
    assert wide == [4 * 8, 8]
    Select(browser.find_element(By.NAME, "Show")).select_by_visible_text("samples: prior")
    settle(browser, lambda driver: "none of AE" in driver.find_element(By.ID, "told").text)
    Select(browser.find_element(By.NAME, "Block")).select_by_index(1)
    settle(browser, lambda driver: "z3" in driver.current_url)


def test_the_map_follows_pointer_and_keyboard(visit: Callable[..., Any]) -> None:
    browser = visit("explorer.html#flavour=ae", "#explorer:not([hidden]) #plane")
    plane, told = browser.find_element(By.ID, "plane"), browser.find_element(By.ID, "told")
    first = told.text
    assert "direction 1 0.00, direction 2 0.00" in first and "log magnification" in first
    plane.send_keys(Keys.ARROW_RIGHT)
    assert "direction 1 0.15, direction 2 0.00" in told.text  # 7 / 46 a step
    ActionChains(browser).move_to_element_with_offset(plane, 100, -100).perform()
    assert re.search(r"direction 1 1\.\d+, direction 2 1\.\d+", told.text)
    image = "const canvas = document.getElementById('image'); return [canvas.width, canvas.height]"
    assert browser.execute_script(image) == [8 * 14, 8 * 14]


def test_a_shortest_path_is_found(visit: Callable[..., Any]) -> None:
    """Its length is that of scipy's Dijkstra on the same graph, and in a flat metric that of the line."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    browser = visit("explorer.html#flavour=ae", "#explorer:not([hidden]) #plane")
    plane = browser.find_element(By.ID, "plane")
    for keys in (Keys.ARROW_LEFT * 12, Keys.ENTER, Keys.ARROW_RIGHT * 20 + Keys.ARROW_UP * 9, Keys.ENTER):
        plane.send_keys(keys)
    assert "Length of the straight line" in browser.find_element(By.ID, "length").text
    assert len(browser.find_elements(By.CSS_SELECTOR, "#strips canvas")) == 2
    nodes, metric, dx = browser.execute_script("return [map.nodes, Array.from(map.metric), map.dx]")
    found = browser.execute_script("return shortest(23 * 47 + 11, 32 * 47 + 31).length")
    xx, xy, yy = np.reshape(metric, (3, nodes, nodes))
    rows, columns, lengths = [], [], []
    for a in range(-2, 3):
        for b in range(-2, 3):
            if abs(a) + abs(b) not in (1, 3) and (abs(a), abs(b)) != (1, 1):
                continue
            i, j = np.divmod(np.arange(nodes**2), nodes)
            inside = (i + b >= 0) & (i + b < nodes) & (j + a >= 0) & (j + a < nodes)
            i, j = i[inside], j[inside]
            size = [np.sqrt(xx[k] * a * a + 2 * xy[k] * a * b + yy[k] * b * b) * dx for k in ((i, j), (i + b, j + a))]
            rows.append(i * nodes + j)
            columns.append((i + b) * nodes + j + a)
            lengths.append(0.5 * (size[0] + size[1]))
    edges = coo_array((np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))), shape=(nodes**2,) * 2)
    assert found == pytest.approx(dijkstra(edges.tocsr(), indices=23 * 47 + 11)[32 * 47 + 31], rel=1e-9)
    flat = """map.metric.fill(0); map.metric.fill(1, 0, 2209); map.metric.fill(1, 2 * 2209);
      const ratio = (x, y) => shortest(0, 47 * y + x).length / (Math.hypot(x, y) * map.dx);
      return [ratio(40, 0), ratio(20, 40), ratio(9, 40), straight([3, 4], [33, 44]).length / (50 * map.dx)];"""
    exact, knight, worst, line = browser.execute_script(flat)
    assert (exact, knight, line) == pytest.approx((1, 1, 1), rel=1e-9) and 1 < worst < 1.0275
    plane.send_keys(Keys.ESCAPE)
    assert browser.find_element(By.ID, "length").text == ""


def test_what_has_no_map_says_why(visit: Callable[..., Any]) -> None:
    browser = visit("explorer.html#flavour=vq_vae", "#reason")
    settle(
        browser,
        lambda driver: driver.find_element(By.ID, "reason").text == "VQ-VAE has no map: its latents are discrete.",
    )
    assert not browser.find_element(By.ID, "explorer").is_displayed()


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("index.html", "#answer b"),
        ("runs.html", "#runs tbody tr"),
        ("compare.html", "svg .point"),
        ("sheets.html", "#sheet img"),
        ("explorer.html#flavour=ae", "#explorer:not([hidden])"),
    ],
)
def test_a_narrow_screen_shows_all_without_scrolling_sideways(visit: Callable[..., Any], page: str, shown: str) -> None:
    browser = visit(page, shown, NARROW)
    widths = browser.execute_script(
        """const shown = [...document.querySelectorAll("select, input, button, canvas, svg, img")]
            .filter(one => one.checkVisibility() && !one.closest(".wide"));
          return [document.documentElement.scrollWidth, ...shown.map(one => one.getBoundingClientRect().right)];"""
    )
    assert max(widths) <= NARROW[0]


@pytest.mark.parametrize("page", ["index", "runs", "compare", "sheets", "explorer"])
def test_every_control_is_reached_by_tab_and_named(visit: Callable[..., Any], page: str) -> None:
    browser = visit(f"{page}.html", "main")
    settle(browser, lambda driver: page == "index" or driver.find_elements(By.CSS_SELECTOR, "#choices select"))
    wanted = browser.execute_script(
        """return [...document.querySelectorAll("a, button, select, input, summary, [tabindex='0']")]
          .filter(one => one.checkVisibility()).length;"""
    )
    seen: list[Any] = []
    for _ in range(wanted + 5):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        focused = browser.switch_to.active_element
        if focused.tag_name == "body" or focused in seen:
            break
        seen.append(focused)
        name = browser.execute_script(
            "const one = arguments[0]; return one.ariaLabel || one.labels?.[0]?.textContent || one.textContent", focused
        )
        assert name.strip(), focused.get_attribute("outerHTML")
    assert len(seen) == wanted
