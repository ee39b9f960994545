r"""Lists the containers and codecs that FFmpeg may read, whatever a file calls itself."""

from __future__ import annotations

# Containers that hold their media themselves. A playlist that calls itself cam.mp4 would
# make FFmpeg open whatever it names; it is not on the list, so FFmpeg refuses it.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpegtsraw,mpeg,asf,flv,live_flv,ogg,"
    "mxf,nut,ivf,m4v,h261,h263,h264,hevc,vvc,obu,av1,mjpeg,mjpeg_2000,smjpeg,mpjpeg,"
    "ingenient,mpegvideo,dirac,dnxhd,cavsvideo,avs2,avs3,vc1,vc1test,dv,gif,apng,cine,ser,"
    "yuv4mpegpipe,rawvideo,v210,v210x,swf,rm,gxf,lxf,wtv,nsv,nuv,dhav,flic,filmstrip,fits,"
    "jpeg_pipe,jpegls_pipe,j2k_pipe,png_pipe,bmp_pipe,tiff_pipe,webp_pipe,pgm_pipe,"
    "ppm_pipe,pbm_pipe,pam_pipe,pgmyuv_pipe,dpx_pipe,exr_pipe,sgi_pipe,qoi_pipe"
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
        "ffv1",
        "huffyuv",
        "ffvhuff",
        "utvideo",
        "magicyuv",
        "lagarith",
        "jpeg2000",
        "png",
        "rawvideo",
    ]
)

# How the names of videos end. A folder is searched for these; a file may have any name.
VIDEO_SUFFIXES = (
    ".3gp",
    ".asf",
    ".avi",
    ".flv",
    ".m2ts",
    ".m4v",
    ".mj2",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".mts",
    ".mxf",
    ".nut",
    ".ogv",
    ".ts",
    ".webm",
    ".wmv",
    ".y4m",
)


def opening_options() -> dict[str, str]:
    r"""Returns the options with which FFmpeg opens a file, but no file that it names."""
    return {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}
