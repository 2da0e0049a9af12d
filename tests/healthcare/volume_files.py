"""A head as files: NIfTI in any order of axes, a DICOM series, and the grid that both are brought to."""

import gzip

import numpy as np

from evenhand_healthcare.volume.grid import Grid, on_grid
from evenhand_healthcare.volume.samples import Head, Scanner, sampled, written
from evenhand_healthcare.volume.stored import opened

GRID = Grid(side=48, field=192.0, slab=10.0)
HEAD = Head(1.0, 0.9, (np.array([35.0, 12.0, 20.0]), 13.0, 80.0), framed=False)
SPACING = (4.0, 3.0, 5.0)


def scanner(codes="RAS", spacing=SPACING):
    return Scanner(1.0, spacing, tuple(codes), 0.0, 1.0)


def nifti(codes="RAS", spacing=SPACING, compress=True):
    """The head's bytes as NIfTI."""
    return written(10 * sampled(HEAD, spacing), scanner(codes, spacing), compress)


def gridded(content, grid=GRID):
    """What the model sees of a volume's bytes, or of the file at a path."""
    return on_grid(opened({"bytes": content, "path": None} if isinstance(content, bytes) else str(content), 0), grid)


def changed(change, codes="RAS"):
    """The head's uncompressed NIfTI after `change(header bytes as an array, voxels)`, compressed."""
    import nibabel

    content = bytearray(nifti(codes, compress=False))
    header = np.frombuffer(content, dtype=nibabel.nifti1.header_dtype, count=1, offset=0).copy()
    voxels = content[352:]
    change(header, voxels)
    return gzip.compress(header.tobytes() + content[348:352] + bytes(voxels), 1)


def series(folder, volume=None, spacing=SPACING, name=lambda place: f"{(place * 7919) % 1000:03d}.dcm", **tags):
    """Write the head as a DICOM series of axial planes, names in no order; returns the files from foot to head."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset

    folder.mkdir(parents=True, exist_ok=True)
    volume = np.rint(10 * sampled(HEAD, spacing)).astype(np.int16) if volume is None else volume
    files = []
    for place in range(volume.shape[2]):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID = pydicom.uid.MRImageStorage
        meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[str(folder), str(place)])
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.PatientName, data.SeriesInstanceUID = "Doe^Jane", "1.2.3"
        plane = volume[::-1, ::-1, place].T  # rows to the back, columns to the left: DICOM's own directions
        data.Rows, data.Columns = plane.shape
        data.PixelSpacing, data.SliceThickness = [spacing[1], spacing[0]], spacing[2]
        data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        first = [-(n - 1) / 2 * side for n, side in zip(volume.shape[:2], spacing[:2], strict=True)]
        data.ImagePositionPatient = [*first, (place - (volume.shape[2] - 1) / 2) * spacing[2]]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 1
        data.PixelData = np.ascontiguousarray(plane).tobytes()
        for tag, value in tags.items():
            setattr(data, tag, value(place) if callable(value) else value)
        files.append(folder / name(place))
        data.save_as(files[-1], enforce_file_format=True)
    return files
