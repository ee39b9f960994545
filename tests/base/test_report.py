r"""Every report is a table where it is printed, and in notebooks."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
from temporaldata import Data

import temporaldata_video as tv
from temporaldata_video.testing import make_clip


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    clip = make_clip(folder / "a<b.mp4", 60, size=(32, 32), rate=30)
    indexed = tv.index_many([clip, folder / "none.mp4"], progress=False)
    video = tv.LazyVideo.from_uri(clip)
    Data(video=video, domain=video.domain).save(folder / "rec.h5")
    return {
        "index": (indexed, "failed"),
        "check": (tv.check_video(clip), "untagged-colour"),
        "relink": (tv.relink(folder / "rec.h5", dry_run=True), "kept"),
        "reencode": (tv.reencode(clip, gop=5, progress=False), "compared one by one"),
        "clock": (tv.examine_clock(np.arange(5) / 30), "median step"),
        "match": (tv.match_clock(np.arange(5) / 30, 5), "frames with a pulse"),
        "info": (tv.info(clip), "group of pictures"),
    }


class Table(HTMLParser):
    r"""The texts of the cells of each row; any tag that is not closed is an error."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


NAMES = ["index", "check", "relink", "reencode", "clock", "match", "info"]


@pytest.mark.filterwarnings("ignore::temporaldata_video.errors.VideoWarning")
@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_a_table(reports, name):
    report, words = reports[name]
    printed = [line.split("  ") for line in str(report).splitlines()]
    assert any(words in cell for line in printed for cell in line)
    rows = [[str(cell) for cell in row] for row in report.table()]
    shown = Table(report._repr_html_())
    assert shown.rows[-len(rows) :] == rows and words in shown.text
    # Columns begin below one another.
    lines = str(report).splitlines()[-len(rows) :]
    starts = {line.index(row[1]) for line, row in zip(lines, rows) if row[1].strip()}
    assert len(rows) == 1 or len(starts) == 1


def test_a_long_table_is_cut_off():
    summary = tv.ManyReport([tv.VideoReport(f"/{k}.mp4", "done", k) for k in range(5000)])
    lines = str(summary).splitlines()
    assert lines[0] == "5000 done, 0 skipped, 0 failed" and lines[-1] == "and 4900 more"
    assert len(lines) == 103


def test_an_empty_report_has_no_table():
    assert str(tv.ManyReport([])) == "0 done, 0 skipped, 0 failed"
