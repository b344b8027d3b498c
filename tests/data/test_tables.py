"""A CSV is read as the numbers that it holds, whatever its separator; a bad cell is named by line and column."""

import numpy as np
import pytest

from daedal.data import load_data
from daedal.data.arrays import labels
from daedal.data.tables import parse
from daedal.errors import DataError
from daedal.spaces import Labels, Vectors


def loaded(tmp_path, text, name="table.csv", **options):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_data(tmp_path / name, **options)


def values(data, field="x"):
    return data.train.columns[field].values


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", ["a{0}b{0}c\n", ""])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_numbers_come_through(tmp_path, separator, header, ending):
    table = np.random.default_rng(0).normal(size=(12, 3))
    text = header.format(separator) + "\n".join(separator.join(map(repr, row)) for row in table.tolist()) + "\n\n"
    data = loaded(tmp_path, text.replace("\n", ending))
    assert data.fields == {"x": Vectors(3)}
    assert (values(data) == table.astype(np.float32)).all()


def test_it_equals_numpys_reading(tmp_path):
    text = "1e-3, -2.5 ,+7\n4,5,6\n"
    data = loaded(tmp_path, text)
    assert (values(data) == np.loadtxt(text.splitlines(), delimiter=",", dtype=np.float32)).all()


@pytest.mark.parametrize("column", ["label", "class", "target", "Label", "y"])
def test_a_column_of_labels_with_names(tmp_path, column):
    data = loaded(tmp_path, f"a,{column},b\n1,cat,2\n3,ant,4\n5,cat,6\n")
    assert data.fields == {"x": Vectors(2), "label": Labels(2, names=("ant", "cat"))}
    assert values(data, "label").tolist() == [1, 0, 1]
    assert values(data).tolist() == [[1, 2], [3, 4], [5, 6]]


def test_a_column_of_labels_with_numbers(tmp_path):
    assert loaded(tmp_path, "a,label\n1,0\n2,1\n3,1\n").fields["label"] == Labels(2)
    assert loaded(tmp_path, "a,label\n1,3\n2,7\n3,7\n").fields["label"] == Labels(2, names=("3", "7"))
    assert loaded(tmp_path, "a,label\n1,0.0\n2,1.0\n").fields["label"] == Labels(2)


def test_a_header_of_numbers_with_a_label_is_a_header(tmp_path):
    data = loaded(tmp_path, "0,1,label\n5,6,cat\n7,8,dog\n")
    assert values(data).tolist() == [[5, 6], [7, 8]]


def test_marks_of_other_programs(tmp_path):
    data = loaded(tmp_path, b'\xef\xbb\xbf\n"a b","label"\n"1","a, b"\n"2","c"\n')
    assert data.fields["label"].names == ("a, b", "c")


def test_bad_cells_are_named_by_line_and_column(tmp_path):
    text = "a,b,label\n1,2,x\n1,,x\n\nnan,2,x\n3,oops,y\n4,5\n6,7,\n8,9,y\n"
    with pytest.raises(DataError, match=r"5 of 7 items of 'table\.csv' cannot be used") as caught:
        loaded(tmp_path, text)
    assert caught.value.problems == [
        "line 3, column 'b': '' is no number in (-3.4e38, 3.4e38)",
        "line 5, column 'a': 'nan' is no number in (-3.4e38, 3.4e38)",
        "line 6, column 'b': 'oops' is no number in (-3.4e38, 3.4e38)",
        "line 7 has 2 cells where there are 3 columns",
        "line 8 has no label",
    ]
    with pytest.warns(UserWarning, match="left out 5 items"):
        data = loaded(tmp_path, text, skip_bad=True)
    assert values(data).tolist() == [[1, 2], [8, 9]]
    assert data.fields["label"].names == ("x", "y")


def test_a_bad_cell_in_a_first_line_of_numbers_is_no_header():
    arrays, bad = parse(["1,abc,3", "4,5,6"], "t.csv")
    assert bad == {0: "line 1, column '2': 'abc' is no number in (-3.4e38, 3.4e38)"}
    assert len(arrays["x"]) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "has a header and no items"),
        ("label\ncat\n", "has no column but 'label'"),
        (",a\n0,1\n", "column 1 of 'table.csv' has no name"),
        ("a,label,class\n1,2,3\n", "two columns of labels"),
        ("a,label\n1,0.5\n2,1\n", "has 0.5, which is no class"),
        (b"\xff\xfe\x00a,b", "is no text in UTF-8"),
        ("a,b\nc,d\n", "none of the 1 items"),
        ('a,b\n1,"' + "2" * 200_000 + '"\n', "is no CSV"),
    ],
)
def test_what_is_no_table(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        loaded(tmp_path, text)


def test_duplicate_lines_stay_on_one_side(tmp_path):
    data = loaded(tmp_path, "\n".join(f"{i % 30},{i % 30}" for i in range(90)))
    x = values(data)
    assert not {tuple(v) for v in x[data.train.rows]} & {tuple(v) for v in x[data.test.rows]}
    assert len(data.test) % 3 == 0


def test_numbers_too_large_to_tell_apart_are_names():
    """64-bit floats are whole from 2^53 on, but not each by itself."""
    arrays, _ = parse(["a,label", "1,10000000000000000001", "2,10000000000000000002", "3,7"], "stars.csv")
    assert arrays["label"].tolist() == ["10000000000000000001", "10000000000000000002", "7"]
    with pytest.raises(DataError, match="is no class"):
        labels(np.array([9007199254740993.0, 1.0]), "'label'")
