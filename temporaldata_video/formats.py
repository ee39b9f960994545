r"""The containers and codecs that FFmpeg may be asked for, whatever a file calls itself."""

from __future__ import annotations

# Containers that hold their media themselves. A playlist that calls itself cam.mp4 would
# have FFmpeg open whatever it names; it is not on the list, so FFmpeg refuses it.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,flv,live_flv,ogg,mxf,nut,"
    "ivf,m4v,h264,hevc,obu,mjpeg,mpegvideo,h263,dv,gif,apng,yuv4mpegpipe,rawvideo,swf,vc1"
)

# Codecs whose decoder needs nothing from the container beyond what StreamInfo holds.
SELF_CONTAINED_CODECS = frozenset(
    [
        "h264",
        "hevc",
        "mpeg4",
        "h263",
        "mpeg2video",
        "mpeg1video",
        "mjpeg",
        "vp8",
        "vp9",
        "av1",
        "prores",
        "dnxhd",
    ]
)


def opening_options() -> dict[str, str]:
    r"""Returns the options with which FFmpeg opens a file and nothing that it names."""
    return {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}
