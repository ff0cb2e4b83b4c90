"""Speech without a microphone and without the network: sentences spoken by espeak-ng, joined into a conversation.

``make run`` makes its sample recording here, and the tests take their audio from here, so that a clone needs nothing
but PyPI. espeak-ng comes as a wheel (``espeakng-loader``); it is GPL-3, serves this script only, and
is not part of Segue.

    python scripts/speech.py OUT.wav [--seconds 30] [--seed 0] [--rate 16000] [--noise-dbfs -65]
"""

import _ctypes
import argparse
import ctypes
import random
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

Samples = npt.NDArray[np.float32]

SENTENCES = {
    "en": (
        "Good morning, can everybody hear me?",
        "Yes.",
        "Let us begin with the budget for the second quarter, which is somewhat larger than the last one.",
        "I sent the slides yesterday evening, so you have probably seen the numbers already.",
        "Could you say that again, please? The line was rather bad.",
        "The new microphone picks up less of the room, and that alone makes transcripts better.",
        "No, I do not think so.",
        "We should ask the people who use it every day before we decide anything.",
        "Thank you, that is all from my side.",
        "The train leaves at seven fifteen from platform nine, and it will not wait for us.",
    ),
    "cmn": (
        "大家好，我们现在开始开会。",
        "好的。",
        "今天的第一个议题是语音识别服务的升级计划。",
        "请你再说一遍，刚才的声音不太清楚。",
        "模型更新以后，正在进行的通话不能中断。",
        "我觉得这个方案可以，但是还需要更多的测试。",
        "没问题，我明天上午把结果发给你们。",
        "北京今天的天气很好，适合出去走一走。",
        "会议记录已经整理好了，请大家查看。",
        "谢谢大家，再见。",
    ),
}

SPEAKERS = ("m1", "f1", "m3", "f2", "m7", "f4")  # espeak-ng's voice variants: formants of men and women

_UTF8 = 1
_SYNCHRONOUS = 2  # espeak_Synth returns when all samples have been handed to the callback; nothing is played
_DO_NOT_EXIT = 0x8000  # without it espeak-ng ends the process when its data is missing
_RATE, _PITCH, _RANGE = 1, 3, 4  # of espeak_PARAMETER
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_SYNTH = (  # text, size, position, its type, end, flags, identifier, user data
    *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
    *(ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p),
)

# Guards espeak-ng as a whole: its voice, its parameters, its callback and its random state are process globals.
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said, in which language, and where in the recording it sounds."""

    start_s: float
    end_s: float
    voice: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Conversation:
    """Mono float32 samples in [-1, 1], read-only, and the truth about them in order of time."""

    samples: Samples
    sample_rate: int
    utterances: tuple[Utterance, ...]


def synthesise(
    text: str,
    *,
    voice: str = "en",
    words_per_minute: int = 165,
    pitch: int = 50,
    pitch_range: int = 50,
) -> tuple[Samples, int]:
    """Speak ``text``; returns mono float32 samples in [-1, 1] and their rate (22,050 Hz).

    ``voice`` is a language of espeak-ng (``en``, ``cmn``), with a variant if wanted (``cmn+f2``). The same arguments
    give the same samples in any process, in any order of calls. Raises ValueError for an unknown voice. Thread-safe.
    """
    spoken: list[Samples] = []

    def take(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int | None) -> int:
        if samples and count > 0:
            spoken.append(np.ctypeslib.as_array(samples, (count,)).astype(np.float32) / np.float32(32768))
        return 0

    callback = _CALLBACK(take)  # a name, so that it lives as long as espeak-ng may call it
    with _lock, _espeak() as (library, rate):
        library.espeak_SetSynthCallback(callback)
        if library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice!r}; try 'en' or 'cmn', with a variant as in 'cmn+f2'")
        # Choosing a voice may set parameters, so these come after it.
        for parameter, value in ((_RATE, words_per_minute), (_PITCH, pitch), (_RANGE, pitch_range)):
            library.espeak_SetParameter(parameter, value, 0)
        library.espeak_ng_SetRandSeed(1)  # the noise in s and f comes from it
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
        library.espeak_Synchronize()
    return np.concatenate(spoken) if spoken else np.zeros(0, np.float32), rate


def conversation(*, seconds: float, seed: int, rate: int = 16_000, noise_dbfs: float = -65.0) -> Conversation:
    """English and Mandarin by turns for ``seconds``: speakers, speed, pitch and level (peaks at -18 to -3 dBFS) vary.

    Pauses are 0.1 to 3 s: shorter and longer than what a VAD must bridge. White noise of ``noise_dbfs`` RMS lies under
    all of it (-65 is a quiet room; -35 a loud one). The same arguments give the same samples.
    """
    draw = random.Random(seed)
    noise = np.random.default_rng(seed)
    count = round(seconds * rate)
    samples = (noise.standard_normal(count, dtype=np.float32) * 10 ** (noise_dbfs / 20)).astype(np.float32)
    utterances: list[Utterance] = []
    at = _pause(draw, rate)
    while True:
        voice = draw.choice(("en", "cmn"))
        text = draw.choice(SENTENCES[voice])
        spoken = _say(text, voice=voice, rate=rate, draw=draw)
        if at + len(spoken) > count:
            break  # a cut utterance would have no true end; what is left stays noise
        samples[at : at + len(spoken)] += spoken
        utterances.append(Utterance(at / rate, (at + len(spoken)) / rate, voice, text))
        at += len(spoken) + _pause(draw, rate)
    np.clip(samples, -1, 1, out=samples)
    samples.setflags(write=False)  # tests share it: who changes it in place is told so at once
    return Conversation(samples, rate, tuple(utterances))


def _say(text: str, *, voice: str, rate: int, draw: random.Random) -> Samples:
    """One utterance at ``rate``, without the silence around it, by a speaker and at a level drawn from ``draw``."""
    spoken, spoken_rate = synthesise(
        text,
        voice=f"{voice}+{draw.choice(SPEAKERS)}",
        words_per_minute=draw.randint(140, 200),
        pitch=draw.randint(30, 65),
        pitch_range=draw.randint(35, 65),
    )
    spoken = np.asarray(soxr.resample(spoken, spoken_rate, rate), np.float32)
    level = np.abs(spoken)
    loud = np.flatnonzero(level > level.max() / 100)
    spoken = spoken[loud[0] : loud[-1] + 1]
    gain = 10 ** (draw.uniform(-18, -3) / 20) / float(level.max())
    return spoken * np.float32(gain)


def _pause(draw: random.Random, rate: int) -> int:
    """Samples of silence: a quarter short (0.1 to 0.5 s, which a VAD bridges), the others up to 3 s, mostly near 1."""
    return round(rate * (draw.uniform(0.1, 0.5) if draw.random() < 0.25 else draw.triangular(0.9, 3.0, 1.0)))


@contextmanager
def _espeak() -> Iterator[tuple[ctypes.CDLL, int]]:
    """The library, loaded and unloaded around each use (5 ms), and its sample rate; called with _lock held.

    Unloading matters: the phase of the voice and the like stay in its globals through espeak_Terminate, and would make
    what it says depend on what it said before.
    """
    with tempfile.TemporaryDirectory(prefix="segue-espeak-") as directory:
        # espeak-ng cuts the path of its data at 160 characters, which a virtual environment may reach: a short link.
        data = Path(directory) / "espeak-ng-data"
        data.symlink_to(espeakng_loader.get_data_path())
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        library.espeak_Synth.argtypes = _SYNTH
        try:
            rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), _DO_NOT_EXIT)
            if rate <= 0:
                raise RuntimeError(f"espeak-ng cannot read its voices at {espeakng_loader.get_data_path()}")
            yield library, rate
        finally:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)


def main() -> None:
    """Write one conversation as a 16-bit file; the suffix of its name gives the format."""
    parser = argparse.ArgumentParser(description="Write a recording of synthetic speech.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=int, default=16_000)
    parser.add_argument("--noise-dbfs", type=float, default=-65.0)
    given = parser.parse_args()
    made = conversation(seconds=given.seconds, seed=given.seed, rate=given.rate, noise_dbfs=given.noise_dbfs)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(given.out, made.samples, made.sample_rate)
    print(f"{given.out}: {given.seconds:g} s, {len(made.utterances)} utterances")


if __name__ == "__main__":
    main()
