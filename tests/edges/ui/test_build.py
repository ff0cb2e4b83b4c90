"""The page as Gradio has it."""

import os
import subprocess
import sys
from pathlib import Path

import requests

from tests.edges.http.service import loud_service
from tests.edges.ui.browser import page_of


def test_both_languages_are_whole_and_have_no_interface_of_their_own(tmp_path: Path) -> None:
    """The same components in both, the title in each language, and no handler that Gradio would describe to callers."""
    with loud_service(tmp_path) as service, page_of(service) as address:
        configs = [requests.get(f"{address.url}/{name}/config", timeout=30).json() for name in ("en", "zh")]
        described = [requests.get(f"{address.url}/{name}/gradio_api/info", timeout=30).json() for name in ("en", "zh")]
    english, chinese = configs
    assert [each["type"] for each in english["components"]] == [each["type"] for each in chinese["components"]]
    assert (english["title"], chinese["title"]) == ("Segue: speech endpoint detection", "Segue：语音端点检测")
    assert [each["named_endpoints"] for each in described] == [{}, {}]
    assert english["analytics_enabled"] is False
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_recordings_are_kept_where_nobody_else_reads_and_go_with_the_process() -> None:
    """A folder of this process, its owner's alone."""
    said = "import os, segue.edges.ui.build; p = os.environ['GRADIO_TEMP_DIR']; print(p, oct(os.stat(p).st_mode))"
    without = {name: value for name, value in os.environ.items() if name != "GRADIO_TEMP_DIR"}
    run = subprocess.run(
        [sys.executable, "-c", said], env=without, capture_output=True, text=True, timeout=60, check=True
    )
    folder, mode = run.stdout.split()
    assert mode == "0o40700"
    assert not Path(folder).exists()
