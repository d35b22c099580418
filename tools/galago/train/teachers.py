# SPDX-License-Identifier: MIT
"""Softer targets than labels: what larger networks make of each photo, once they know the classes.

    targets = soften(targets, recipe.tutors, album, training, progress)       # float32 [n, classes]

A tutor's ImageNet features are computed once per photo, and a logistic regression on them learns the classes.
It is asked about photos that it was not fitted to, in five folds: what it has learned by heart would teach
nothing beyond the labels (Hinton et al. 2015 on soft targets).
"""

import numpy as np

from galago import dataset, pictures
from galago.train import network as networks
from galago.train.photo_cache import Album
from galago.train.progress import Progress
from galago.train.recipe import Tutor
from galago.train.views import to_float

_FOLDS = 5
_PENALTY = 0.1  # C of scikit-learn, for features of unit variance
_BATCH = 64


def soften(
    targets: np.ndarray, tutors: tuple[Tutor, ...], album: Album, training: np.ndarray, progress: Progress
) -> np.ndarray:
    """Mixes the targets of the training photos, at positions `training`, with each tutor's answers."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = album.labels[training]
    folds = min(_FOLDS, int(np.bincount(labels).min()))
    if not tutors or folds < 2:
        return targets
    mixed = targets.copy()
    for tutor in tutors:
        features = _features(tutor, [album.paths[i] for i in training], progress)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=_PENALTY, max_iter=500))
        split = StratifiedKFold(folds, shuffle=True, random_state=0)
        said = np.asarray(cross_val_predict(model, features, labels, cv=split, method="predict_proba"))
        right = np.mean(said.argmax(axis=1) == labels)
        progress.say(f"{tutor.architecture} {tutor.alpha:g} at {tutor.asked} as a tutor: {right:.1%} right")
        mixed[training] = (1 - tutor.weight) * mixed[training] + tutor.weight * said
    return mixed


def _features(tutor: Tutor, paths: list, progress: Progress) -> np.ndarray:
    body = networks.body(tutor.architecture, tutor.alpha, tutor.asked, tutor.trained)
    progress.begin("a tutor looks at photos", len(paths))
    parts, waiting = [], []
    for _, rgb in dataset.read(paths, progress.say):
        waiting.append(pictures.resize(rgb, tutor.asked, tutor.asked))
        progress.advance()
        if len(waiting) == _BATCH:
            parts.append(body.predict_on_batch(to_float(np.stack(waiting))))
            waiting.clear()
    if waiting:
        parts.append(body.predict_on_batch(to_float(np.stack(waiting))))
    return np.concatenate(parts)
