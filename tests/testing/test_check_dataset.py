from dataclasses import replace

import numpy as np
import pytest

from georet.testing import check_dataset, tiny_dataset


class Changed:
    """The tiny data set with one answer changed."""

    def __init__(self, root, train=None, evaluation=None):
        self.tiny = tiny_dataset(root, 6)
        self.change_train = train or (lambda pairs: pairs)
        self.change_evaluation = evaluation or (lambda found, pairs: found)

    def train(self):
        return self.change_train(self.tiny.train())

    def evaluations(self):
        found = self.change_evaluation(self.tiny.evaluations()["held-out"], self.tiny.train())
        return {} if found is None else {"held-out": found}


def without_pairs(pairs):
    return replace(pairs, pairs=pairs.pairs[:0], columns={})


def in_any_order(pairs):
    return replace(pairs, pairs=np.random.default_rng().permutation(pairs.pairs))


TRAIN = {
    "returned a list": lambda pairs: [],
    "no training pairs": without_pairs,
    "another table the second time": in_any_order,
}
EVALUATION = {
    "names no set": lambda found, pairs: None,
    "0 references": lambda found, pairs: replace(found, gallery=found.gallery.take(np.arange(0))),
    "positives for 11": lambda found, pairs: replace(found, positives=found.positives[1:]),
    r"gallery rows \[18, 19\]": lambda found, pairs: replace(found, positives=found.positives + 2),
    r"gallery rows \[99\]": lambda found, pairs: replace(found, junk=np.array([99])),
    "the view 'street', training has query, reference": lambda found, pairs: replace(
        found, query_view="street"
    ),
    "12 queries, groups for 2": lambda found, pairs: replace(found, group=["a", "b"]),
    "unknown protocol 'top'": lambda found, pairs: replace(found, protocol="top"),
    "training images": lambda found, pairs: replace(
        found, queries=pairs.queries, positives=found.positives[:6]
    ),
}


@pytest.mark.parametrize("words", TRAIN)
def test_broken_training_pairs_fail_with_the_reason(tmp_path, words):
    with pytest.raises(AssertionError, match=words):
        check_dataset(Changed(tmp_path, train=TRAIN[words]))


def test_alternatives_in_another_order_the_second_time_fail(tmp_path):
    def shuffled(pairs):
        rows = np.random.default_rng().permuted([[0, 1, 2, 3, 4, 5]] * len(pairs), axis=1)
        return replace(pairs, alternatives={"query": rows})

    with pytest.raises(AssertionError, match="another table the second time"):
        check_dataset(Changed(tmp_path, train=shuffled))


@pytest.mark.parametrize("words", EVALUATION)
def test_a_broken_evaluation_set_fails_with_the_reason(tmp_path, words):
    with pytest.raises(AssertionError, match=words):
        check_dataset(Changed(tmp_path, evaluation=EVALUATION[words]))


def test_positives_may_be_lists_of_rows(tmp_path):
    check_dataset(
        Changed(tmp_path, evaluation=lambda f, pairs: replace(f, positives=f.positives.tolist()))
    )


def test_an_image_that_can_not_be_decoded_is_named(tmp_path):
    dataset = tiny_dataset(tmp_path, 6)
    path = dataset.train().queries.paths[0]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(AssertionError, match=r"'0000-0' of tiny query can't be decoded"):
        check_dataset(dataset)
