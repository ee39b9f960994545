# /// brainset-pipeline
# python-version = "3.11"
# dependencies = ["temporaldata-video>=0.1", "ONE-api>=3"]
# ///
"""Sessions of IBL's brain-wide map: spikes, trials, the wheel and the left camera.

The camera is a series like the others, ``data.camera``. Its pixels stay in the video in the
raw folder; the recording holds the time of each frame and a pointer to that file.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
from brainsets import serialize_fn_map
from brainsets.descriptions import (
    BrainsetDescription,
    DeviceDescription,
    SessionDescription,
    SubjectDescription,
)
from brainsets.pipeline import BrainsetPipeline
from temporaldata import ArrayDict, Data, Interval, IrregularTimeSeries

import temporaldata_video as tv

parser = ArgumentParser()
parser.add_argument("--redownload", action="store_true")
parser.add_argument("--reprocess", action="store_true")

SERVER = "https://openalyx.internationalbrainlab.org"

# Of each session: its id in IBL's database, and its folder below the raw one.
SESSIONS = {
    "swc_043_20200921_001": (
        "4ecb5d24-f5cc-402c-be28-9d0f7cb14b3a",
        "hoferlab/Subjects/SWC_043/2020-09-21/001",
    ),
}

# Folder and name of each file of a session.
FILES = {
    "spike_times": ("alf/probe00/pykilosort", "spikes.times.npy"),
    "spike_clusters": ("alf/probe00/pykilosort", "spikes.clusters.npy"),
    "trials": ("alf", "_ibl_trials.table.pqt"),
    "wheel_times": ("alf", "_ibl_wheel.timestamps.npy"),
    "wheel_position": ("alf", "_ibl_wheel.position.npy"),
    "camera_times": ("alf", "_ibl_leftCamera.times.npy"),
    "camera": ("raw_video_data", "_iblrig_leftCamera.raw.mp4"),
}

BRAINSET = BrainsetDescription(
    id="ibl_brain_wide_map_2025",
    origin_version="Brainwidemap",
    derived_version="1.0.0",
    source="https://registry.opendata.aws/ibl-brain-wide-map",
    description="Neuropixels recordings, a wheel and a camera of mice that decide on which "
    "side of a screen they see a grating. From the International Brain Laboratory.",
)


class Pipeline(BrainsetPipeline):
    brainset_id = "ibl_brain_wide_map_2025"
    parser = parser

    @classmethod
    def get_manifest(cls, raw_dir: Path, args: Namespace | None) -> pd.DataFrame:
        rows = [(name, *session) for name, session in SESSIONS.items()]
        return pd.DataFrame(rows, columns=["id", "eid", "folder"]).set_index("id")

    def download(self, manifest_item: NamedTuple) -> Any:
        folder = self.raw_dir / manifest_item.folder
        paths = {key: Path(folder, *place) for key, place in FILES.items()}
        if self.args.redownload or not all(map(Path.exists, paths.values())):
            from one.api import ONE

            self.update_status("DOWNLOADING")
            one = ONE(
                base_url=SERVER,
                password="international",
                silent=True,
                cache_dir=self.raw_dir,
            )
            for key, (collection, name) in FILES.items():
                # A file that was revised lies in a folder of its own.
                paths[key] = one.load_dataset(
                    manifest_item.eid, name, collection=collection, download_only=True
                )
        return manifest_item.Index, manifest_item.folder, paths

    def process(self, download_output: Any) -> None:
        session_id, folder, paths = download_output
        store_path = self.processed_dir / f"{session_id}.h5"
        if store_path.exists() and not self.args.reprocess:
            self.update_status("Skipped Processing")
            return

        self.update_status("Extracting spikes")
        spikes, units = extract_spikes(paths)

        self.update_status("Extracting behavior")
        trials = extract_trials(paths["trials"])
        wheel = IrregularTimeSeries(
            timestamps=np.load(paths["wheel_times"]).astype(np.float64),
            position=np.load(paths["wheel_position"]).astype(np.float64),
            domain="auto",
        )

        self.update_status("Indexing the camera")
        # The index is written once, beside the video. It refuses times that do not fit.
        video = paths["camera"]
        tv.write_index(
            video, timestamps=paths["camera_times"], overwrite=True, progress=False
        )
        camera = tv.LazyVideo.from_uri(video)

        _, _, subject, date, _ = folder.split("/")
        series = (spikes, wheel, camera)
        data = Data(
            brainset=BRAINSET,
            subject=SubjectDescription(id=subject, species="MUS_MUSCULUS"),
            session=SessionDescription(
                id=session_id,
                recording_date=pd.Timestamp(date).to_pydatetime(),
            ),
            device=DeviceDescription(
                id=f"{subject}_probe00", recording_tech="NEUROPIXELS_SPIKES"
            ),
            spikes=spikes,
            units=units,
            trials=trials,
            wheel=wheel,
            camera=camera,
            domain=Interval(
                float(min(one.timestamps[0] for one in series)),
                float(max(one.timestamps[-1] for one in series)),
            ),
        )

        self.update_status("Creating splits")
        data.train_domain, data.valid_domain, data.test_domain = trials.split(
            [0.7, 0.1, 0.2], shuffle=True, random_seed=42
        )

        self.update_status("Storing")
        with h5py.File(store_path, "w") as file:
            data.to_hdf5(file, serialize_fn_map=serialize_fn_map)


def extract_spikes(paths: dict[str, Path]) -> tuple[IrregularTimeSeries, ArrayDict]:
    """Returns the spikes of all clusters of a probe, and these clusters."""
    clusters, unit_index = np.unique(np.load(paths["spike_clusters"]), return_inverse=True)
    spikes = IrregularTimeSeries(
        timestamps=np.load(paths["spike_times"]).astype(np.float64),
        unit_index=unit_index.astype(np.int64),
        domain="auto",
    )
    spikes.sort()
    return spikes, ArrayDict(id=np.array([f"probe00_{cluster}" for cluster in clusters]))


def extract_trials(path: Path) -> Interval:
    """Returns the trials, with what was shown and what the mouse did."""
    table = pd.read_parquet(path)
    columns = ("choice", "feedbackType", "contrastLeft", "contrastRight", "stimOn_times")
    return Interval(
        start=table["intervals_0"].to_numpy(np.float64),
        end=table["intervals_1"].to_numpy(np.float64),
        timekeys=["start", "end", "stimOn_times"],
        **{name: table[name].to_numpy(np.float64) for name in columns},
    )
