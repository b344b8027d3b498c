"""What a zip from a stranger can try, and that the member is named when it does."""

import stat
import struct
import zipfile

import pytest

from daedal.data import archives
from daedal.data.archives import inner, list_zip
from daedal.errors import DataError


def zipped(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def test_images_are_listed_in_order_and_others_passed_over(tmp_path):
    path = zipped(
        tmp_path / "a.zip",
        {"b/2.PNG": b"x", "a/1.jpg": b"xy", "a/.x.png": b"", "__MACOSX/1.png": b"", "note.txt": b"", "deep/": b""},
    )
    listing = list_zip(path)
    assert [(found.name, found.size) for found in listing.images] == [("a/1.jpg", 2), ("b/2.PNG", 1)]
    assert listing.others == ["note.txt"]


def test_names_as_programs_write_them(tmp_path):
    path = zipped(tmp_path / "a.zip", {"./cats/1.png": b"x", "dogs\\2.png": b"x", "./.hidden/3.png": b"x", "./": b""})
    listing = list_zip(path)
    assert sorted(inner(found.name) for found in listing.images) == ["cats/1.png", "dogs/2.png"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("../x.png", "'..'"),
        ("a/../../x.png", "'..'"),
        ("..\\x.png", "'..'"),
        ("/etc/x.png", "absolute"),
        ("\\\\host\\x.png", "absolute"),
        ("C:\\x.png", "absolute"),
        ("../notes.txt", "'..'"),
    ],
)
def test_paths_that_leave_the_folder(tmp_path, name, wrong):
    path = zipped(tmp_path / "a.zip", {"ok.png": b"x", name: b"x"})
    with pytest.raises(DataError, match=wrong) as caught:
        list_zip(path)
    assert f"'{name}'" in str(caught.value)


def test_links(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(DataError, match=r"'link.png' in .* is a link"):
        list_zip(zipped(tmp_path / "a.zip", {link: "/etc/passwd"}))


def test_passwords(tmp_path):
    path = zipped(tmp_path / "a.zip", {"secret.png": b"x"})
    raw = bytearray(path.read_bytes())
    record = raw.index(b"PK\x01\x02")
    raw[record + 8] |= 1  # the flag of the central directory
    path.write_bytes(raw)
    with pytest.raises(DataError, match=r"'secret.png' in .* is encrypted"):
        list_zip(path)


def test_a_member_that_unpacks_to_far_more_than_it_is(tmp_path):
    path = zipped(tmp_path / "a.zip", {"bomb.png": bytes(3 << 20)})
    with pytest.raises(DataError, match=r"'bomb.png' in .* over 200 times"):
        list_zip(path)
    assert list_zip(zipped(tmp_path / "b.zip", {"small.bmp": bytes(1 << 20)})).images


def test_totals_are_limited(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", {f"{k}.png": b"x" * 100 for k in range(5)})
    monkeypatch.setattr(archives, "MAX_TOTAL", 499)
    with pytest.raises(DataError, match="5 members"):
        list_zip(path)
    monkeypatch.setattr(archives, "MAX_TOTAL", 500)
    assert len(list_zip(path).images) == 5
    monkeypatch.setattr(archives, "MAX_MEMBERS", 4)
    with pytest.raises(DataError, match="5 members"):
        list_zip(path)


def test_a_declared_size_beyond_the_limit_of_an_image_is_a_problem(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 50)
    listing = list_zip(zipped(tmp_path / "a.zip", {"large.png": b"x" * 51, "ok.png": b"x"}, zipfile.ZIP_STORED))
    assert [problem.split(":")[0] for problem in listing.problems] == ["large.png"]
    assert len(listing.images) == 1


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_what_is_no_whole_zip(tmp_path, cut):
    path = zipped(tmp_path / "a.zip", {"a.png": b"x" * 30})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match="no whole zip"):
        list_zip(path)


def test_a_member_that_lies_about_its_size_is_not_read_beyond_it(tmp_path):
    path = zipped(tmp_path / "a.zip", {"lie.png": bytes(100_000)})
    raw = bytearray(path.read_bytes())
    record = raw.index(b"PK\x01\x02")
    raw[record + 24 : record + 28] = struct.pack("<I", 10)  # uncompressed size
    path.write_bytes(raw)
    with zipfile.ZipFile(path) as archive, pytest.raises(zipfile.BadZipFile):
        archive.read(list_zip(path).images[0].name)
