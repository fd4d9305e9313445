"""Makes `docs/images/report.png` from the demo's report: `python -m tests.screenshot demo/report.html`.

Needs Chromium (`$PORTICO_CHROMIUM`, else /usr/bin/chromium). The picture is the top of the page at 1280 pixels.
"""

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).resolve().parents[1] / "docs/images/report.png"
CHROMIUM = os.environ.get("PORTICO_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WIDTH, HEIGHT = 1280, 1500


def take(report: Path) -> None:
    """Writes the picture of a report."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(report.absolute().as_uri())
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    take(Path(sys.argv[1]))
