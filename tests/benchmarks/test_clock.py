"""How costs are put together."""

from benchmarks.clock import Spread, by_turns, quantile


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    """Costs are kept in the order of the rounds, the warm-up left out."""
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    costs = by_turns({"a": lambda: measure("a"), "b": lambda: measure("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert costs == {"a": Spread((3.0, 5.0)), "b": Spread((4.0, 6.0))}


def test_a_ratio_is_formed_within_each_round() -> None:
    """A round on a busy machine slows both, and its ratio holds."""
    assert Spread((2.0, 20.0, 4.0)).over(Spread((1.0, 10.0, 2.0))) == Spread((2.0, 2.0, 2.0))
    assert f"{Spread((3.0, 1.0, 2.0)):.1f}" == "2.0 (1.0 to 3.0)"


def test_a_quantile_is_one_of_the_values() -> None:
    """The least that so many do not exceed; in any order, of any count."""
    values = [float(value) for value in range(1000, 0, -1)]
    assert [quantile(values, share) for share in (0.5, 0.99, 0.999, 1)] == [500, 990, 999, 1000]
    assert quantile([7.0], 0.99) == 7.0
