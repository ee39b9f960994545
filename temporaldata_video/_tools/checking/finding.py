r"""What a check finds: how bad it is, what it is and means, and what mends it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import IntEnum

from ..._base.report import Report
from ..._base.shell_words import shell_words


class Severity(IntEnum):
    r"""How bad a finding is; the worst one is the exit status of the command."""

    INFO = 0
    WARNING = 1
    ERROR = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    r"""One thing about a video that will hurt, or that the user should know.

    Args:
        severity: ``ERROR`` where frames or times are wrong or missing, ``WARNING`` where
            reading is slow or other programs go wrong, ``INFO`` for facts that are only
            good to know.
        code: what kind of thing it is, such as ``"open-gop"``; stays the same between
            versions.
        what: what was found, with its numbers.
        meaning: what that means for a reader of the video.
        remedy: what to do, a command where there is one.
        uri: the file.
    """

    severity: Severity
    code: str
    what: str
    meaning: str
    remedy: str
    uri: str


@dataclass(frozen=True)
class CheckReport(Report):
    r"""All that was found in a video.

    Args:
        uri: the video, or its first file.
        frames: number of frames in all of its files.
        decoded: whether every frame was decoded.
        findings: the worst first.

    Example ::

        >>> import temporaldata_video as tv
        >>> from temporaldata_video.testing import make_clip
        >>> report = tv.check_video(make_clip("clip.mp4", n_frames=60))
        >>> report.codes
        ('index-missing', 'untagged-colour')
        >>> report.severity
        <Severity.WARNING: 1>
    """

    uri: str
    frames: int
    decoded: bool
    findings: tuple[Finding, ...]
    columns = ("severity", "code", "what", "remedy")

    @property
    def severity(self) -> Severity:
        r"""That of the worst finding; ``INFO`` where there is none."""
        return max((f.severity for f in self.findings), default=Severity.INFO)

    @property
    def codes(self) -> tuple[str, ...]:
        r"""What kinds of things were found, each once."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))

    def table(self) -> list[tuple[str, str, str, str]]:
        r"""Returns severity, code, what it is and the remedy of each finding."""
        return [(str(f.severity), f.code, f.what, f.remedy) for f in self.findings]

    def _heading(self) -> str:
        nothing = "" if self.findings else ", nothing found"
        return f"{self.uri}: {counted(self.frames, 'frame')}{nothing}"

    def to_json(self) -> str:
        r"""Returns the report as one line of JSON."""
        findings = [
            asdict(finding) | {"severity": str(finding.severity)}
            for finding in self.findings
        ]
        facts = {"uri": self.uri, "frames": self.frames, "decoded": self.decoded}
        return json.dumps(facts | {"severity": str(self.severity), "findings": findings})


def command(*words: str) -> str:
    r"""Returns a command of this package as a user would type it.

    Example ::

        >>> command("index", "my cam.mp4")
        "temporaldata-video index 'my cam.mp4'"
    """
    return shell_words(["temporaldata-video", *words])


def counted(n: int, noun: str) -> str:
    r"""Returns a number with its noun.

    Example ::

        >>> counted(1, "frame"), counted(2500, "frame")
        ('1 frame', '2,500 frames')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
