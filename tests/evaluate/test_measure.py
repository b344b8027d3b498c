import math

import pytest

from daedal.evaluate.measure import Measure, Measures, number


@pytest.fixture
def measures():
    return Measures(
        {
            "fd-digits": Measure(12.3456, floor=1.5, spread=0.25, n=500, better="lower"),
            "bits-per-dim": Measure(math.inf, "bound", n=500, better="lower"),
            "parameters": Measure(1234567.0),
        }
    )


def test_a_mapping_in_the_order_of_the_table(measures):
    assert list(measures) == ["fd-digits", "bits-per-dim", "parameters"]
    assert len(measures) == 3
    assert "fd-digits" in measures
    assert measures["bits-per-dim"].kind == "bound"
    with pytest.raises(KeyError):
        measures["recall"]


def test_it_prints_as_a_table(measures):
    head, first, second, third = str(measures).splitlines()
    assert head.split() == ["metric", "value", "floor", "spread", "kind", "better"]
    assert first.split() == ["fd-digits", "12.35", "1.5", "0.25", "measured", "lower"]
    assert second.split() == ["bits-per-dim", "inf", "bound", "lower"]
    assert third.split() == ["parameters", "1,234,567", "measured"]
    assert head.index("value") + len("value") == first.index("12.35") + len("12.35")
    assert not any(line.endswith(" ") for line in str(measures).splitlines())


def test_html_escapes_names():
    shown = Measures({"fd-<b>": Measure(1.0)})._repr_html_()
    assert "fd-&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert shown.count("<tr>") == 2


def test_json_has_no_infinities(measures):
    record = measures.to_json()
    assert record["bits-per-dim"]["value"] is None
    assert record["fd-digits"] == {
        "value": 12.3456, "kind": "measured", "floor": 1.5, "spread": 0.25, "n": 500, "better": "lower",
    }  # fmt: skip


def test_numbers_keep_four_digits():
    assert [number(v) for v in (None, 0.012345, 999.96, 1000.4, -3.0, math.nan)] == [
        "", "0.01235", "1000", "1,000", "-3", "nan",
    ]  # fmt: skip
