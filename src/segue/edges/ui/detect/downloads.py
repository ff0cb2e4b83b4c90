"""The answer as files, one in each format, among Gradio's, which deletes them in their time."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segue.edges.ui.files import fresh_folder
from segue.speech.detection import Detection
from segue.speech.formats import FORMATS


def written(name: str, detections: Sequence[Detection]) -> list[str]:
    """Their paths: each is called as the recording is, with its format's extension. Probabilities stay out."""
    folder = fresh_folder()
    plain = [replace(detection, probabilities=None) for detection in detections]
    paths = []
    for form in FORMATS.values():
        path = folder / f"{Path(name).stem or 'recording'}.{form.extension}"
        called = form.names([name])[name] if form.names else name
        path.write_text(form.document(form.render(called, plain)), encoding="utf-8")
        paths.append(str(path))
    return paths
