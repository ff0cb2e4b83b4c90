"""The usual design of a service around a model: a pipeline in a global, a lock around it, a thread for each connection.

python -P benchmarks/peers/usual_design.py DIRECTORY [--ncpu 1]

It prints its address; POST a wav file to it. It is run by its path and with -P, so that neither the thread settings of
the package ``benchmarks`` nor its modules' names (``funasr_onnx``) reach it.
"""

import argparse
import json
import shutil
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_model: Any = None
_lock = threading.Lock()  # FunASR writes the options of a call on the shared model

# What lies beside the model on ModelScope, and in no wheel: how to run it as a pipeline.
_CONFIGURATION = {
    "framework": "pytorch",
    "task": "voice-activity-detection",
    "pipeline": {"type": "funasr-pipeline"},
    "model": {"type": "funasr"},
    "file_path_metas": {
        "init_param": "model.pt",
        "config": "config.yaml",
        "frontend_conf": {"cmvn_file": "am.mvn"},
    },
}


class Handler(BaseHTTPRequestHandler):
    """One connection, which is kept between requests."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: apart, the second waits 40 ms for the first to be acknowledged

    def do_POST(self) -> None:
        """A wav file in, its segments out."""
        wav = self.rfile.read(int(self.headers["Content-Length"]))
        with _lock:
            found = _model(wav, max_end_silence_time=800)  # classic: the question that Segue answers by default
        segments = [{"start_ms": start, "end_ms": end} for start, end in found[0]["value"]]
        answer = json.dumps({"segments": segments}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- http.server's name
        """Nothing: in its favour."""


def load(directory: Path, options: dict[str, int]) -> Any:
    """The pipeline, offline: FunASR asks PyPI for a newer FunASR unless told not to."""
    from modelscope.pipelines import pipeline  # type: ignore[import-not-found]  # only in .bench

    (directory / "configuration.json").write_text(json.dumps(_CONFIGURATION), encoding="utf-8")
    quiet = {"disable_update": True, "disable_pbar": True, "disable_log": True}
    return pipeline(task="voice-activity-detection", model=str(directory), **quiet, **options)


def main() -> None:
    """See the top of the file."""
    global _model
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--ncpu", type=int, help="threads of torch; FunASR takes 4 if not told")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:  # the store is read-only
        copy = Path(scratch) / "model"
        shutil.copytree(given.directory, copy, copy_function=shutil.copyfile)
        copy.chmod(0o755)
        _model = load(copy, {"ncpu": given.ncpu} if given.ncpu else {})
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
