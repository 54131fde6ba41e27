"""Fit the small networks that join each label's evidence: scikit-learn fits, numpy runs them."""

import warnings
from typing import TypedDict

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from services.router.classification.trained_model import FURTHEST, Floats

_NETWORKS = 3
"""Begun differently, their mean errs less than any of them."""
_NEURONS = (32, 16)
_ROUNDS = 15
_DECAY = 0.01
_AT_ONCE = 512
_LEAST_SPREAD = 1e-3


class Networks(TypedDict):
    """The arrays of `TrainedModel` that begin with `join_`; their shapes stand there."""

    join_shift: Floats
    join_scale: Floats
    join_in: Floats
    join_label: Floats
    join_between: Floats
    join_between_bias: Floats
    join_out: Floats
    join_out_bias: Floats


def fit_networks(joined: Floats, right: Floats) -> Networks:
    """The networks that tell from the joined features [n, labels, m] what is right [n, labels].

    `right`: 1, 0, or not a number where nobody said. All labels are learned by the same networks,
    which are told the label beside its features: what an agency's rivals or a doubtful mention
    mean is the same for each, and the rare labels learn it from the others.
    """
    labels, features = joined.shape[1:]
    shift = joined.mean(axis=(0, 1))
    scale = joined.std(axis=(0, 1)) + _LEAST_SPREAD
    usual = ((joined - shift) / scale).clip(-FURTHEST, FURTHEST)
    which = np.broadcast_to(np.eye(labels, dtype=np.float32), (len(joined), labels, labels))
    seen = np.concatenate([usual, which], axis=2).reshape(-1, features + labels)
    known = ~np.isnan(right.ravel())
    fitted = [
        _fit(seen[known].astype(np.float32), right.ravel()[known] > 0, seed=seed)
        for seed in range(_NETWORKS)
    ]
    return Networks(
        join_shift=shift.astype(np.float32),
        join_scale=scale.astype(np.float32),
        join_in=np.stack([network.coefs_[0][:features] for network in fitted]),
        join_label=np.stack([n.coefs_[0][features:] + n.intercepts_[0] for n in fitted]),
        join_between=np.stack([network.coefs_[1] for network in fitted]),
        join_between_bias=np.stack([network.intercepts_[1] for network in fitted]),
        join_out=np.stack([network.coefs_[2][:, 0] for network in fitted]),
        join_out_bias=np.concatenate([network.intercepts_[2] for network in fitted]),
    )


def _fit(seen: Floats, right: np.ndarray, *, seed: int) -> MLPClassifier:
    network = MLPClassifier(
        _NEURONS, alpha=_DECAY, batch_size=_AT_ONCE, max_iter=_ROUNDS, random_state=seed
    )
    with warnings.catch_warnings():
        # Stopped early on purpose: more rounds learn the texts by heart.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return network.fit(seen, right)
