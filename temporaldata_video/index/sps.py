r"""The size of a decoded picture, from the parameter sets of H.264 and HEVC."""

from __future__ import annotations

from .boxtree import BoxesUnsupported

# ISO/IEC 14496-10, section 7.3.2.1.1: the profiles whose parameter set tells of chroma.
CHROMA_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
# Chroma format -> horizontal and vertical luma samples to one of chroma.
SUBSAMPLING = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
HEVC_SPS = 33


class Bits:
    r"""Reads a parameter set bit by bit.

    Args:
        data: its bytes, with emulation prevention.
    """

    def __init__(self, data: bytes) -> None:
        payload = data.replace(b"\0\0\3", b"\0\0")
        self._value = int.from_bytes(payload, "big")
        self._left = 8 * len(payload)

    def read(self, count: int) -> int:
        r"""Returns the next bits as an unsigned integer."""
        self._left -= count
        if self._left < 0:
            raise BoxesUnsupported("a parameter set is too short")
        return (self._value >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        r"""Returns the next unsigned Exp-Golomb code, ``ue(v)`` in the standards."""
        zeros = 0
        while self.read(1) == 0:
            zeros += 1
            if zeros > 32:
                raise BoxesUnsupported("a parameter set makes no sense")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed_golomb(self) -> int:
        r"""Returns the next signed Exp-Golomb code, ``se(v)`` in the standards."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def h264_size(avcc: bytes, width: int, height: int) -> tuple[int, int]:
    r"""Returns width and height of a decoded H.264 picture.

    Args:
        avcc: payload of ``avcC`` (ISO/IEC 14496-15, section 5.3.3.1).
        width: as the sample entry has it.
        height: as the sample entry has it.

    Raises:
        BoxesUnsupported: if there is no parameter set or several sizes.
    """
    found = {_h264_sps_size(nal) for nal in _avcc_sps(avcc)}
    if len(found) != 1:
        raise BoxesUnsupported(f"'avcC' tells of {len(found)} picture sizes")
    coded_width, coded_height, at_origin = found.pop()
    # FFmpeg takes the container's word for a crop at the right and at the bottom which
    # stays within the last macroblock: 1088 coded lines of which 1080 are meant.
    cropped = (width, height)
    if at_origin and all(
        0 <= coded - meant < 16 and -meant // 16 == -coded // 16
        for coded, meant in zip((coded_width, coded_height), cropped)
    ):
        return cropped
    return coded_width, coded_height


def hevc_size(hvcc: bytes) -> tuple[int, int]:
    r"""Returns width and height of a decoded HEVC picture.

    Args:
        hvcc: payload of ``hvcC`` (ISO/IEC 14496-15, section 8.3.3.1).

    Raises:
        BoxesUnsupported: if there is no parameter set or several sizes.
    """
    found = {_hevc_sps_size(nal) for nal in _hvcc_sps(hvcc)}
    if len(found) != 1:
        raise BoxesUnsupported(f"'hvcC' tells of {len(found)} picture sizes")
    return found.pop()


def _nal_units(record: bytes, at: int, count: int) -> tuple[list[bytes], int]:
    r"""Returns length-prefixed NAL units, and the offset after the last one."""
    units = []
    for _ in range(count):
        length = int.from_bytes(record[at : at + 2], "big")
        units.append(record[at + 2 : at + 2 + length])
        at += 2 + length
    if at > len(record):
        raise BoxesUnsupported("a configuration record is too short")
    return units, at


def _avcc_sps(avcc: bytes) -> list[bytes]:
    if len(avcc) < 7 or avcc[0] != 1:
        raise BoxesUnsupported("'avcC' is no configuration record")
    return _nal_units(avcc, 6, avcc[5] & 31)[0]


def _hvcc_sps(hvcc: bytes) -> list[bytes]:
    if len(hvcc) < 23 or hvcc[0] != 1:
        raise BoxesUnsupported("'hvcC' is no configuration record")
    units, at = [], 23
    for _ in range(hvcc[22]):
        kind, count = hvcc[at : at + 1], int.from_bytes(hvcc[at + 1 : at + 3], "big")
        nals, at = _nal_units(hvcc, at + 3, count)
        # The layer is 0 in the picture itself, not in a depth or alpha picture.
        units += [n for n in nals if kind and kind[0] & 63 == HEVC_SPS and _layer(n) == 0]
    return units


def _layer(nal: bytes) -> int:
    return int.from_bytes(nal[:2], "big") >> 3 & 63


def _h264_sps_size(nal: bytes) -> tuple[int, int, bool]:
    # ISO/IEC 14496-10, section 7.3.2.1.1; the last item is whether the crop leaves the
    # top left corner where it is.
    bits = Bits(nal[1:])
    profile = bits.read(8)
    bits.read(16)
    bits.golomb()
    chroma = 1
    if profile in CHROMA_PROFILES:
        chroma = bits.golomb()
        if chroma == 3 and bits.read(1):
            chroma = 0
        bits.golomb()
        bits.golomb()
        bits.read(1)
        if bits.read(1):
            _skip_scaling_lists(bits, 12 if chroma == 3 else 8)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.read(1)
        bits.signed_golomb()
        bits.signed_golomb()
        for _ in range(min(bits.golomb(), 256)):
            bits.signed_golomb()
    bits.golomb()
    bits.read(1)
    width = 16 * (bits.golomb() + 1)
    height = 16 * (bits.golomb() + 1)
    fields = 2 - bits.read(1)
    if fields == 2:
        bits.read(1)
    bits.read(1)
    crop = [bits.golomb() for _ in range(4)] if bits.read(1) else [0, 0, 0, 0]
    unit_x, unit_y = _subsampling(chroma)
    size = _crop(width, fields * height, crop, unit_x, fields * unit_y)
    return *size, crop[0] == crop[2] == 0


def _skip_scaling_lists(bits: Bits, count: int) -> None:
    # ISO/IEC 14496-10, section 7.3.2.1.1.1.
    for i in range(count):
        if not bits.read(1):
            continue
        last = following = 8
        for _ in range(16 if i < 6 else 64):
            if following:
                following = (last + bits.signed_golomb()) % 256
            last = following or last


def _hevc_sps_size(nal: bytes) -> tuple[int, int]:
    # ISO/IEC 23008-2, section 7.3.2.2.1.
    bits = Bits(nal[2:])
    bits.read(4)
    layers = bits.read(3)
    bits.read(1)
    bits.read(96)
    present = [(bits.read(1), bits.read(1)) for _ in range(8 if layers else 0)][:layers]
    for profile, level in present:
        bits.read(88 * profile + 8 * level)
    bits.golomb()
    chroma = bits.golomb()
    if chroma == 3 and bits.read(1):
        chroma = 0
    width, height = bits.golomb(), bits.golomb()
    crop = [bits.golomb() for _ in range(4)] if bits.read(1) else [0, 0, 0, 0]
    return _crop(width, height, crop, *_subsampling(chroma))


def _subsampling(chroma: int) -> tuple[int, int]:
    if chroma not in SUBSAMPLING:
        raise BoxesUnsupported("a parameter set has an unknown chroma format")
    return SUBSAMPLING[chroma]


def _crop(
    width: int, height: int, crop: list[int], unit_x: int, unit_y: int
) -> tuple[int, int]:
    left, right, top, bottom = crop
    width -= unit_x * (left + right)
    height -= unit_y * (top + bottom)
    if not (0 < width < 1 << 16 and 0 < height < 1 << 16):
        raise BoxesUnsupported("a parameter set has an impossible picture size")
    return width, height
