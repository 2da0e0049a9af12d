"""Makes report_audits.py importable by the tests beside it; a page in a browser, for those that look at one."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def in_a_browser():
    """in_a_browser(file) -> the page as a phone shows it; its `errors`: what it complained of. Skips without one."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

        def opened(file):
            page = browser.new_page(viewport={"width": 375, "height": 800})
            page.errors = []
            page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
            page.on("dialog", lambda dialog: page.errors.append("dialog"))
            page.goto(file.as_uri())
            return page

        yield opened
        browser.close()
