"""However a volume is stored, the model sees the same: orientation, spacing, format and file names do not matter."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenhand_healthcare.volume.grid import Grid, overlap
from evenhand_healthcare.volume.seen import slabs

from .volume_files import GRID, gridded, nifti, series

CODES = ["".join(p) for axes in permutations(("RL", "AP", "SI")) for p in product(*axes)]


@pytest.fixture(scope="module")
def straight():
    return gridded(nifti())


def test_all_48_orders_of_storage_are_tried():
    assert len(set(CODES)) == 48


@pytest.mark.parametrize("codes", CODES)
def test_a_volume_stored_the_other_way_round_is_the_same(straight, codes):
    assert np.array_equal(gridded(nifti(codes)), straight)


def test_a_volume_sampled_anew_is_nearly_the_same(straight):
    for spacing in ((2.0, 2.0, 2.5), (3.0, 4.0, 6.0)):
        apart = np.abs(gridded(nifti(spacing=spacing)).astype(int) - straight)
        assert apart.mean() < 4
        assert np.corrcoef(gridded(nifti(spacing=spacing)).ravel(), straight.ravel())[0, 1] > 0.98


def test_a_header_with_another_spacing_shows_another_head(straight):
    other = gridded(nifti(spacing=(4.0, 3.0, 10.0)))  # as many millimetres, half the planes
    assert len(other) == len(straight)
    small = Grid(GRID.side, GRID.field, 5.0)
    assert len(gridded(nifti(), small)) == 2 * len(straight)


def test_compression_changes_nothing(straight):
    assert np.array_equal(gridded(nifti(compress=False)), straight)


def test_a_dicom_series_is_ordered_by_position_and_seen_as_the_nifti_file_is(straight, tmp_path):
    pytest.importorskip("pydicom")
    files = series(tmp_path / "one")
    assert [file.name for file in files] != sorted(file.name for file in files)
    assert np.array_equal(gridded(files[3]), straight)


def test_only_the_named_series_of_a_folder_is_read(straight, tmp_path):
    series(tmp_path, SeriesInstanceUID="1.2.4", name=lambda place: f"other{place}.dcm", PixelSpacing=[9, 9])
    (tmp_path / "notes.txt").write_text("no DICOM")
    assert np.array_equal(gridded(series(tmp_path)[0]), straight)


def test_rescaled_values_are_seen_as_the_header_means_them(tmp_path, straight):
    hounsfield = series(tmp_path, RescaleSlope=2, RescaleIntercept=-1000)
    assert np.array_equal(gridded(hounsfield[0]), straight)  # its own range becomes black and white
    window = Grid(GRID.side, GRID.field, GRID.slab, (0.0, 2000.0))
    assert gridded(hounsfield[0], window).min() == 0
    assert np.unique(gridded(hounsfield[0], Grid(48, 192.0, 10.0, (-3000.0, 10.0)))).tolist() == [255]


def test_the_patients_right_is_on_the_left_and_the_front_is_up(straight):
    bleeding = straight[9].astype(int)  # 20 mm above the middle of 150 mm
    right, left = bleeding[:, :24], bleeding[:, 24:][:, ::-1]
    place = np.unravel_index((right - left).argmax(), right.shape)
    assert (right - left).max() > 40
    assert 12 < place[0] < 24  # in front of the middle
    assert np.abs(left - right).sum() > 0


@given(st.integers(1, 60), st.floats(0.3, 12), st.integers(1, 60), st.floats(0.3, 12))
def test_what_cells_take_from_voxels_is_what_they_share(count, apart, cells, width):
    share = overlap(count, apart, cells, width)
    assert share.shape == (cells, count)
    assert (share >= 0).all()
    assert (share.sum(axis=1) <= 1 + 1e-9).all()
    assert np.isclose((share * width).sum(), min(count * apart, cells * width))
    assert np.allclose(share, share[::-1, ::-1])  # both are centred


def test_a_slab_is_a_picture_with_its_neighbours():
    volume = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    assert slabs(volume)[:, 0, 0].tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 4]]
    assert slabs(volume[:1]).shape == (1, 2, 2, 3)
