"""Makes pictures/report.png: the head of the report of the README's audit, as a browser shows it.

python docs/picture.py             # needs Debian's chromium and playwright
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import examples

PICTURE = Path(__file__).parent / "pictures" / "report.png"
LARGEST = 300_000  # bytes
WIDTH, HEIGHT = 1000, 1160


def audit(folder: Path) -> None:
    """Run the README's first console command, with its report in `folder`."""
    page = (examples.ROOT / "README.md").read_text("utf-8")
    block = next(block for block in examples.blocks(page) if block.language == "console")
    typed = examples.TYPED.findall(block.text)[0].removeprefix("$ ")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    command = ["bash", "-c", f"{typed} --out '{folder}'"]
    subprocess.run(command, cwd=examples.ROOT, env=environment, check=False, stdout=subprocess.DEVNULL)


def main() -> None:
    """Audit, open the report in a browser without a window, keep what is on the first screen."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed; install it (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        audit(Path(folder) / "report")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto((Path(folder) / "report" / "report.html").as_uri())
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)
        browser.close()
    if PICTURE.stat().st_size > LARGEST:
        sys.exit(f"{PICTURE} has {PICTURE.stat().st_size:,} bytes, more than {LARGEST:,}; make HEIGHT smaller")


if __name__ == "__main__":
    main()
