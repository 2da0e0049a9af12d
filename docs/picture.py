"""Makes pictures/report.png: the head of the report of the README's audit, as a browser shows it.

    python docs/picture.py             # needs Debian's chromium and playwright
"""

import shutil
import sys
import tempfile
from pathlib import Path

import evenhand

HERE = Path(__file__).parent
PICTURE = HERE / "pictures" / "report.png"
LARGEST = 300_000  # bytes
WIDTH, HEIGHT = 1000, 1160


def main() -> None:
    """Audit, open the report in a browser without a window, keep what is on the first screen."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed; install it (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        made = Path(folder) / "report"
        questions = {"label": "repaid", "score": "champion", "sensitive": ["sex", "region"], "metrics": ["tpr", "fpr"]}
        evenhand.audit_into(made, HERE / "data" / "loans.csv", tolerance={"tpr": 0.05}, **questions)
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto((made / "report.html").as_uri())
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
        browser.close()
    if PICTURE.stat().st_size > LARGEST:
        sys.exit(f"{PICTURE} has {PICTURE.stat().st_size:,} bytes, more than {LARGEST:,}; make HEIGHT smaller")


if __name__ == "__main__":
    main()
