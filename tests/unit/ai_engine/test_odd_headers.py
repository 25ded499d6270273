"""Odd headers and code streams: the same grey values as the plain image, or a refusal by name.

Each row is what some sender, encoder or viewer has done. "Pixels against header": a value that has
one meaning is corrected, and the result says so; any other is refused for what it is, never as an
image that shows no chest and never as an error of the program.
"""

import zlib
from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.uid import UID, HTJ2KLossless, JPEG2000Lossless, RLELossless

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason as Reason
from ai_engine.preprocessing.decoding import decode_pixels
from ai_engine.preprocessing.radiograph import Radiograph, read_radiograph
from tests.unit.ai_engine.odd_images import (
    COLUMNS,
    ROWS,
    SYNTAX,
    Change,
    changes,
    chest,
    jpeg,
    jpeg_2000,
    jpeg_ls_stream,
    pixels,
    put,
    rle,
    store,
    stream,
    without,
    words,
)

NO_WINDOW = without("WindowCenter", "WindowWidth")
PLAIN = pixels()
SIGNED = (PLAIN.astype(np.int32) - 2048).astype(np.int16)
"""The same image with a grey scale around 0: what is shown of it does not change."""
EIGHT = (PLAIN >> 4).astype(np.uint8)
BYTES = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
JXL, JXL_LOSSLESS = UID("1.2.840.10008.1.2.4.112"), UID("1.2.840.10008.1.2.4.110")
ENCAPSULATED = UID("1.2.840.10008.1.2.1.98")
DEFLATED_FRAME = UID("1.2.840.10008.1.2.8.1")


def lut(descriptor: bytes, data: bytes, vr: str = "US", data_vr: str = "OW") -> Change:
    def change(dataset: Dataset) -> None:
        item = Dataset()
        put("LUTDescriptor", descriptor, vr)(item)
        put("LUTData", data, data_vr)(item)
        without("RescaleSlope", "RescaleIntercept", "RescaleType")(dataset)
        dataset.ModalityLUTSequence = [item]
        NO_WINDOW(dataset)

    return change


def voi(descriptor: bytes, vr: str = "US") -> Change:
    """A VOI LUT that shows the plain values as they are."""

    def change(dataset: Dataset) -> None:
        item = Dataset()
        put("LUTDescriptor", descriptor, vr)(item)
        put("LUTData", np.rint(np.arange(4096) * 65535 / 4095).astype("<u2").tobytes(), "OW")(item)
        dataset.VOILUTSequence = [item]

    return change


def narrow_voi(entries: npt.ArrayLike | None = None) -> Change:
    """A VOI LUT that shows most of the pixels as plain black or white."""
    step = np.clip((np.arange(4096) - 2000) * 700, 0, 65535)
    table = np.asarray(step if entries is None else entries)

    def change(dataset: Dataset) -> None:
        item = Dataset()
        put("LUTDescriptor", words(len(table), 0, 16))(item)
        put("LUTData", table.astype("<u2").tobytes(), "OW")(item)
        dataset.VOILUTSequence = [item]

    return change


IDENTITY = np.arange(4096).astype("<u2").tobytes()
SPREAD = (np.arange(4096) * 16 + 15).astype("<u2").tobytes()
CENTRED = (np.arange(4096) - 2048).astype("<i2").tobytes()
OVERLAY = PLAIN | (np.indices(PLAIN.shape).sum(0) % 2 << 15).astype(np.uint16)

CORRECTED: dict[str, tuple[Change, str]] = {
    # High Bit against Bits Stored (PS3.5 8.1.1)
    "left-aligned 12 in 16": (store(PLAIN << 4, HighBit=15), "shifted right by 4"),
    "left-aligned 10 in 16": (
        changes(store(PLAIN >> 2 << 6, HighBit=15, BitsStored=10), NO_WINDOW),
        "shifted right by 6",
    ),
    "12 bits below bit 13": (store(PLAIN << 2, HighBit=13), "shifted right by 2"),
    "High Bit 15, values low": (store(PLAIN, HighBit=15), "lowest bits"),
    "High Bit 12, values low": (store(PLAIN, HighBit=12), "lowest bits"),
    "High Bit 0": (store(PLAIN, HighBit=0), "lowest bits"),
    "High Bit right, values left-aligned": (store(PLAIN << 4), "left-aligned"),
    "High Bit missing": (without("HighBit"), ""),
    "High Bit beyond the word": (store(PLAIN, HighBit=31), ""),
    "left-aligned and MONOCHROME1": (
        store(4095 - PLAIN << 4, HighBit=15, PhotometricInterpretation="MONOCHROME1"),
        "shifted right by 4",
    ),
    "left-aligned, stated signed": (
        changes(store(PLAIN << 4, HighBit=15, PixelRepresentation=1), NO_WINDOW),
        "shifted right by 4 bits. Pixel Representation states signed values",
    ),
    "left-aligned with High Bit 11, stated signed": (
        changes(store(PLAIN << 4, PixelRepresentation=1), NO_WINDOW),
        "shifted right by 4 bits. Pixel Representation states signed values",
    ),
    "left-aligned signed values, stated unsigned": (
        changes(store(SIGNED << 4, HighBit=15), NO_WINDOW),
        "shifted right by 4 bits. Pixel Representation states unsigned values",
    ),
    "left-aligned signed values": (
        changes(store(SIGNED << 4, HighBit=15, PixelRepresentation=1), NO_WINDOW),
        "shifted right by 4",
    ),
    "High Bit 15, values low, stated signed": (
        changes(store(PLAIN, HighBit=15, PixelRepresentation=1), NO_WINDOW),
        "where they were read. Pixel Representation states signed values",
    ),
    "the other order of bytes, stated signed": (
        changes(
            store((PLAIN << 4).byteswap(), BitsStored=16, HighBit=15, PixelRepresentation=1),
            NO_WINDOW,
        ),
        "were read so. Pixel Representation states signed values",
    ),
    "left-aligned in RLE": (
        changes(store(PLAIN << 4, HighBit=15), lambda d: d.compress(RLELossless)),
        "shifted right by 4",
    ),
    "left-aligned in JPEG-LS of 16 bits": (
        stream(lambda: jpeg_ls_stream(PLAIN << 4), SYNTAX["JLS"], HighBit=15),
        "shifted right by 4",
    ),
    "left-aligned in JPEG 2000 of 16 bits": (
        stream(lambda: jpeg_2000(PLAIN << 4, 16), SYNTAX["J2K"], HighBit=15),
        "shifted right by 4",
    ),
    # Bits Allocated and Bits Stored
    "Bits Stored 0": (store(PLAIN, BitsStored=0, HighBit=0), "Bits Stored is 0"),
    "Bits Stored 32 in 16": (store(PLAIN, BitsStored=32, HighBit=31), "Bits Stored is 32"),
    "Bits Stored missing": (without("BitsStored", "HighBit"), ""),
    "Bits Stored 16 for 12": (store(PLAIN, BitsStored=16, HighBit=15), ""),
    "Bits Stored 10 for 12": (
        store(PLAIN, BitsStored=10, HighBit=9),
        "values take 12 bits",
    ),
    "Bits Allocated 12": (store(PLAIN, BitsAllocated=12), "words have 16 bits"),
    "Bits Allocated missing": (without("BitsAllocated"), "words have 16 bits"),
    "Bits Allocated 8 for words": (store(PLAIN, BitsAllocated=8), "words have 16 bits"),
    "an overlay in bit 15": (
        changes(store(OVERLAY), put("60000102", words(15)), put("60000100", words(16))),
        "",
    ),
    "an overlay in bit 15 beside an empty Overlay Data": (
        changes(
            store(OVERLAY),
            put("60000102", words(15)),
            put("60000100", words(16)),
            put("60003000", b"", "OW"),
        ),
        "",
    ),
    "an overlay below the pixels": (
        changes(
            store(PLAIN << 4 | OVERLAY >> 15, HighBit=15),
            put("60000102", words(0)),
            put("60000100", words(16)),
        ),
        "shifted right by 4",
    ),
    "an overlay without data at a bit of the pixels": (
        changes(put("60000102", words(0)), put("60000100", words(1))),
        "",
    ),
    "stray bits above High Bit": (store(OVERLAY), ""),
    # Pixel Representation
    "signed values stated unsigned": (
        changes(store(SIGNED), NO_WINDOW),
        "those of the pixels are signed",
    ),
    "unsigned values stated signed": (
        changes(store(PLAIN, PixelRepresentation=1), NO_WINDOW),
        "those of the pixels are unsigned",
    ),
    "signed without sign extension": (
        changes(store(SIGNED & 0x0FFF, PixelRepresentation=1), NO_WINDOW),
        "",
    ),
    "signed values, Bits Stored 16, stated unsigned": (
        changes(store(SIGNED, BitsStored=16, HighBit=15), NO_WINDOW),
        "those of the pixels are signed",
    ),
    "signed values of 12 bits without sign extension, stated unsigned": (
        changes(store(SIGNED & 0x0FFF), NO_WINDOW),
        "those of the pixels are signed",
    ),
    "unsigned values of 16 bits, stated signed": (
        changes(store(PLAIN << 4, PixelRepresentation=1, BitsStored=16, HighBit=15), NO_WINDOW),
        "those of the pixels are unsigned",
    ),
    "JPEG-LS of signed values, stated unsigned": (
        changes(
            stream(lambda: jpeg_ls_stream(SIGNED.view(np.uint16) & 0x0FFF), SYNTAX["JLS"]),
            NO_WINDOW,
        ),
        "those of the pixels are signed",
    ),
    "RLE of signed values, stated unsigned": (
        changes(
            store(SIGNED, BitsStored=16, HighBit=15), NO_WINDOW, lambda d: d.compress(RLELossless)
        ),
        "those of the pixels are signed",
    ),
    # Order of bytes
    "words in the other order of bytes": (store(PLAIN.byteswap()), "other order"),
    "16 bits in the other order of bytes": (
        changes(store((PLAIN << 4).byteswap(), BitsStored=16, HighBit=15), NO_WINDOW),
        "other order",
    ),
    "Pixel Representation missing": (
        changes(without("PixelRepresentation"), NO_WINDOW),
        "read as unsigned",
    ),
    "Pixel Representation 2": (
        changes(store(PLAIN, PixelRepresentation=2), NO_WINDOW),
        "read as unsigned",
    ),
    # Sign and precision of the code stream
    "JPEG 2000 signed, stated unsigned": (
        changes(stream(lambda: jpeg_2000(SIGNED, 12), SYNTAX["J2K"]), NO_WINDOW),
        "read as signed",
    ),
    "JPEG 2000 of 16 bits signed, stated unsigned": (
        changes(stream(lambda: jpeg_2000(SIGNED, 16), SYNTAX["J2K"]), NO_WINDOW),
        "read as signed",
    ),
    "unsigned values wrapped into signed JPEG 2000": (
        changes(
            stream(
                lambda: jpeg_2000(
                    np.where(PLAIN > 2047, PLAIN.astype(int) - 4096, PLAIN).astype("i2"), 12
                ),
                SYNTAX["J2K"],
            ),
            NO_WINDOW,
        ),
        "read as unsigned",
    ),
    "JPEG 2000 unsigned, stated signed": (
        changes(
            stream(lambda: jpeg_2000(PLAIN, 12), SYNTAX["J2K"], PixelRepresentation=1), NO_WINDOW
        ),
        "read as unsigned",
    ),
    "signed values wrapped into unsigned JPEG 2000": (
        changes(
            stream(
                lambda: jpeg_2000((SIGNED & 0x0FFF).astype(np.uint16), 12),
                SYNTAX["J2K"],
                PixelRepresentation=1,
            ),
            NO_WINDOW,
        ),
        "read as signed",
    ),
    "HTJ2K transfer syntax, signed code stream": (
        changes(stream(lambda: jpeg_2000(SIGNED, 12), HTJ2KLossless), NO_WINDOW),
        "read as signed",
    ),
    "JPEG-LS of signed values, stated signed": (
        changes(
            stream(
                lambda: jpeg_ls_stream(SIGNED.view(np.uint16) & 0x0FFF),
                SYNTAX["JLS"],
                PixelRepresentation=1,
            ),
            NO_WINDOW,
        ),
        "",
    ),
    "JPEG-LS of unsigned values, stated signed": (
        changes(
            stream(lambda: jpeg_ls_stream(PLAIN), SYNTAX["JLS"], PixelRepresentation=1), NO_WINDOW
        ),
        "those of the pixels are unsigned",
    ),
    "JPEG 2000 of 12 bits, Bits Stored 16": (
        stream(lambda: jpeg_2000(PLAIN, 12), SYNTAX["J2K"], BitsStored=16, HighBit=15),
        "",
    ),
    "JPEG 2000 of 16 bits, Bits Stored 12": (
        stream(lambda: jpeg_2000(PLAIN, 16), SYNTAX["J2K"]),
        "",
    ),
    "JPEG 2000 of 12 bits, Bits Allocated 8": (
        stream(lambda: jpeg_2000(PLAIN, 12), SYNTAX["J2K"], **BYTES),
        "12 bits per sample",
    ),
    "JPEG 2000, High Bit 15": (stream(lambda: jpeg_2000(PLAIN, 12), SYNTAX["J2K"], HighBit=15), ""),
    "RLE of two bytes, Bits Allocated 8": (
        stream(rle, RLELossless, BitsAllocated=8),
        "RLE has 16 bits",
    ),
    # Rescale (PS3.3 C.11.1)
    "rescale empty": (
        changes(put("RescaleSlope", ""), put("RescaleIntercept", "")),
        "Rescale Slope is empty",
    ),
    "rescale of blanks": (
        changes(put("RescaleSlope", "  "), put("RescaleIntercept", "\0\0")),
        "Rescale Intercept is empty",
    ),
    "slope alone": (without("RescaleIntercept"), "Rescale Intercept is missing"),
    "intercept alone": (without("RescaleSlope"), "Rescale Slope is missing"),
    "no rescale at all": (without("RescaleSlope", "RescaleIntercept", "RescaleType"), ""),
    "slope with a decimal comma": (put("RescaleSlope", "1,0 "), "decimal comma"),
    "slope as a binary number": (put("RescaleSlope", b"\0\0\0\0\0\0\xf0\x3f", "FD"), ""),
    "slope twice": (put("RescaleSlope", "1\\1 "), ""),
    # Modality LUT (PS3.3 C.11.1.1)
    "LUT of US": (lut(words(4096, 0, 16), SPREAD), ""),
    "LUT, descriptor and data SS": (
        lut(words(4096, 0, 16, vr="SS"), IDENTITY, "SS", "SS"),
        "",
    ),
    "LUT of signed data as SS": (lut(words(4096, 0, 16, vr="SS"), CENTRED, "SS", "SS"), ""),
    "LUT of signed data as US": (lut(words(4096, 0, 16), CENTRED, "US", "US"), "as signed"),
    "LUT with a negative count": (
        lut(words(-28672 & 0xFFFF, 0, 16), np.arange(36864).astype("<u2").tobytes()),
        "",
    ),
    "LUT of 65536 entries": (
        lut(words(0, 0, 16), np.arange(65536).astype("<u2").tobytes()),
        "",
    ),
    "LUT of the depth 12": (lut(words(4096, 0, 12), IDENTITY), ""),
    "LUT deeper than it says": (lut(words(4096, 0, 8), IDENTITY), "deeper"),
    "LUT with its bytes in the other order": (
        lut(words(4096, 0, 16), np.frombuffer(IDENTITY, "<u2").byteswap().tobytes()),
        "other order",
    ),
    "LUT of unknown VR": (lut(words(4096, 0, 16), IDENTITY, "UN", "UN"), ""),
    # Photometric Interpretation
    "monochrome2": (put("PhotometricInterpretation", "monochrome2 "), "read as MONOCHROME2"),
    "MONOCHROME 2": (put("PhotometricInterpretation", "MONOCHROME 2"), "read as MONOCHROME2"),
    "MONO-2": (put("PhotometricInterpretation", "MONO-2"), "read as MONOCHROME2"),
    "MONOCHROM2": (put("PhotometricInterpretation", "MONOCHROM2"), "read as MONOCHROME2"),
    "MONOCHROME2 twice": (
        put("PhotometricInterpretation", "MONOCHROME2\\MONOCHROME2 "),
        "read as MONOCHROME2",
    ),
    "slope of next to nothing": (
        changes(put("RescaleSlope", "1E-300"), NO_WINDOW),
        "",
    ),
    "MONOCHROME2 and NUL": (put("PhotometricInterpretation", "MONOCHROME2\0"), ""),
    "blank before": (put("PhotometricInterpretation", " MONOCHROME2"), ""),
    "Photometric Interpretation missing": (
        without("PhotometricInterpretation"),
        "Presentation LUT Shape says it is MONOCHROME2",
    ),
    "Photometric Interpretation empty": (
        put("PhotometricInterpretation", ""),
        "Presentation LUT Shape says it is MONOCHROME2",
    ),
    "missing, shape INVERSE": (
        changes(
            store(4095 - PLAIN, PresentationLUTShape="INVERSE"),
            without("PhotometricInterpretation"),
        ),
        "MONOCHROME1",
    ),
    "MONOCHROME2, shape INVERSE": (
        put("PresentationLUTShape", "INVERSE "),
        "contradicts Photometric Interpretation",
    ),
    "MONOCHROME1, shape IDENTITY": (
        changes(
            store(
                4095 - PLAIN,
                PhotometricInterpretation="MONOCHROME1",
                PresentationLUTShape="IDENTITY",
            ),
            NO_WINDOW,
        ),
        "contradicts Photometric Interpretation",
    ),
    # VOI LUT (PS3.3 C.11.2.1.1)
    "VOI LUT of signed values": (
        changes(store(SIGNED, PixelRepresentation=1), voi(words(4096, -2048, 16, vr="SS"), "SS")),
        "",
    ),
    "VOI LUT of signed values, descriptor US": (
        changes(store(SIGNED, PixelRepresentation=1), voi(words(4096, 63488, 16))),
        "first input of LUT Descriptor has the wrong sign",
    ),
    # Padding (PS3.3 C.7.5.1.1.2)
    "padding of most grey levels": (
        changes(put("PixelPaddingValue", words(0)), put("PixelPaddingRangeLimit", words(3500))),
        "padding of most of the grey levels",
    ),
    "padding of all grey levels": (
        changes(put("PixelPaddingValue", words(4095)), put("PixelPaddingRangeLimit", words(0))),
        "padding of most of the grey levels",
    ),
    "Smallest and Largest Pixel Value signed": (
        changes(
            put("SmallestImagePixelValue", words(-5, vr="SS"), "SS"),
            put("LargestImagePixelValue", words(-1, vr="SS"), "SS"),
        ),
        "",
    ),
    # Decimal commas and other texts
    "Pixel Spacing in three values": (
        put("PixelSpacing", "0.1\\0.1\\1 "),
        "Pixel Spacing cannot be read",
    ),
    "Pixel Aspect Ratio 0": (put("PixelAspectRatio", "0\\0 "), "Ratio cannot be read"),
    "Pixel Spacing 0,143": (put("PixelSpacing", "0,143\\0,143 "), "Pixel Spacing has a decimal"),
    "Pixel Spacing of words": (put("PixelSpacing", "n/a "), "Pixel Spacing cannot be read"),
    "Pixel Spacing with a comma between": (put("PixelSpacing", "0.143,0.143 "), "cannot be read"),
    "Pixel Spacing in one value": (put("PixelSpacing", "0.143 "), ""),
    "window with decimal commas": (
        changes(put("WindowCenter", "2048,0"), put("WindowWidth", "4096,0")),
        "decimal commas",
    ),
    "VOI LUT Function in lower case": (put("VOILUTFunction", "linear"), ""),
    "padding of a grey level of the image": (
        put("PixelPaddingValue", words(int(np.median(PLAIN)))),
        "amid the values of the pixels",
    ),
    "Pixel Padding Value of words": (put("PixelPaddingValue", "none", "CS"), ""),
    "Number of Frames 1 with blanks": (put("NumberOfFrames", " 1  "), ""),
    "Number of Frames empty": (put("NumberOfFrames", ""), ""),
    "Number of Frames 0": (put("NumberOfFrames", "0 "), ""),
    "Rows and Columns as text": (
        changes(put("Rows", f"{ROWS} ", "IS"), put("Columns", f"{COLUMNS} ", "IS")),
        "",
    ),
    "Samples per Pixel missing": (without("SamplesPerPixel"), ""),
    "Planar Configuration on a grey image": (put("PlanarConfiguration", words(1)), ""),
    # Transfer syntaxes without a code
    "Encapsulated Uncompressed": (stream(PLAIN.tobytes(), ENCAPSULATED), ""),
    "Deflated Image Frame": (
        stream(lambda: zlib.compress(PLAIN.tobytes(), wbits=-15), DEFLATED_FRAME),
        "",
    ),
    "a few bytes behind the pixels": (
        lambda d: setattr(d, "PixelData", d.PixelData + bytes(100)),
        "100 bytes behind",
    ),
    "filled up to a block of 4096 bytes": (
        lambda d: setattr(d, "PixelData", d.PixelData + bytes(-len(d.PixelData) % 4096 or 4096)),
        "bytes behind",
    ),
    "64 KiB of zeros behind the pixels": (
        lambda d: setattr(d, "PixelData", d.PixelData + bytes(65536)),
        "65536 bytes behind",
    ),
    "as many zeros as a column has, behind the pixels": (
        lambda d: setattr(d, "PixelData", d.PixelData + bytes(2 * ROWS)),
        f"{2 * ROWS} bytes behind",
    ),
    "a VOI LUT that does not fit beside a window that does": (narrow_voi(), "VOI LUT does not fit"),
    "a VOI LUT of 8 bits for 12": (
        narrow_voi(np.arange(256) * 257),
        "VOI LUT does not fit",
    ),
}


@pytest.mark.parametrize("name", CORRECTED)
def test_what_has_one_meaning_is_read_by_it_and_said(name: str) -> None:
    change, said = CORRECTED[name]
    plain, dataset = chest(), chest()
    change(dataset)
    if "WindowCenter" not in dataset:
        NO_WINDOW(plain)
    read, expected = read_radiograph(dataset), read_radiograph(plain)
    _require_same_grey_values(read, expected, depth=10 if "10 in 16" in name else 12)
    assert said in " ".join(read.corrections)
    assert bool(said) == bool(read.corrections)


def _require_same_grey_values(read: Radiograph, expected: Radiograph, *, depth: int) -> None:
    tolerance = 1e-5 if depth == 12 else 1e-2
    np.testing.assert_allclose(read.pixels, expected.pixels, atol=tolerance)


def colour(planar: int, stated: int) -> Change:
    channels = np.repeat(EIGHT[..., None], 3, axis=2)
    stored = np.moveaxis(channels, 2, 0) if planar else channels
    return store(
        stored,
        **BYTES,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=stated,
    )


@pytest.mark.parametrize(("planar", "stated"), [(0, 0), (1, 1), (0, 1), (1, 0)])
def test_a_grey_image_in_colour_is_read_in_the_order_of_its_planes(
    planar: int, stated: int
) -> None:
    plain, dataset = chest(), chest()
    changes(store(EIGHT, **BYTES), NO_WINDOW)(plain)
    changes(colour(planar, stated), NO_WINDOW)(dataset)
    read = read_radiograph(dataset)
    np.testing.assert_allclose(read.pixels, read_radiograph(plain).pixels, atol=1e-5)
    assert ("Planar Configuration" in " ".join(read.corrections)) == (planar != stated)


@pytest.mark.parametrize(
    ("stated", "channels"),
    [
        ("RGB", np.stack([EIGHT, *[np.full_like(EIGHT, 128)] * 2], axis=2)),
        ("YBR_FULL", np.repeat(EIGHT[..., None], 3, axis=2)),
    ],
    ids=["YBR stated RGB", "RGB stated YBR"],
)
def test_a_grey_image_of_another_colour_space_than_stated_is_read_and_said(
    stated: str, channels: npt.NDArray[np.uint8]
) -> None:
    plain, dataset = chest(), chest()
    changes(store(EIGHT, **BYTES), NO_WINDOW)(plain)
    coloured = {"SamplesPerPixel": 3, "PhotometricInterpretation": stated, "PlanarConfiguration": 0}
    changes(store(channels, **BYTES, **coloured), NO_WINDOW)(dataset)
    read = read_radiograph(dataset)
    np.testing.assert_allclose(read.pixels, read_radiograph(plain).pixels, atol=1e-5)
    assert "but the pixels are those of a grey image" in " ".join(read.corrections)


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_palette_that_turns_the_grey_scale_is_followed_and_said(is_turned: bool) -> None:
    plain, dataset = chest(), chest()
    shown = 255 - EIGHT if is_turned else EIGHT
    changes(store(shown, **BYTES), NO_WINDOW)(plain)
    changes(store(EIGHT, **BYTES, PhotometricInterpretation="PALETTE COLOR"), NO_WINDOW)(dataset)
    entries = (np.arange(256) * 257)[:: -1 if is_turned else 1].astype("<u2").tobytes()
    for each in ("Red", "Green", "Blue"):
        put(f"{each}PaletteColorLookupTableDescriptor", words(256, 0, 16), "US")(dataset)
        put(f"{each}PaletteColorLookupTableData", entries, "OW")(dataset)
    read = read_radiograph(dataset)
    np.testing.assert_allclose(read.pixels, read_radiograph(plain).pixels, atol=1e-2)
    assert any("palette turns" in each for each in read.corrections) == is_turned


def _other_size(data: bytes) -> bytes:
    """A JPEG whose frame header states 60000 x 60000 pixels."""
    place = data.index(b"\xff\xc0")
    return data[: place + 5] + b"\xea\x60\xea\x60" + data[place + 9 :]


REFUSED: dict[str, tuple[Change, Reason]] = {
    "Rescale Slope 0": (put("RescaleSlope", "0 "), Reason.SLOPE_ZERO),
    "Rescale Slope 0.0 with a comma": (put("RescaleSlope", "0,0 "), Reason.SLOPE_ZERO),
    "Rescale Slope of words": (put("RescaleSlope", "NaN "), Reason.UNREADABLE_VALUE),
    "Rescale Slope infinite": (put("RescaleSlope", "1E999 "), Reason.UNREADABLE_VALUE),
    "two Rescale Slopes": (put("RescaleSlope", "1\\2 "), Reason.UNREADABLE_VALUE),
    "Rescale Intercept -1,024": (put("RescaleIntercept", "-1,024"), Reason.UNREADABLE_VALUE),
    "left- or right-aligned": (
        store(PLAIN >> 4 << 4, HighBit=15),
        Reason.BITS_UNCLEAR,
    ),
    "High Bit 15, all 16 bits used": (
        store(PLAIN * 16 + 5, HighBit=15),
        Reason.BITS_UNCLEAR,
    ),
    "Bits Allocated 12, packed": (
        store(np.zeros(ROWS * COLUMNS * 3 // 2, np.uint8), BitsAllocated=12),
        Reason.BITS_UNCLEAR,
    ),
    "Bits Allocated of words": (put("BitsAllocated", "xy", "CS"), Reason.UNREADABLE_VALUE),
    "Rows missing": (without("Rows"), Reason.CONTRADICTORY),
    "Columns 0": (put("Columns", words(0)), Reason.CONTRADICTORY),
    "Columns one too few": (put("Columns", words(COLUMNS - 1)), Reason.CONTRADICTORY),
    "Columns one too few, and the last rows black": (
        changes(
            put("Columns", words(COLUMNS - 1)),
            lambda d: setattr(d, "PixelData", PLAIN[:-40].tobytes() + bytes(80 * COLUMNS)),
        ),
        Reason.CONTRADICTORY,
    ),
    "Columns nine too few, and the last rows black": (
        changes(
            put("Columns", words(COLUMNS - 9)),
            lambda d: setattr(d, "PixelData", PLAIN[:-40].tobytes() + bytes(80 * COLUMNS)),
        ),
        Reason.CONTRADICTORY,
    ),
    "as many zeros as pixels behind them": (
        lambda d: setattr(d, "PixelData", d.PixelData + bytes(len(d.PixelData))),
        Reason.CONTRADICTORY,
    ),
    "white behind the pixels, more than a row": (
        lambda d: setattr(d, "PixelData", d.PixelData + b"\xff" * 4096),
        Reason.CONTRADICTORY,
    ),
    "Columns one too many": (put("Columns", words(COLUMNS + 1)), Reason.UNDECODABLE),
    "Rows and Columns exchanged": (
        changes(put("Rows", words(COLUMNS)), put("Columns", words(ROWS))),
        Reason.CONTRADICTORY,
    ),
    "Rows and Columns exchanged, in RLE": (
        changes(
            lambda d: d.compress(RLELossless),
            put("Rows", words(COLUMNS)),
            put("Columns", words(ROWS)),
        ),
        Reason.CONTRADICTORY,
    ),
    "rows of twice the length": (
        changes(put("Rows", words(2 * ROWS)), put("Columns", words(COLUMNS // 2))),
        Reason.CONTRADICTORY,
    ),
    "LUT of one value": (
        lut(words(4096, 0, 16), np.full(4096, 7, "<u2").tobytes()),
        Reason.INVALID_LUT,
    ),
    "twice the pixels": (store(np.concatenate([PLAIN, PLAIN])), Reason.CONTRADICTORY),
    "half the pixels": (store(PLAIN[: ROWS // 2]), Reason.UNDECODABLE),
    "a header of its own before the pixels": (
        lambda d: setattr(d, "PixelData", bytes(512) + d.PixelData),
        Reason.CONTRADICTORY,
    ),
    "pixels in floating-point numbers": (
        changes(
            without("PixelData"),
            lambda d: setattr(d, "FloatPixelData", PLAIN.astype("<f4").tobytes()),
        ),
        Reason.UNDECODABLE,
    ),
    "no pixels at all": (put("PixelData", b"", "OW"), Reason.UNDECODABLE),
    "grey with three samples": (put("SamplesPerPixel", words(3)), Reason.CONTRADICTORY),
    "two samples": (
        changes(put("SamplesPerPixel", words(2)), put("PhotometricInterpretation", "RGB ")),
        Reason.CONTRADICTORY,
    ),
    "Photometric Interpretation and shape missing": (
        without("PhotometricInterpretation", "PresentationLUTShape"),
        Reason.NO_PHOTOMETRIC,
    ),
    "Photometric Interpretation unknown": (
        put("PhotometricInterpretation", "GRAYSCALE "),
        Reason.UNSUPPORTED_PHOTOMETRIC,
    ),
    "Number of Frames 2, one there": (put("NumberOfFrames", "2 "), Reason.MULTIFRAME),
    "Number of Frames of words": (put("NumberOfFrames", "one "), Reason.UNREADABLE_VALUE),
    "LUT without data": (lut(words(4096, 0, 16), b""), Reason.INVALID_LUT),
    "LUT with too few entries": (lut(words(4096, 0, 16), IDENTITY[:2000]), Reason.INVALID_LUT),
    "LUT descriptor of two": (lut(words(4096, 0), IDENTITY), Reason.INVALID_LUT),
    "LUT of the depth 0": (lut(words(4096, 0, 0), IDENTITY), Reason.INVALID_LUT),
    "JPEG of another size": (
        changes(store(EIGHT, **BYTES), stream(lambda: _other_size(jpeg(EIGHT)), SYNTAX["JPEG"])),
        Reason.CONTRADICTORY,
    ),
    "JPEG 2000 of another size": (
        stream(lambda: jpeg_2000(PLAIN[:500], 12), SYNTAX["J2K"]),
        Reason.CONTRADICTORY,
    ),
    "JPEG-LS of another size": (
        stream(lambda: jpeg_ls_stream(PLAIN[:, :400]), SYNTAX["JLS"]),
        Reason.CONTRADICTORY,
    ),
    "JPEG 2000 in colour, stated grey": (
        stream(lambda: jpeg_2000(np.repeat(EIGHT[..., None], 3, 2), 8), SYNTAX["J2K"], **BYTES),
        Reason.CONTRADICTORY,
    ),
    "JPEG 2000 under the JPEG-LS transfer syntax": (
        stream(lambda: jpeg_2000(PLAIN, 12), SYNTAX["JLS"]),
        Reason.CONTRADICTORY,
    ),
    "native pixels under the JPEG 2000 transfer syntax": (
        lambda d: setattr(d.file_meta, "TransferSyntaxUID", JPEG2000Lossless),
        Reason.CONTRADICTORY,
    ),
    "a picture that is no code stream": (
        stream(b"GIF89a" + bytes(500), SYNTAX["J2K"]),
        Reason.UNDECODABLE,
    ),
    "compressed pixels under a native transfer syntax": (
        changes(
            stream(lambda: jpeg_2000(PLAIN, 12), SYNTAX["J2K"]),
            lambda d: setattr(d.file_meta, "TransferSyntaxUID", UID("1.2.840.10008.1.2.1")),
        ),
        Reason.CONTRADICTORY,
    ),
    "two frames stated as one": (
        changes(
            stream(lambda: jpeg_2000(PLAIN, 12), SYNTAX["J2K"]),
            lambda d: setattr(d, "PixelData", encapsulate([jpeg_2000(PLAIN, 12)] * 2)),
        ),
        Reason.CONTRADICTORY,
    ),
    "JPEG XL": (stream(b"\xff\x0a" + bytes(500), JXL), Reason.UNSUPPORTED_COMPRESSION),
    "JPEG XL lossless": (
        stream(b"\xff\x0a" + bytes(500), JXL_LOSSLESS),
        Reason.UNSUPPORTED_COMPRESSION,
    ),
    "a video": (
        stream(bytes(500), UID("1.2.840.10008.1.2.4.102")),
        Reason.UNSUPPORTED_COMPRESSION,
    ),
    "a private transfer syntax": (
        stream(bytes(500), UID("1.3.6.1.4.1.5962.1.1")),
        Reason.UNSUPPORTED_COMPRESSION,
    ),
    "no transfer syntax": (
        lambda d: d.file_meta.__delattr__("TransferSyntaxUID"),
        Reason.UNDECODABLE,
    ),
    "RLE, 40000 x 40000": (
        changes(stream(rle, RLELossless), put("Rows", words(40000)), put("Columns", words(40000))),
        Reason.TOO_LARGE,
    ),
    "RLE that cannot hold its image": (
        stream(lambda: rle()[:64] + bytes(1000), RLELossless),
        Reason.UNDECODABLE,
    ),
    "RLE with a segment too many": (
        stream(lambda: b"\x03" + rle()[1:], RLELossless),
        Reason.UNDECODABLE,
    ),
    "Encapsulated Uncompressed, cut": (
        stream(PLAIN.tobytes()[:1000], ENCAPSULATED),
        Reason.UNDECODABLE,
    ),
    "Deflated Image Frame, damaged": (
        stream(b"\xff" * 1000, DEFLATED_FRAME),
        Reason.UNDECODABLE,
    ),
    "Deflated Image Frame of 200 MB": (
        stream(lambda: zlib.compress(bytes(200_000_000), wbits=-15), DEFLATED_FRAME),
        Reason.CONTRADICTORY,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_one_meaning_is_refused_under_its_own_name(name: str) -> None:
    change, reason = REFUSED[name]
    dataset = chest()
    change(dataset)
    with pytest.raises(ImageRefusedError) as refused:
        read_radiograph(dataset)
    assert refused.value.reason is reason
    assert "Error" not in refused.value.detail
    assert "SYNTHETIC" not in str(refused.value)


def test_a_white_marker_on_a_dark_image_is_no_sign() -> None:
    dark = PLAIN >> 2
    dark[:60, :200:2] = 4095
    dataset = chest()
    changes(store(dark), NO_WINDOW)(dataset)
    assert decode_pixels(dataset).corrections == ()


def test_edges_to_black_and_white_are_no_sign() -> None:
    """Grids, burned-in marks and dead pixels jump to the ends of the scale and back."""
    deep = PLAIN << 4
    grid = deep.copy()
    grid[::8] = grid[:, ::8] = 65535
    dead = np.where(np.arange(deep.size).reshape(deep.shape) % 19 == 0, 65535, deep)
    dead[np.arange(deep.size).reshape(deep.shape) % 23 == 0] = 0
    blocks = np.arange(ROWS)[:, None] // 32 + np.arange(COLUMNS) // 32
    squares = np.where(blocks % 2, 60000 + (PLAIN & 2047), PLAIN & 2047)
    for stored in (grid, dead, squares):
        dataset = chest()
        changes(store(stored.astype(np.uint16), BitsStored=16, HighBit=15), NO_WINDOW)(dataset)
        assert decode_pixels(dataset).corrections == ()


def test_bars_across_an_image_do_not_say_that_its_rows_are_shorter() -> None:
    bars = np.repeat(np.arange(ROWS)[:, None] // 4 % 2 * 3000, COLUMNS, axis=1)
    dataset = chest()
    store(bars.astype(np.uint16))(dataset)
    np.testing.assert_array_equal(decode_pixels(dataset).values, bars)


@pytest.mark.parametrize(
    ("padding", "vr", "sign", "offset"), [(65535, "US", 0, 0), (-32768, "SS", 1, 2048)]
)
def test_padding_beyond_bits_stored_is_padding(
    padding: int, vr: str, sign: int, offset: int
) -> None:
    stored = PLAIN.astype(np.int32) - offset
    stored[:, :120] = padding
    dataset = chest()
    changes(
        store((stored % 65536).astype(np.uint16), PixelRepresentation=sign),
        put("PixelPaddingValue", words(padding, vr=vr), vr=vr),
        NO_WINDOW,
    )(dataset)
    read = read_radiograph(dataset)
    assert read.corrections == ()
    assert not read.pixels[:, :120].any()
    assert 0.4 < read.pixels[:, 130:].mean() < 0.7


def test_padding_amid_the_values_of_the_pixels_is_padding_where_it_stands_out() -> None:
    stored = PLAIN.astype(np.int32) - 2048
    stored[:, :120] = 0
    dataset = chest()
    changes(
        store((stored % 65536).astype(np.uint16), PixelRepresentation=1),
        put("PixelPaddingValue", words(0, vr="SS"), vr="SS"),
        NO_WINDOW,
    )(dataset)
    read = read_radiograph(dataset)
    assert read.corrections == ()
    assert not read.pixels[:, :120].any()


@pytest.mark.parametrize("center", ["6000", "-6000"])
def test_a_sigmoid_that_shows_nothing_but_black_or_white_is_passed_over(center: str) -> None:
    """Such a window never reaches black or white themselves."""
    dataset = chest()
    changes(
        put("VOILUTFunction", "SIGMOID "),
        put("WindowCenter", center),
        put("WindowWidth", "4096"),
    )(dataset)
    read = read_radiograph(dataset)
    assert "The window does not fit" in " ".join(read.corrections)


@pytest.mark.parametrize("padding", [65535, 40000])
def test_padding_that_is_not_declared_does_not_darken_the_image_without_a_word(
    padding: int,
) -> None:
    stored = PLAIN.copy()
    stored[:, :120] = padding
    dataset = chest()
    changes(store(stored, BitsStored=16, HighBit=15), NO_WINDOW)(dataset)
    read = read_radiograph(dataset)
    assert "as of padding that is not declared" in " ".join(read.corrections)
    assert 0.4 < read.pixels[:, 130:].mean() < 0.7


@pytest.mark.slow
def test_damaged_rle_is_refused_also_where_its_decoder_panics() -> None:
    causes = set()
    for seed in range(20):
        random = np.random.default_rng(seed)
        damaged = bytearray(rle())
        for place in random.integers(64, len(damaged), 50):
            damaged[place] = random.integers(256)
        dataset = chest()
        stream(bytes(damaged), RLELossless)(dataset)
        with pytest.raises(ImageRefusedError) as refused:
            read_radiograph(dataset)
        assert refused.value.reason in {Reason.UNDECODABLE, Reason.BITS_UNCLEAR}
        causes.add(type(refused.value.__cause__).__name__)
    assert "PanicException" in causes


def test_what_pydicom_writes_is_read_back_without_a_word() -> None:
    written = BytesIO()
    dcmwrite(written, chest())
    written.seek(0)
    assert read_radiograph(dcmread(written)).corrections == ()


def _falling(dataset: Dataset) -> None:
    """A VOI LUT that shows high values dark, as its only view."""
    narrow_voi(np.rint(np.arange(4096)[::-1] * 65535 / 4095))(dataset)
    NO_WINDOW(dataset)


@pytest.mark.parametrize(
    ("photometric", "sign", "is_said"),
    [
        ("MONOCHROME2", None, True),
        ("MONOCHROME2", -1, True),
        ("MONOCHROME2", 1, False),  # low values are of dense tissue: shown bright by the LUT
        ("MONOCHROME1", 1, True),
        ("MONOCHROME1", -1, False),
    ],
)
@pytest.mark.parametrize("change", [_falling, put("RescaleSlope", "-1 ")])
def test_a_grey_scale_that_is_turned_around_is_followed_and_said_to_be_doubtful(
    change: Change, photometric: str, sign: int | None, is_said: bool
) -> None:
    dataset, plain = chest(), chest()
    changes(change, put("PhotometricInterpretation", photometric))(dataset)
    without("PresentationLUTShape", "PixelIntensityRelationshipSign")(dataset)
    NO_WINDOW(plain)
    if "WindowCenter" in dataset:
        NO_WINDOW(dataset)
    if sign is not None:
        put("PixelIntensityRelationshipSign", words(sign, vr="SS"))(dataset)
    read = read_radiograph(dataset)
    assert ("turns the grey scale around" in " ".join(read.corrections)) == is_said
    alike = np.corrcoef(read.pixels[::9].ravel(), read_radiograph(plain).pixels[::9].ravel())[0, 1]
    assert np.sign(alike) == (1 if photometric == "MONOCHROME1" else -1)
