r"""Opens the page of a viewer in a headless Chromium, and reads what it shows."""

from __future__ import annotations

import shutil
from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from temporaldata_video.testing import read_number

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_SECONDS = 60


def start_chromium(folder: Path) -> Any:
    r"""Returns a driver of a Chromium whose profile is in an empty folder."""
    if not CHROMIUM or not DRIVER:
        pytest.skip("chromium and chromedriver are not installed")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is missing")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*_FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(DRIVER))


class Page:
    r"""The page of a viewer.

    Args:
        driver: of the browser.
        url: of the viewer.
    """

    def __init__(self, driver: Any, url: str) -> None:
        self.driver = driver
        self.set_size(1280, 900)
        driver.get(url)
        self.wait_until("document.querySelector('main').dataset.ready")

    def run(self, script: str, *arguments: Any) -> Any:
        r"""Returns what a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def set_size(self, width: int, height: int, dark: bool = False) -> None:
        r"""Sets the size of the window in pixels, and the scheme that the user prefers."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def wait_until(self, condition: str) -> None:
        r"""Waits until an expression of the page is true."""
        from selenium.webdriver.support.wait import WebDriverWait

        wait = WebDriverWait(self.driver, _PATIENCE_SECONDS, poll_frequency=0.02)
        wait.until(lambda _: self.run(f"return Boolean({condition})"))

    def settle(self) -> None:
        r"""Waits until nothing is asked of the server any more."""
        self.wait_until("document.querySelector('main').ariaBusy === 'false'")

    def press(self, *keys: str) -> None:
        r"""Presses keys, one after the other."""
        from selenium.webdriver import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def element(self, selector: str) -> Any:
        r"""Returns an element by its selector."""
        return self.driver.find_element("css selector", selector)

    @property
    def playing(self) -> bool:
        r"""Whether it plays."""
        return self.run("return document.body.classList.contains('playing')")

    @property
    def time(self) -> float:
        r"""Second of the cursor."""
        return float(self.run("return document.querySelector('main').dataset.time"))

    @property
    def fault(self) -> str:
        r"""What the page says is wrong, if anything."""
        return self.element("#fault").text

    def shown(self, camera: int = 0) -> int:
        r"""Returns the number that is painted into the picture, -1 for no picture."""
        picture = self.run(
            "const canvas = document.querySelectorAll('canvas[role=img]')[arguments[0]];"
            "return [canvas.dataset.frame, canvas.toDataURL('image/png')]",
            camera,
        )
        if picture[0] == "-1":
            return -1
        return read_number(_pixels(picture[1]))

    def complaints(self) -> list[str]:
        r"""Returns what the browser logged that is worse than a remark."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] not in ("INFO", "DEBUG")
        ]


def _pixels(url: str) -> np.ndarray:
    from PIL import Image

    png = b64decode(url.partition(",")[2])
    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))
