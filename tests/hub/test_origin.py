"""Origins are data."""

from segue.hub.origin import HuggingFaceRepo, ModelScopeRepo, Wheel, said


def test_an_origin_prints_as_what_a_user_would_look_for() -> None:
    """Messages name an origin by its repository or its requirement."""
    assert str(ModelScopeRepo("iic/m", "v1")) == "ModelScope iic/m@v1"
    assert str(HuggingFaceRepo("funasr/m", "main")) == "Hugging Face funasr/m@main"
    assert str(Wheel("tiny-vad", "1.0", "asset/")) == "PyPI tiny-vad==1.0"


def test_what_a_server_says_is_one_short_printable_line() -> None:
    """Control characters, line ends, marks of direction and lone surrogates do not pass; 120 characters do."""
    assert said("no  such\nmodel") == "no such model"
    assert said("\x1b[31mred\x1b[0m \u202ekcab \ud800\x00 模型 é") == "?[31mred?[0m ?kcab ?? 模型 é"
    assert said("a" * 120) == "a" * 120
    assert said("a" * 121) == "a" * 119 + "…"
    assert said(OSError("reason")) == "reason"
