import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpkit.errors import UsageError
from dpkit.plan import Borders, ReleaseName, Split, duplicates, group_rows, image_ids, make_plan
from dpkit.types import PARTS, Rows, Secret
from dpkit.types.plans import keep

SEED = Secret(bytes(32))
RELEASE = ReleaseName("r", "2026-01-01", Secret(b"\1" * 32))


def rows(n=20, *, groups=None, parts=None, contents=None):
    contents = contents if contents is not None else range(n)
    digests = [hashlib.sha256(str(content).encode()).digest() for content in contents]
    return Rows(
        paths=tuple(f"a/{i:05}.png" for i in range(n)),
        sha256=np.frombuffer(b"".join(digests), np.uint8).reshape(n, 32),
        targets=np.arange(n),
        groups=groups,
        parts=parts,
        kept={"site": tuple(f"s{i}" for i in range(n))},
    )


def part_by_path(plan):
    return {path: shard.part for shard in plan.shards for path in plan.rows_of(shard).paths}


class TestRows:
    @given(st.integers(1, 60), st.integers(1, 17))
    def test_every_row_stands_in_exactly_one_shard(self, n, per_shard):
        plan = make_plan(rows(n), Split("60/20/20"), SEED, RELEASE, Borders(per_shard))
        held = [path for shard in plan.shards for path in plan.rows_of(shard).paths]
        assert sorted(held) == sorted(rows(n).paths)
        assert all(len(plan.rows_of(shard)) <= per_shard for shard in plan.shards)

    def test_columns_stay_together(self):
        plan = make_plan(rows(30), Split(), SEED, RELEASE, Borders(7))
        for path, target, site in zip(
            plan.rows.paths, plan.rows.targets, plan.rows.kept["site"], strict=True
        ):
            assert path == f"a/{target:05}.png"
            assert site == f"s{target}"

    def test_the_order_follows_from_the_release_secret_alone(self):
        one = make_plan(rows(50), Split(), SEED, RELEASE, Borders(50))
        same = make_plan(rows(50), Split(), SEED, RELEASE, Borders(50))
        other = make_plan(
            rows(50), Split(), SEED, replace(RELEASE, secret=Secret(b"\2" * 32)), Borders(50)
        )
        assert one.rows.paths == same.rows.paths
        assert one.rows.paths != other.rows.paths
        assert one.rows.paths != tuple(sorted(one.rows.paths))

    def test_shards_of_a_part_are_numbered_from_0(self):
        plan = make_plan(rows(25), Split("100/0/0"), SEED, RELEASE, Borders(10))
        assert [shard.file for shard in plan.shards] == [
            f"data/train-{i:05d}-of-00003.h5" for i in range(3)
        ]
        assert [(shard.start, shard.stop) for shard in plan.shards] == [(0, 10), (10, 20), (20, 25)]


class TestPseudonyms:
    def test_an_id_depends_on_path_and_content_and_key(self):
        first = rows(2, contents=[1, 1])
        again = replace(first, paths=("a/00000.png", "b/00000.png"))
        ids = {
            *image_ids(first.paths, first.sha256, SEED).tolist(),
            *image_ids(again.paths, again.sha256, SEED).tolist(),
            *image_ids(first.paths, rows(2).sha256, SEED).tolist(),
        }
        assert len(ids) == 4  # of 6, two meet twice: the same path and content
        assert not ids & set(image_ids(first.paths, first.sha256, Secret(b"x" * 32)).tolist())

    def test_an_id_is_26_letters_of_base32(self):
        for name in image_ids(rows().paths, rows().sha256, SEED).tolist():
            assert len(name) == 26
            assert set(name) <= set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")

    def test_a_path_that_is_no_utf8_has_an_id(self):
        odd = ("caf\udce9.png",)
        assert len(image_ids(odd, rows(1).sha256, SEED)) == 1


class TestGroups:
    @given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40))
    def test_all_images_of_a_group_fall_into_one_part(self, names):
        source = rows(len(names), groups=tuple(names))
        parts = part_by_path(make_plan(source, Split("50/25/25"), SEED, RELEASE, Borders(5)))
        for name in set(names):
            assert (
                len({parts[p] for p, g in zip(source.paths, names, strict=True) if g == name}) == 1
            )

    def test_a_later_batch_agrees_on_the_part_of_a_group(self):
        names = tuple(f"patient {i}" for i in range(40))
        split = Split("50/25/25")
        first = make_plan(rows(40, groups=names), split, SEED, RELEASE, Borders(9))
        later = rows(40, groups=names, contents=range(100, 140))
        second = make_plan(
            later, split, SEED, replace(RELEASE, secret=Secret(b"z" * 32)), Borders(40)
        )
        assert part_by_path(first) == part_by_path(second)

    def test_equal_files_are_one_group(self):
        groups = group_rows(rows(4, contents=[7, 8, 7, 9]))
        assert groups.index[0] == groups.index[2]
        assert len(set(groups.index)) == 3
        assert groups.names == ("a/00000.png", "a/00001.png", "a/00000.png", "a/00003.png")

    def test_equal_files_of_a_later_batch_have_the_same_pseudonym(self):
        """It rests on the content, not on the name of the first file."""
        one, other = rows(2, contents=[5, 6]), rows(2, contents=[6, 5])
        first = make_plan(one, Split(), SEED, RELEASE, Borders(9)).rows
        second = make_plan(other, Split(), SEED, RELEASE, Borders(9)).rows
        assert dict(zip(first.sha256[:, 0], first.groups, strict=True)) == dict(
            zip(second.sha256[:, 0], second.groups, strict=True)
        )

    def test_groups_that_share_a_file_are_one_group(self):
        groups = group_rows(rows(4, groups=("b", "a", "c", "b"), contents=[1, 1, 2, 2]))
        assert groups.names == ("a", "a", "a", "a")
        assert len(set(groups.index)) == 1

    def test_where_bytes_may_not_tell_each_file_is_a_group(self):
        """Pseudonyms and parts then follow from names alone, whatever the files hold."""
        one, other = (
            replace(rows(6, contents=c), by_content=False)
            for c in ([7, 8, 7, 9, 7, 7], [1, 2, 3, 4, 5, 6])
        )
        assert len(set(group_rows(one).index)) == 6
        plans = [make_plan(r, Split("50/25/25"), SEED, RELEASE, Borders(9)) for r in (one, other)]
        assert plans[0].shards == plans[1].shards
        assert plans[0].rows.paths == plans[1].rows.paths
        assert plans[0].rows.groups.tolist() == plans[1].rows.groups.tolist()

    def test_where_bytes_may_not_tell_groups_that_share_a_file_stay_apart(self):
        shared = replace(
            rows(4, groups=("b", "a", "c", "b"), contents=[1, 1, 2, 2]), by_content=False
        )
        assert group_rows(shared).names == ("b", "a", "c", "b")
        kept = keep(shared, np.array([True, True, False, True]))
        assert group_rows(kept).names == ("b", "a", "b")

    def test_the_sets_of_equal_files_are_listed(self):
        assert duplicates(rows(4, contents=[7, 8, 7, 9])) == (("a/00000.png", "a/00002.png"),)

    def test_a_split_that_tears_a_group_apart_is_refused_by_name(self):
        torn = rows(2, groups=("mrs smith", "mrs smith"), parts=("train", "test"))
        with pytest.raises(UsageError, match="mrs smith"):
            make_plan(torn, Split(), SEED, RELEASE, Borders(5))

    def test_a_split_that_tears_equal_files_apart_is_refused_by_file(self):
        torn = rows(2, contents=[1, 1], parts=("train", "test"))
        with pytest.raises(UsageError, match=r"a/00000\.png, a/00001\.png"):
            make_plan(torn, Split(), SEED, RELEASE, Borders(5))


class TestSplit:
    def test_percentages_hold_over_many_groups(self):
        split, key = Split("80/10/10"), Secret(b"k" * 32)
        drawn = [split.part_of(key, str(i).encode()) for i in range(20_000)]
        for part, percent in zip(PARTS, (80, 10, 10), strict=True):
            assert abs(drawn.count(part) / 200 - percent) < 1

    @pytest.mark.parametrize("text", ["80/10/11", "0/0/0", "100/1/0"])
    def test_percentages_add_up_to_100(self, text):
        with pytest.raises(UsageError, match="adds up to"):
            Split(text)

    @pytest.mark.parametrize("text", ["site", "80/20", "-1/1/100"])
    def test_another_text_is_a_column(self, text):
        assert Split(text).fractions is None
        assert Split(text).column == text

    @pytest.mark.parametrize("text", ["folders", "none"])
    def test_two_words_are_no_columns(self, text):
        assert Split(text).column is None

    def test_percentages_overrule_the_providers_own_parts(self):
        everything_in_test = rows(20, parts=("test",) * 20)
        parts = part_by_path(
            make_plan(everything_in_test, Split("100/0/0"), SEED, RELEASE, Borders(6))
        )
        assert set(parts.values()) == {"train"}

    def test_the_providers_own_parts_hold(self):
        given_parts = ("test", "train") * 10
        parts = part_by_path(
            make_plan(rows(20, parts=given_parts), Split(), SEED, RELEASE, Borders(6))
        )
        assert tuple(parts[path] for path in rows(20).paths) == given_parts
