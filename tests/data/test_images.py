"""One image file to levels: every mode, depth, orientation and fit, against values written down or another path."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from daedal.data.images import BadImage, How, colour, decode, decoder_warnings

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # of damaged metadata
RAMP = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def levels(image, kind="PNG", how=How(), **options):  # noqa: B008
    return decode(encoded(image, kind, **options), how).levels


def test_grey_is_one_channel_with_its_own_levels():
    picture = decode(encoded(Image.fromarray(RAMP)), How())
    assert picture.levels.dtype == np.uint8
    np.testing.assert_array_equal(picture.levels, RAMP[None])
    assert (picture.size, picture.mode) == ((6, 8), "L")


def test_bilevel_is_black_and_white():
    np.testing.assert_array_equal(levels(Image.fromarray(RAMP > 100)), np.where(RAMP > 100, 255, 0)[None])


def test_colour_is_channels_first():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(levels(Image.fromarray(pixels)), pixels.transpose(2, 0, 1))


def test_colour_that_is_grey_everywhere_is_one_channel_unless_three_are_asked_for():
    pixels = np.repeat(RAMP[..., None], 3, axis=2)
    np.testing.assert_array_equal(levels(Image.fromarray(pixels)), RAMP[None])
    np.testing.assert_array_equal(levels(Image.fromarray(pixels), how=How(channels=3)), np.stack([RAMP] * 3))
    pixels[5, 7, 2] += 1  # the very last pixel
    assert levels(Image.fromarray(pixels)).shape == (3, 6, 8)


def test_grey_from_colour_is_the_luma_of_itu_601():
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert levels(Image.fromarray(pixels), how=How(channels=1)).tolist() == [[[76, 150, 29]]]


def test_palette_with_and_without_transparency():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    assert levels(image).tolist() == [[[255, 0]], [[0, 0]], [[0, 255]]]
    assert levels(image, transparency=0).tolist() == [[[255, 0]], [[255, 0]], [[255, 255]]]
    assert levels(image, "GIF", transparency=0).tolist() == [[[255, 0]], [[255, 0]], [[255, 255]]]


def test_cmyk_becomes_rgb():
    image = Image.fromarray(np.array([[[0, 255, 255, 0], [255, 255, 0, 0], [0, 0, 0, 255]]], np.uint8), "CMYK")
    assert levels(image, "TIFF").tolist() == [[[255, 0, 0]], [[0, 0, 0]], [[0, 255, 0]]]
    jpeg = levels(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100).astype(int)
    assert abs(jpeg - np.array([255, 0, 0])[:, None, None]).max() <= 2


def without_adobes_marker(jpeg):
    """The same file without its segment APP14: then 255 is full ink, as the standard has it, and not none."""
    out, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        out, at = out if jpeg[at + 1] == 0xEE else out + jpeg[at:end], end
    return out + jpeg[at:]


def test_cmyk_that_is_not_inverted_is_known_by_the_lack_of_adobes_marker():
    inverted = Image.new("CMYK", (16, 16), (255, 0, 0, 255))  # written as (0, 255, 255, 0): red
    jpeg = without_adobes_marker(encoded(inverted, "JPEG", quality=100))
    assert b"Adobe" not in jpeg
    assert abs(decode(jpeg, How()).levels - np.array([255, 0, 0])[:, None, None]).max() <= 2


def png(width, depth, kind, row, clear):
    """One row of pixels as the PNG standard has them, of which the value `clear` is transparent."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, depth, kind, 0, 0, 0))
    body = chunk(b"tRNS", clear) + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + body


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (png(2, 1, 0, bytes([0b01000000]), struct.pack(">H", 0)), [[[255, 255]]]),
        (png(4, 2, 0, bytes([0b00011011]), struct.pack(">H", 1)), [[[0, 255, 170, 255]]]),
        (png(3, 4, 0, bytes([0x01, 0x20]), struct.pack(">H", 1)), [[[0, 255, 34]]]),
        (png(2, 8, 0, bytes([7, 9]), struct.pack(">H", 7)), [[[255, 9]]]),
        (png(2, 16, 0, struct.pack(">2H", 0x1234, 0x3412), struct.pack(">H", 0x1234)), [[[65535, 0x3412]]]),
        (
            png(2, 16, 2, struct.pack(">6H", *[0x1234] * 3, 0x3412, 0x3434, 0x3536), struct.pack(">3H", *[0x1234] * 3)),
            [[[255, 0x34]], [[255, 0x34]], [[255, 0x35]]],
        ),
    ],
)
def test_a_transparent_level_of_any_depth(file, expected):
    assert decode(file, How()).levels.tolist() == expected


@pytest.mark.parametrize(("background", "expected"), [("white", [255, 128, 127]), ("#0000ff", [127, 0, 127])])
def test_alpha_is_laid_over_the_background(background, expected):
    image = Image.new("RGBA", (1, 1), (255, 0, 0, 128))  # half red
    over = levels(image, how=How(background=colour(background), channels=3))[:, 0, 0].astype(int)
    share = 128 / 255
    exact = share * np.array([255, 0, 0]) + (1 - share) * np.array(colour(background))
    assert abs(over - exact).max() <= 1


def test_alpha_is_kept_with_four_channels_and_grey_gets_an_opaque_one():
    image = Image.fromarray(np.array([[[9, 8, 7, 6], [1, 2, 3, 0]]], np.uint8))
    assert levels(image, how=How(channels=4)).tolist() == [[[9, 1]], [[8, 2]], [[7, 3]], [[6, 0]]]
    assert levels(Image.new("L", (1, 1), 40), how=How(channels=4)).ravel().tolist() == [40, 40, 40, 255]


def test_grey_and_alpha_stays_grey_over_white():
    image = Image.fromarray(np.array([[[10, 255], [10, 0]]], np.uint8), "LA")
    assert levels(image).tolist() == [[[10, 255]]]


def test_transparent_pixels_do_not_bleed_when_resized():
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (200, 100, 50, 255)
    pixels[:, 4:] = (0, 255, 0, 0)  # green, but not to be seen
    small = levels(Image.fromarray(pixels), how=How(size=(4, 4), channels=4))
    seen = small[3] > 0
    for channel, value in enumerate((200, 100, 50)):
        assert abs(small[channel][seen].astype(int) - value).max() <= 6  # premultiplied and rounded


DEEP = (np.arange(48).reshape(6, 8) * 1391).astype(np.uint16)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_keeps_all_its_levels(kind):
    picture = decode(encoded(Image.fromarray(DEEP), kind), How())
    assert picture.levels.dtype == np.uint16
    np.testing.assert_array_equal(picture.levels, DEEP[None])


def test_sixteen_bit_big_endian():
    image = Image.frombytes("I;16B", (8, 6), DEEP.astype(">u2").tobytes())
    np.testing.assert_array_equal(levels(image, "TIFF"), DEEP[None])


def test_sixteen_bits_survive_resizing():
    flat = Image.fromarray(np.full((32, 32), 12345, np.uint16))
    assert set(levels(flat, how=How(size=(8, 8))).ravel().tolist()) == {12345}
    slope = (np.arange(64)[None] * 1000 + 7).repeat(64, 0).astype(np.uint16)  # linear: its halves average exactly
    small = levels(Image.fromarray(slope), how=How(size=(32, 32)))[0, 16, 4:28]
    np.testing.assert_allclose(small, np.arange(4, 28) * 2000 + 507, atol=1)


def test_sixteen_bits_do_not_overflow_where_bicubic_overshoots():
    step = np.zeros((8, 8), np.uint16)
    step[:, 4:] = 65535
    large = levels(Image.fromarray(step), how=How(size=(32, 32)))[0, 16].astype(int)
    assert large[0] == 0
    assert large[-1] == 65535
    assert (np.diff(large[8:24]) >= 0).all()


def test_integers_and_floats_within_range():
    np.testing.assert_array_equal(levels(Image.fromarray(DEEP.astype(np.int32)), "TIFF"), DEEP[None])
    halves = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert levels(halves, "TIFF").tolist() == [[[0, 32768, 65535]]]


@pytest.mark.parametrize(
    "values", [np.float32([[0, 2]]), np.float32([[0, np.nan]]), np.int32([[-1, 0]]), np.int32([[70000]])]
)
def test_integers_and_floats_out_of_range_are_bad(values):
    with pytest.raises(BadImage, match="save it with 8 or 16 bits"):
        levels(Image.fromarray(values), "TIFF")


# How the stored image is turned to be seen, by numpy: EXIF 2.32, tag 0x0112.
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_exif_orientation(orientation, kind, options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(RAMP).convert("RGB")
    picture = decode(encoded(image, kind, exif=exif, **options), How())
    seen = UPRIGHT[orientation](RAMP)
    np.testing.assert_array_equal(picture.levels, seen[None])
    assert picture.size == seen.shape


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_of_a_reduced_jpeg(orientation):
    stored = np.zeros((512, 768), np.uint8)
    stored[:256, :384] = 250  # one bright quarter
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(
        encoded(Image.fromarray(stored), "JPEG", exif=exif), How(size=(4, 6) if orientation < 5 else (6, 4))
    )
    seen = UPRIGHT[orientation](stored)
    assert picture.size == seen.shape
    rows, columns = np.nonzero(picture.levels[0] > 125)
    true_rows, true_columns = np.nonzero(seen)
    assert (rows.mean() > 2) == (true_rows.mean() > seen.shape[0] / 2)
    assert (columns.mean() > 2) == (true_columns.mean() > seen.shape[1] / 2)
    assert picture.levels[0, picture.levels.shape[1] // 2 :].size


def test_broken_exif_does_not_make_an_image_bad():
    image = Image.fromarray(RAMP)
    np.testing.assert_array_equal(levels(image, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff\x01"), RAMP[None])


PHOTO = Image.fromarray(load_sample_image("china.jpg")[:256, :400])


@pytest.mark.parametrize("size", [(64, 64), (32, 100), (100, 32)])
def test_crop_equals_pillows_fit(size):
    ours = levels(PHOTO, how=How(size=size)).astype(int)
    theirs = np.asarray(ImageOps.fit(PHOTO, size[::-1], Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    assert abs(ours - theirs).mean() < 2  # windows differ by under half a pixel
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.995


def test_crop_is_the_centre_of_the_resized_image():
    whole = PHOTO.resize((100, 64), Image.Resampling.BICUBIC)
    ours = levels(PHOTO, how=How(size=(64, 64))).astype(int)
    centre = np.asarray(whole).transpose(2, 0, 1)[:, :, 18:82]
    inner = (slice(None), slice(None), slice(2, -2))  # at the edges the window sees nothing beyond itself
    np.testing.assert_array_equal(ours[inner], centre[inner])


@pytest.mark.parametrize("shape", [(64, 65), (67, 64), (64, 64)])
def test_crop_without_scaling_copies_pixels(shape):
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    top, left = (round((side - 64) / 2) for side in shape)
    np.testing.assert_array_equal(
        levels(Image.fromarray(pixels), how=How(size=(64, 64))),
        pixels[top : top + 64, left : left + 64].transpose(2, 0, 1),
    )


def test_pad_equals_pillows_pad():
    ours = levels(PHOTO, how=How(size=(65, 64), fit="pad", background=(1, 2, 3)))
    theirs = ImageOps.pad(PHOTO, (64, 65), Image.Resampling.BICUBIC, color=(1, 2, 3))
    np.testing.assert_array_equal(ours, np.asarray(theirs).transpose(2, 0, 1))


def test_pad_of_grey_deep_and_transparent_images():
    how = How(size=(4, 4), fit="pad")
    assert levels(Image.fromarray(np.full((2, 4), 500, np.uint16)), how=how)[0, :, 0].tolist() == [
        65535,
        500,
        500,
        65535,
    ]
    red = levels(Image.new("L", (4, 2), 9), how=how._replace(background=(255, 0, 0)))
    assert red[:, 0, 0].tolist() == [255, 0, 0]
    clear = levels(Image.new("RGB", (4, 2)), how=how._replace(channels=4))
    assert clear[3, :, 0].tolist() == [0, 255, 255, 0]
    assert levels(Image.new("L", (4, 2), 9), how=how._replace(background=(255, 0, 0), channels=1))[0, 0, 0] == 76


def test_stretch_equals_resize():
    ours = levels(PHOTO, how=How(size=(20, 60), fit="stretch"))
    np.testing.assert_array_equal(ours, np.asarray(PHOTO.resize((60, 20))).transpose(2, 0, 1))


def test_downscaling_is_antialiased():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    assert abs(levels(Image.fromarray(stripes), how=How(size=(16, 16)))[0, :, 2:-2].astype(int) - 127.5).max() <= 2


@pytest.mark.parametrize("progressive", [False, True])
def test_a_reduced_jpeg_differs_from_the_whole_by_under_a_level_on_average(progressive):
    data = encoded(Image.fromarray(load_sample_image("flower.jpg")), "JPEG", progressive=progressive)
    whole = encoded(Image.open(io.BytesIO(data)), "BMP")
    for size in (32, 64, 106):
        ours, exact = (decode(d, How(size=(size, size))).levels.astype(int) for d in (data, whole))
        assert 0 < abs(ours - exact).mean() < 1
        assert abs(ours - exact).max() <= 16


def test_first_frame_of_an_animation():
    frames = [Image.new("L", (4, 4), 10), Image.new("L", (4, 4), 200)]
    assert set(levels(frames[0], "GIF", save_all=True, append_images=frames[1:]).ravel().tolist()) == {10}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"these are words\n", "not an image"),
        (encoded(PHOTO, "JPEG")[:3000], "truncated"),
        (encoded(PHOTO, "PNG")[:3000], "truncated"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
    ],
)
def test_bad_files_say_why(data, reason):
    with pytest.raises(BadImage, match=reason):
        decode(data, How())


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "JPEG"])
def test_a_cut_file_is_refused_or_whole(kind):
    data = encoded(Image.fromarray(RAMP), kind)
    whole = decode(data, How()).levels
    refused = 0
    for cut in range(0, len(data), max(1, len(data) // 40)):
        try:
            np.testing.assert_array_equal(decode(data[:cut], How()).levels, whole)
        except BadImage:
            refused += 1
    assert refused > 20


def test_a_decompression_bomb_is_an_error_and_not_a_warning(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    with decoder_warnings(), pytest.raises(BadImage, match="more pixels than the limit of 40"):
        decode(encoded(Image.fromarray(RAMP)), How())  # 48: Pillow alone would only warn
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(BadImage, match="more pixels than the limit of 20"):
        decode(encoded(Image.fromarray(RAMP)), How())
