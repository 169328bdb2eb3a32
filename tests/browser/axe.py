"""axe-core on a Playwright page: what a screen reader's user would stumble over."""

from __future__ import annotations

from functools import cache

from playwright.sync_api import Page

from app.web.assets import NODE_MODULES

CHROMIUM_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
                      "--disable-background-networking", "--disable-component-update"]


@cache
def axe_source() -> str:
    return (NODE_MODULES / "axe-core" / "axe.min.js").read_text()


def serious_problems(page: Page) -> list[str]:
    """Rule and first element of each serious or critical problem; the context needs `bypass_csp`."""
    page.evaluate(axe_source())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found["violations"]
            if one["impact"] in ("serious", "critical")]


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def cut_off_tables(page: Page) -> int:
    """Lists wider than their frame: the frame clips, so nothing scrolls but the last column is lost."""
    return int(page.evaluate("[...document.querySelectorAll('.sw-table')]"
                             ".filter(box => box.querySelector('table').offsetWidth > box.clientWidth + 1).length"))
