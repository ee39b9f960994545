r"""Describes a video in HTML for notebooks: facts, and a few frames as JPEG."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

# Colours come from the notebook, light or dark.
_CELL = "style='text-align:left;padding:1px 12px 1px 0;vertical-align:top'"
_FIGURE = "style='display:inline-block;margin:6px 6px 0 0;text-align:center'"


def facts_html(
    title: str,
    facts: dict[str, str],
    pictures: Sequence[tuple[bytes, str]],
    note: str = "",
) -> str:
    r"""Returns a table of facts above pictures with captions.

    Args:
        title: what the facts are about.
        facts: texts by name; not HTML.
        pictures: JPEG and caption of each.
        note: a remark about the pictures, such as why there are none.

    Example ::

        >>> facts_html("Video", {"uri": "a&b.mp4"}, [], note="x < y").count("&amp;")
        1
    """
    rows = "".join(
        f"<tr><th {_CELL}>{escape(name)}</th><td {_CELL}>{escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    figures = "".join(
        f"<figure {_FIGURE}><img alt='{escape(caption)}' "
        f"src='data:image/jpeg;base64,{b64encode(jpeg).decode()}'>"
        f"<figcaption><small>{escape(caption)}</small></figcaption></figure>"
        for jpeg, caption in pictures
    )
    remark = f"<div><small>{escape(note)}</small></div>" if note else ""
    return (
        f"<div><strong>{escape(title)}</strong><table>{rows}</table>"
        f"<div>{figures}</div>{remark}</div>"
    )
