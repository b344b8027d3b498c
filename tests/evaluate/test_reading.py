"""The words follow the numbers: who leads, when nobody does, and what is never ranked."""

import pytest

from daedal.evaluate.columns import COLUMNS, column, counted, in_order, significant
from daedal.evaluate.reading import half_width, leaders, read


def row(system, status="ok", repeats=1, copies=0.0, reason=None, **metrics):
    shown = {}
    for name, value in metrics.items():
        value = value if isinstance(value, dict) else {"value": value}
        shown[name.replace("_", "-")] = {"kind": "measured", "floor": None, "spread": None, "n": 500} | value
    runs = [{"status": status, "metrics": shown} for _ in range(repeats)]
    return {
        "system": system, "status": status, "reason": reason, "metrics": shown, "exact_copies": copies, "runs": runs,
    }  # fmt: skip


def bits(value, kind, spread=0.01):
    return {"value": value, "kind": kind, "spread": spread}


def topics(rows):
    return {sentence.topic: sentence for sentence in read(rows)}


def test_sharpest_is_precision_and_most_diverse_is_coverage():
    said = topics([row("a", precision=0.9, coverage=0.2), row("b", precision=0.5, coverage=0.8)])
    assert (said["Sharpest"].tone, said["Sharpest"].systems) == ("winner", ("a",))
    assert said["Sharpest"].text == "a: 0.90 of its samples lie among real items, ahead of b (0.50)."
    assert said["Most diverse"].systems == ("b",)


def test_within_the_interval_there_is_no_clear_winner():
    # Binomial standard errors at n = 500 are 0.0134 and 0.0145, that of the difference 0.0198: 1.96 of it is 0.039.
    near = topics([row("a", precision=0.9), row("b", precision=0.88), row("c", precision=0.4)])["Sharpest"]
    assert (near.tone, near.systems) == ("tie", ("a", "b"))
    assert near.text == "No clear winner: a (0.90) and b (0.88) cannot be told apart."
    assert topics([row("a", precision=0.9), row("b", precision=0.85)])["Sharpest"].tone == "winner"


def test_a_measures_own_spread_goes_before_the_binomial_one():
    wide = {"value": 0.85, "spread": 0.05}
    assert half_width("precision", row("b", precision=wide)) == pytest.approx(1.96 * 0.05)
    assert topics([row("a", precision=0.9), row("b", precision=wide)])["Sharpest"].tone == "tie"


def test_over_repeats_the_error_is_that_of_the_mean_but_no_less_than_one_evaluation_knows():
    four = row("a", repeats=4, precision={"value": 0.9, "spread": 0.08})
    assert half_width("precision", four) == pytest.approx(1.96 * 0.08 / 2)
    four["metrics"] = {"precision": {**four["metrics"]["precision"], "spread": 0.0001}}  # they agree by chance
    assert half_width("precision", four) == pytest.approx(1.96 * 0.08 / 2)


def test_the_best_exact_value_is_told_beside_bounds_but_not_ranked_with_them():
    said = topics([row("a", bits_per_dim=bits(1.9, "exact")), row("b", bits_per_dim=bits(2.3, "bound"))])
    text = said["Best likelihood"].text
    assert "The only exact value is a's, 1.900 bits/dim." in text
    assert "The only bound is b's, 2.300 bits/dim." in text
    assert "not ranked with it" in text
    assert "ahead of" not in text


def test_a_bound_below_every_exact_value_is_surely_better():
    said = topics([row("a", bits_per_dim=bits(1.9, "bound")), row("b", bits_per_dim=bits(2.3, "exact"))])
    assert said["Best likelihood"].systems == ("a",)
    assert said["Best likelihood"].text == (
        "a: 1.900 bits/dim (a bound, so its true value is lower still), ahead of b (2.300)."
    )


def test_a_bound_below_an_exact_value_beats_it_even_where_nobody_wins():
    rows = [row("a", bits_per_dim=bits(3.0, "exact")), row("b", bits_per_dim=bits(2.6, "bound"))]
    said = topics([*rows, row("c", bits_per_dim=bits(2.8, "bound"))])["Best likelihood"]
    assert (said.tone, said.systems) == ("tie", ("b",))
    assert said.text.endswith("b is surely better than a, since its true value is lower still.")


@pytest.mark.parametrize("kind", ["bound", "estimate"])
def test_among_bounds_or_estimates_alone_nobody_wins(kind):
    said = topics([row("a", bits_per_dim=bits(1.9, kind)), row("b", bits_per_dim=bits(2.3, kind))])
    assert said["Best likelihood"].tone == "tie"
    assert f"Of the {kind}s the lowest is a's" in said["Best likelihood"].text


def test_an_estimate_below_an_exact_value_does_not_win():
    said = topics([row("a", bits_per_dim=bits(1.5, "estimate")), row("b", bits_per_dim=bits(2.3, "exact"))])
    assert "ahead of" not in said["Best likelihood"].text


def test_exact_values_win_only_outside_their_spread():
    clear = [row("a", bits_per_dim=bits(1.9, "exact")), row("b", bits_per_dim=bits(2.0, "exact"))]
    assert topics(clear)["Best likelihood"].text == "a: 1.900 bits/dim (exact), ahead of b (2.000)."
    near = [row("a", bits_per_dim=bits(1.9, "exact")), row("b", bits_per_dim=bits(1.92, "exact"))]
    assert "too near to each other" in topics(near)["Best likelihood"].text


def test_one_timing_is_not_trusted_beyond_a_fifth():
    assert (
        topics([row("a", images_per_second=110.0), row("b", images_per_second=100.0)])["Fastest to sample"].tone
        == "tie"
    )
    assert topics([row("a", images_per_second=500.0), row("b", images_per_second=100.0)])[
        "Fastest to sample"
    ].systems == ("a",)


def test_distances_are_told_with_their_floor():
    metrics = {"fd-digits": {"value": 9.0, "floor": 2.0, "spread": 0.5}}
    rows = [row("a", **metrics), row("b", **{"fd-digits": {"value": 30.0, "floor": 2.0, "spread": 0.5}})]
    assert topics(rows)["Closest to the data"].text == "a: fd-digits 9.00; the data itself is at 2.00."


def test_the_closest_is_by_the_distance_that_most_rows_have():
    one = {"value": 9.0, "floor": 2.0, "spread": 0.5}
    rows = [row("a", **{"fd-self": one, "fd-inception": one}), row("b", **{"fd-self": one | {"value": 30.0}})]
    assert topics(rows)["Closest to the data"].text == "a: fd-self 9.00; the data itself is at 2.00."


def test_memorisation_is_warned_of_beyond_chance_only():
    # One standard error of a share of one half at n = 500 is 0.0224: 0.55 is 2.2 of them, 0.6 is 4.5.
    assert "Copies" not in topics([row("a", memorised=0.55)])
    warning = topics([row("a", memorised=0.6)])["Copies"]
    assert (warning.tone, warning.systems) == ("warning", ("a",))
    assert "Copies" not in topics([row("a", memorised=0.6, precision=0.1)])  # far from all data
    assert "3.0% are exact copies" in topics([row("a", memorised=0.5, copies=0.03)])["Copies"].text
    assert "Copies" not in topics([row("a", repeats=2, memorised={"value": 0.6, "spread": 0.1})])


def test_nothing_is_certain_of_few_items():
    sure = row("a", precision={"value": 1.0, "spread": 0.0, "n": 22})
    share = 23 / 24  # by Laplace's rule
    assert half_width("precision", sure) == pytest.approx(1.96 * (share * (1 - share) / 22) ** 0.5)
    assert any(sentence.text.startswith("Only 22 test items") for sentence in read([sure]))


def test_sharpness_without_variety_is_said_to_be_no_feat():
    rows = [row("a", precision=0.99, recall=0.01), row("b", precision=0.5, recall=0.5)]
    assert topics(rows)["Narrow"].systems == ("a",)
    rows = [row("a", precision=0.99, recall=0.4), row("b", precision=0.5, recall=0.01)]
    assert "Narrow" not in topics(rows)


def test_failures_and_stops_are_told_with_their_reason():
    rows = [row("a", status="failed", reason="It broke."), row("b", status="stopped", reason="It was late.")]
    assert topics(rows)["Failed"].text == "a: It broke."
    assert topics(rows)["Stopped"].text == "b: It was late."


def test_one_system_alone_is_best_at_nothing():
    assert set(topics([row("a", precision=0.9, coverage=0.9, images_per_second=10.0)])) == {"Mind"}


def test_one_training_each_is_said_and_several_are_not():
    assert "Mind" in topics([row("a"), row("b", repeats=3)])
    assert "Mind" not in topics([row("a", repeats=2), row("b", repeats=3)])


def test_leaders_follow_the_better_direction_and_skip_what_is_missing():
    rows = [row("a", kid_x=3.0), row("b", kid_x=1.0), row("c"), row("d", kid_x={"value": None})]
    assert leaders("kid-x", rows) == ["b"]
    assert leaders("kid-x", rows[:1]) == []
    assert leaders("parameters", [row("a", parameters=1.0), row("b", parameters=2.0)]) == []


# -- how numbers look


def test_columns_are_found_by_their_space_and_keep_their_order():
    assert [c.name for c in in_order(["train-seconds", "fd-self", "odd", "precision"])] == [
        "fd-self", "precision", "train-seconds", "odd",
    ]  # fmt: skip
    assert column("kid-inception").title == "KID-inception"
    assert len({c.name for c in COLUMNS}) == len(COLUMNS)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(12.3456, "12.3"), (1234.5, "1,234"), (0.00123456, "0.00123"), (1.2e-9, "1.2e-09"), (0.0, "0"), (None, "–")],
)
def test_significant_digits(value, shown):
    assert significant(3)(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(940, "940"), (12345, "12.3 k"), (1.5e6, "1.5 M"), (2e9, "2 G")])
def test_counts(value, shown):
    assert counted(value) == shown
