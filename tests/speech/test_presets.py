"""The table of presets: whatever is in it can be asked for."""

import pickle

import pytest

from segue.speech.parameters import MODES, parameters_of
from segue.speech.presets import NO_PRESET, PRESETS, Preset
from segue.speech.rules import Rules


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_asked_for(name: str) -> None:
    """By its name, in each of its modes; it sets what it says and says what it is for."""
    preset = PRESETS[name]
    assert preset.name == name not in NO_PRESET
    assert preset.purpose
    assert preset.parameters
    assert preset.mode is None or preset.mode in preset.parameters
    for mode, values in preset.parameters.items():
        assert mode in MODES
        assert values.keys() <= set(parameters_of(mode))
        rules = Rules.of({}, ("request", {"preset": name, "mode": mode}))
        assert rules.preset == name
        assert {parameter: rules.parameters()[parameter] for parameter in values} == values


def test_one_s_own_travels_between_processes() -> None:
    """Rules made with it do."""
    own = Preset("own", "mine", {"tight": {"threshold": 0.5}})
    rules = Rules.of({}, ("request", {"preset": own, "mode": "tight"}))
    assert pickle.loads(pickle.dumps(rules)) == rules
