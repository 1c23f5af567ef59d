"""The array file: round trips, and every kind of damage is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from likewise._arrays import DamagedFile, open_arrays, save_arrays, verify_arrays

ARRAYS = st.dictionaries(
    st.text(max_size=8),
    hnp.arrays(
        st.sampled_from(["<f4", "<f8", "<i8", "|u1", "|b1", "<i4"]),
        hnp.array_shapes(min_dims=1, min_side=0, max_side=5),
    ),
    max_size=4,
)


@given(arrays=ARRAYS, attributes=st.dictionaries(st.text(max_size=5), st.integers()))
def test_what_was_written_comes_back(tmp_path_factory, arrays, attributes):
    path = tmp_path_factory.mktemp("arrays") / "file"
    save_arrays(path, arrays, attributes)
    found = open_arrays(path)
    verify_arrays(path)
    assert found.attributes == attributes
    assert list(found.arrays) == list(arrays)
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)


def test_a_cut_file_is_found_at_open(tmp_path):
    path = tmp_path / "file"
    save_arrays(path, {"x": np.arange(100.0)})
    whole = path.read_bytes()
    for size in (0, 5, 40, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(DamagedFile):
            open_arrays(path)


def test_every_flipped_byte_is_found_by_verify(tmp_path):
    path = tmp_path / "file"
    save_arrays(path, {"x": np.arange(4.0)}, {"a": 1})
    whole = path.read_bytes()
    used = set(range(len(whole))) - set(range(whole.rindex(b"}") + 1, len(whole) - 32))
    for i in used:
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        with pytest.raises(DamagedFile):
            verify_arrays(path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    save_arrays(path, {"x": np.arange(3)})

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_arrays(path, {"x": np.arange(9)})
    assert len(open_arrays(path).arrays["x"]) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
