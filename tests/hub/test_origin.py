"""Origins are data."""

from segue.hub.origin import ModelScopeRepo, Wheel


def test_an_origin_prints_as_what_a_user_would_look_for() -> None:
    """Messages name an origin by its repository or its requirement."""
    assert str(ModelScopeRepo("iic/m", "v1")) == "ModelScope iic/m@v1"
    assert str(Wheel("tiny-vad", "1.0", "asset/")) == "PyPI tiny-vad==1.0"
