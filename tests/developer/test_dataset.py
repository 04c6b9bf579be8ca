import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler, Subset

from dpkit.developer import ReleaseDataset
from dpkit.errors import IntegrityError, UsageError


class TestSamples:
    @pytest.mark.parametrize("part", ["train", "validation", "test"])
    def test_are_what_h5py_reads(self, release, by_h5py, part):
        dataset = ReleaseDataset(release, split=part)
        images, labels = by_h5py(release, part, "images"), by_h5py(release, part, "labels")
        assert len(dataset) == len(images)
        for i, (value, target) in enumerate(dataset):
            assert value.dtype == torch.float32
            assert np.array_equal(value.numpy(), images[i])
            assert target == labels[i]
            assert type(target) is int

    def test_of_all_parts_follow_each_other(self, release):
        parts = [ReleaseDataset(release, split=p) for p in ("train", "validation", "test")]
        assert ReleaseDataset(release, split="all").ids == [i for p in parts for i in p.ids]

    def test_come_in_whole_batches_in_the_order_asked(self, release):
        dataset = ReleaseDataset(release)
        wanted = [69, 0, 41, 39, 40, 0, -1]
        for got, index in zip(dataset.__getitems__(wanted), wanted, strict=True):
            value, target = dataset[index]
            assert torch.equal(got[0], value)
            assert got[1] == target

    def test_are_float32_where_float16_was_released(self, releases, by_h5py):
        folder = releases(dtype="float16")
        value, _ = ReleaseDataset(folder)[3]
        assert value.dtype == torch.float32
        assert np.array_equal(value.numpy(), by_h5py(folder, "train", "images")[3])

    @pytest.mark.parametrize(
        ("task", "dtype"), [("multi", torch.uint8), ("regression", torch.float32)]
    )
    def test_carry_a_tensor_of_targets_for_several_labels(self, releases, by_h5py, task, dtype):
        dataset = ReleaseDataset(releases(task))
        labels = by_h5py(releases(task), "train", "labels")
        assert dataset[5][1].dtype == dtype
        assert np.array_equal(dataset[5][1].numpy(), labels[5])
        assert np.array_equal(dataset.targets.numpy(), labels)

    def test_carry_minus_1_where_nothing_is_labelled(self, releases):
        assert ReleaseDataset(releases("none"))[0][1] == -1

    def test_may_be_changed_without_touching_the_release(self, release):
        dataset = ReleaseDataset(release)
        before = dataset[0][0].clone()
        dataset[0][0].zero_()
        assert torch.equal(dataset[0][0], before)

    @pytest.mark.parametrize("index", [70, -71])
    def test_outside_are_an_index_error(self, release, index):
        with pytest.raises(IndexError):
            ReleaseDataset(release)[index]


class TestAttributes:
    def test_are_those_of_torchvisions_data_sets(self, release, by_h5py):
        dataset = ReleaseDataset(release, transform=torch.neg, target_transform=str)
        assert dataset.classes == ["cat", "dog | <b>"]
        assert dataset.class_to_idx == {"cat": 3, "dog | <b>": 7}
        assert dataset.targets == by_h5py(release, "train", "labels").tolist()
        assert dataset.transform is torch.neg
        assert dataset.target_transform is str

    def test_tell_the_groups(self, release, by_h5py):
        groups = by_h5py(release, "train", "groups").tolist()
        assert ReleaseDataset(release).groups == [name.decode() for name in groups]

    def test_transforms_are_applied(self, release):
        plain = ReleaseDataset(release)
        changed = ReleaseDataset(release, transform=torch.neg, target_transform=str)
        assert torch.equal(changed[4][0], -plain[4][0])
        assert changed[4][1] == str(plain[4][1])

    def test_the_repr_says_what_it_is(self, release):
        assert "70 samples of 3x8x6" in repr(ReleaseDataset(release))


class TestRefusals:
    def test_an_unknown_part_names_those_that_there_are(self, release):
        with pytest.raises(UsageError, match="train, validation, test"):
            ReleaseDataset(release, split="training")

    def test_a_folder_that_is_no_release(self, tmp_path):
        with pytest.raises(UsageError):
            ReleaseDataset(tmp_path)

    def test_a_shard_of_another_size(self, releases, tmp_path):
        copy = _copy(releases(), tmp_path)
        with next((copy / "data").glob("train*.h5")).open("ab") as file:
            file.write(b"x")
        with pytest.raises(IntegrityError):
            ReleaseDataset(copy)

    def test_the_quick_check_reads_no_payload_and_the_full_one_does(self, releases, tmp_path):
        copy = _copy(releases(), tmp_path)
        path = next((copy / "data").glob("train*.h5"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert len(ReleaseDataset(copy, verify="quick")) == 70
        with pytest.raises(IntegrityError):
            ReleaseDataset(copy, verify="full")


class TestProcesses:
    def test_it_pickles_as_paths_and_offsets(self, release):
        dataset = ReleaseDataset(release)
        first = dataset[0][0]
        frozen = pickle.dumps(dataset)
        assert len(frozen) < 40_000  # 70 ids, groups and labels, no image (576 bytes each)
        assert torch.equal(pickle.loads(frozen)[0][0], first)

    @pytest.mark.parametrize(
        "method",
        ["fork", *(pytest.param(m, marks=pytest.mark.slow) for m in ("spawn", "forkserver"))],
    )
    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork beside threads
    @pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # 2 cores
    def test_4_workers_give_every_sample_once_and_right(self, release, by_h5py, method):
        dataset = ReleaseDataset(release)
        assert dataset[0]  # maps are open in the parent before the workers start
        loader = DataLoader(dataset, 16, num_workers=4, multiprocessing_context=method)
        values = torch.cat([value for value, _ in loader])
        assert np.array_equal(values.numpy(), by_h5py(release, "train", "images"))

    def test_two_processes_share_it_by_a_distributed_sampler(self, release):
        dataset = ReleaseDataset(release)
        seen = []
        for rank in range(2):
            sampler = DistributedSampler(dataset, num_replicas=2, rank=rank, shuffle=True, seed=1)
            loader = DataLoader(Subset(dataset, list(sampler)), 8)
            seen += [value for values, _ in loader for value in values]
        assert len({value.numpy().tobytes() for value in seen}) == 70

    @pytest.mark.slow
    def test_two_gloo_processes_see_each_sample_once(self, release, tmp_path):
        program = Path(__file__).with_name("two_processes.py")
        ranks = [
            subprocess.Popen(
                [sys.executable, program, str(release), str(tmp_path / "meet"), str(rank)],
                stdout=subprocess.PIPE, text=True,
            )
            for rank in range(2)
        ]  # fmt: skip
        said = [rank.communicate(timeout=120)[0].split() for rank in ranks]
        assert [rank.returncode for rank in ranks] == [0, 0]
        assert sorted(said[0] + said[1]) == sorted(ReleaseDataset(release).ids)


def test_importing_the_developers_side_loads_no_torch():
    program = (
        "import sys, dpkit.developer\n"
        "heavy = {'torch', 'numba', 'h5py', 'skimage'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_data_set_needs_no_hdf5_library():
    program = (
        "import sys, dpkit.developer.dataset\nsys.exit('h5py' if 'h5py' in sys.modules else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def _copy(release, tmp_path):
    return Path(shutil.copytree(release, tmp_path / "copy"))
