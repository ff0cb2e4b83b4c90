"""A tiny wheel, built by hand, that real pip accepts."""

import zipfile
from collections.abc import Mapping
from pathlib import Path


def build_wheel(
    directory: Path,
    files: Mapping[str, bytes],
    *,
    project: str = "tiny-vad",
    version: str = "1.0",
    folder: str = "asset/",
    requires_python: str = ">=3",
) -> Path:
    """A wheel with ``files`` in ``folder``, in a directory that can be pip's ``--find-links``."""
    stem = project.replace("-", "_")
    information = f"{stem}-{version}.dist-info/"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{stem}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(folder + name, data)
        archive.writestr(
            f"{information}METADATA",
            f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\nRequires-Python: {requires_python}\n",
        )
        archive.writestr(f"{information}WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}RECORD", "")
    return path
