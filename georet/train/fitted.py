"""The fits after the last epoch: the training images embedded once more, and what is made of it."""

from __future__ import annotations

from functools import partial

from georet.blame import maker_of
from georet.encoder import tensors_sha256
from georet.fits.fitting import fit_behind
from georet.progress import stage
from georet.train.judge import Judge
from georet.train.parts import Log, Parts
from georet.train.setup import embedded_views


def fit_encoder(parts: Parts, log: Log, judge: Judge) -> bool:
    """Put what the run's fits make behind the encoder's branches; say whether anything was done.

    The encoder is judged without them first. A run that has its fits keeps them.
    """
    if not parts.fits or len(parts.encoder.fitted) or parts.state.is_finished:
        return False
    epoch = parts.state.epoch
    parts.ranks.at("fitting")
    judge.without_fits()
    pairs = parts.data.pairs
    views = embedded_views(parts.config, pairs)
    columns = [list(pairs.views).index(view) for view in views]
    with (
        parts.judged(),
        log.timed("fit", epoch),
        stage(sum(len(pairs.views[view]) for view in views), "embedding to fit") as bar,
    ):
        advance = partial(log.advance, bar)
        embeddings = {
            view: parts.embedder.table(view, pairs.views[view], advance) for view in views
        }
        for found in fit_behind(parts.encoder, parts.fits, embeddings, pairs.pairs[:, columns]):
            tensors = {v: tensors_sha256(each.state_dict()) for v, each in found.maps.items()}
            size = len(next(iter(found.maps.values())).weight)
            log.events.write("fit", fit=maker_of(found.fit).id, embed_dim=size, sha256=tensors)
    parts.ranks.same_tensors(parts.encoder.fitted.state_dict().values())
    return True
