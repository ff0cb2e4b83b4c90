"""Reference labels: files as other tools write them, and what is wrong in one said with its file and line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid as praat

from segue.accuracy.references import EXTENSIONS, Reference, is_reference, names_inside, own_names, read
from segue.errors import InvalidParameter
from segue.speech.detection import Detection, ModelIdentity
from segue.speech.formats import FORMATS
from segue.speech.rules import Rules
from segue.speech.segmenter import Segment


def of(*pairs: tuple[int, int]) -> tuple[Segment, ...]:
    return tuple(Segment(*pair) for pair in pairs)


def put(directory: Path, name: str, content: str | bytes) -> str:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "names", "segments"),
    [
        (  # as in AMI's references; a comment, another type and another channel
            "all.rttm",
            ";; by hand\nSPEAKER dev 1 1.440 11.872 <NA> <NA> MEE009 <NA> <NA>\n"
            "SPKR-INFO dev 1 <NA> <NA> <NA> unknown MEE009 <NA> <NA>\n"
            "SPEAKER dev 2 0.5 .25 <NA> <NA> x\nSPEAKER dev 1 20 1 <NA> <NA> noise <NA> <NA>\n".replace(
                " .25", " 0.25"
            ),
            ("dev",),
            of((1440, 13312), (500, 750)),
        ),
        ("t1.scv", "t1,0.000,0.403,0,0.403,1.204,1,1.204,1.440,0\n", ("t1",), of((403, 1204))),
        (  # as Audacity exports: six decimals, a label with its frequencies, one without a label
            "t2.txt",
            "0.500000\t1.250000\t\r\n2.000000\t3.000000\thello there\r\n\\\t100.0\t4000.0\r\n4.0\t5.0\tSilence\r\n",
            ("t2",),
            of((500, 1250), (2000, 3000)),
        ),
        ("t3.wav.audacity.txt", "1\t2\tspeech\n", ("t3.wav.audacity", "t3.wav"), of((1000, 2000))),
        (
            "t4.json",
            '{"file": "in/t4.wav", "segments": [{"start_ms": 10, "end_ms": 30}]}',
            ("in/t4.wav", "t4.wav", "t4"),
            of((10, 30)),
        ),
        ("t5.json", '[{"segments": []}]', ("t5",), ()),
        (
            "t6.jsonl",
            '{"file": "t6.wav", "channel": 0, "segments": [{"start_ms": 1, "end_ms": 2}]}\n\n'
            '{"file": "t6.wav", "channel": 1, "segments": [{"start_ms": 3, "end_ms": 4}]}\n',
            ("t6.wav", "t6"),
            of((1, 2), (3, 4)),
        ),
    ],
)
def test_each_form_is_read(
    tmp_path: Path, name: str, content: str, names: tuple[str, ...], segments: tuple[Segment, ...]
) -> None:
    """Segments in whole ms as the file has them, channels together, and what the recording may be called."""
    file = put(tmp_path, name, content)
    assert read(file) == [Reference(names, segments, file)]


def test_a_file_may_tell_of_several_recordings(tmp_path: Path) -> None:
    """RTTM and JSON name their recordings: one reference each, in the order of the file."""
    file = put(tmp_path, "all.rttm", "SPEAKER b 1 0 1\nSPEAKER a 1 1 1\nSPEAKER b 1 3 1\n")
    assert [(found.names, found.segments) for found in read(file)] == [
        (("b",), of((0, 1000), (3000, 4000))),
        (("a",), of((1000, 2000))),
    ]


@pytest.mark.parametrize("form", ["short_textgrid", "long_textgrid"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_textgrids_of_praatio_are_read(tmp_path: Path, form: str, encoding: str) -> None:
    """Both forms and both encodings: intervals with a text are speech, but for the words that mean silence."""
    grid = praat.Textgrid(0, 9)
    entries = [(0.5, 1.25, "你好"), (2, 3, "silent"), (4, 5, "SIL"), (6, 7.125, "speech")]
    grid.addTier(praat.IntervalTier("said", entries, 0, 9))
    path = tmp_path / "talk.TextGrid"
    grid.save(str(path), format=form, includeBlankSpaces=True)
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    assert read(str(path)) == [Reference(("talk",), of((500, 1250), (6000, 7125)), str(path))]


@settings(deadline=None)  # files are written
@given(st.sets(st.integers(0, 10_000_000), max_size=20))
def test_what_segue_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, edges: set[int]) -> None:
    """Each of our own formats that is also a form of labels gives the segments to the millisecond."""
    times = sorted(edges)
    segments = of(*zip(times[::2], times[1::2], strict=False))
    found = Detection(segments, 10_000_001, Rules.of(), ModelIdentity("iic/x", "v1", "d" * 64))
    directory = tmp_path_factory.mktemp("labels")
    for form in ("json", "jsonl", "rttm", "audacity", "textgrid"):
        written = FORMATS[form].document(FORMATS[form].render("talk", [found]))
        file = put(directory, f"talk.{FORMATS[form].extension}", written)
        (reference,) = read(file)
        assert "talk" in (*reference.names, *own_names(file)), form
        assert reference.segments == segments, form


def test_real_labels_are_read(shared_data: Path) -> None:
    """Those of TEN's test set and of AMI, as they were published."""
    ten = [read(str(path)) for path in sorted((shared_data / "ten").glob("*.scv"))]
    assert len(ten) == 20
    assert ten[1][0].segments == of((192, 689), (974, 1416), (1673, 2623), (3069, 3702))
    (meeting,) = read(str(shared_data / "meeting" / "dev00.rttm"))
    assert meeting.names == ("dev00",)
    assert meeting.segments[0] == Segment(1440, 13312)


@pytest.mark.parametrize("name", ["a.rttm", "a.scv", "a.txt", "a.jsonl"])
def test_a_file_without_labels_says_that_there_is_no_speech(tmp_path: Path, name: str) -> None:
    """Nobody spoke: that is a reference too, for the recording that the file is called after."""
    file = put(tmp_path, name, "\n")
    assert read(file) == [Reference(("a",), (), file)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.rttm", "SPEAKER a 1 0 1\nSPEKAER a 1 0 1\n", "line 2: SPEKAER is no type of RTTM"),
        ("a.rttm", "SPEAKER a 1 0\n", "line 1: 4 fields; RTTM has SPEAKER name channel start duration"),
        ("a.rttm", "SPEAKER a 1 0,5 1\n", "line 1: '0,5' is no time; write seconds"),
        ("a.rttm", "SPEAKER a 1 0 -1\n", "line 1: '-1' is no time"),
        ("a.rttm", "SPEAKER a 1 nan 1\n", "line 1: 'nan' is no time"),
        ("a.scv", "a,0,1\n", "line 1: 2 values after the name; a .scv has one row"),
        ("a.scv", "a\n", "line 1: 0 values after the name"),
        ("a.scv", "a,0,1,2\n", "line 1: '2' after 0,1; a .scv has one row"),
        ("a.scv", "a,0,1,1\nb,0,1,1\n", "line 2: a second row"),
        ("a.scv", "a,2,1,1\n", "line 1: the end, 1 s, is before the start, 2 s"),
        ("a.txt", "Read me first.\n", "line 1: no tab; Audacity's labels are start, end and label"),
        ("a.txt", "0\t1\tx\n\n5\t4\ty\n", "line 3: the end, 4 s, is before the start, 5 s"),
        ("a.txt", "0\t48000000\tx\n", "line 1: 4.8e+07 is no time in a recording"),
        ("a.TextGrid", "", "line 1: the file ends where a text in double quotes is wanted"),
        ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "Pitch"\n', "line 2: is no TextGrid"),
        ("a.json", '[\n{"file": "a.wav",,}]', "line 2: is no JSON: "),
        ("a.json", "[" * 100_000, "line 1: is no JSON of labels: it is nested too deeply"),
        ("a.json", "3", "3 is no object; each object has"),
        ("a.json", '{"file": 3, "segments": []}', '"file" is 3; each object has'),
        ("a.json", '{"file": "a.wav"}', "a.wav has no list of segments; each object has"),
        ("a.jsonl", '{"segments": []}\n{"segments"\n', "line 2: is no JSON: "),
        ("a.jsonl", '\n{"file": "a.wav", "error": {"code": "x"}}\n', "line 2: a.wav has an error in place of segments"),
        (
            "a.jsonl",
            '{"file": "a.wav", "segments": [{"start_ms": 1.5, "end_ms": 2}]}\n',
            'line 1: a.wav: {"start_ms": 1.5, "end_ms": 2} is no segment',
        ),
        ("a.txt", b"0\t1\t\xe9\n", "is no text in UTF-8; save it as that"),
        ("a.csv", "", "its name does not say what it is; labels are .rttm, .scv, .txt, .TextGrid, .json, .jsonl"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    """The file, the line in it, what was found, and what is accepted."""
    file = put(tmp_path, name, content)
    with pytest.raises(InvalidParameter) as refused:
        read(file)
    assert str(refused.value).startswith(f"{file}: {said}")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """So is one that may not be read."""
    with pytest.raises(InvalidParameter, match=r"gone\.rttm: cannot be read \(No such file"):
        read(str(tmp_path / "gone.rttm"))


def test_names_say_what_is_a_reference() -> None:
    """By the extension, in any case; and whether the file or its name says which recording it is for."""
    assert all(is_reference(f"a{extension}") for extension in EXTENSIONS)
    assert is_reference("A.TEXTGRID")
    assert not any(map(is_reference, ("a.wav", "rttm", "a.csv", "a")))
    assert [names_inside(f"a{extension}") for extension in EXTENSIONS] == [True, False, False, False, True, True]


@settings(deadline=None)  # files are written
@given(st.binary(max_size=200), st.sampled_from(EXTENSIONS))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, extension: str
) -> None:
    """Nothing but InvalidParameter of one line comes out of a file of any content."""
    file = put(tmp_path_factory.mktemp("labels"), f"a{extension}", content)
    said = ""
    try:
        assert all(segment.start_ms <= segment.end_ms for found in read(file) for segment in found.segments)
    except InvalidParameter as error:
        said = str(error)
    assert "\n" not in said
