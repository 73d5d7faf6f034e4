"""A bilinear reader: the value of a key, from the state and the key together.

An associative state answers no fixed linear question where keys change from sequence to sequence: its read S^T q is
linear in the state and linear in the key. So is this reader, score(value) = e^T A_value z + e^T a_value for the state z
and the vector e of the key. Its weights are too many for memory, so ridge regression is solved exactly in products of
pairs (kernel ridge regression: Saunders, Gammerman, Vovk 1998): the kernel of (z, e) and (z', e') is
(e . e') (z . z' + 1).

Shapes: n sequences, F features, K items, V values, P pairs of a sequence and an item, d numbers of a key's vector.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.utils import check_random_state

from ..information import add_doubt, log_softmax
from ..state_store import Floats, Labels
from .reader import LeadingReader, best_candidate, prior_log_proba

ALPHAS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Strengths, as multiples of the mean of the kernel's diagonal."""


class Bilinear(LeadingReader):
    """A reader of [state | keys]: X [n, F + K], the last K numbers being the keys of the K items of y.

    vectors       [keys, d] the vector of each key, such as the model's embedding; None: keys have nothing in common
    pairs         pairs of a sequence and an item that are fitted to, at most; time grows with their cube
    random_state  seed by which they are sampled
    """

    def __init__(
        self,
        num_values: int = 0,
        components: int = 512,
        orthogonal: bool = False,
        vectors: Floats | None = None,
        pairs: int = 3072,
        random_state: int = 0,
    ) -> None:
        super().__init__(num_values, components, orthogonal)
        self.vectors, self.pairs, self.random_state = vectors, pairs, random_state

    def learn(self, X: Floats, y: Labels, validation: tuple[Floats, Labels]) -> None:
        n, K = y.shape
        if X.shape[1] <= K:
            raise ValueError(f"{X.shape[1]} numbers a sequence for {K} items: give the state, then a key for each item")
        V, self.items_ = self.num_values_, K
        Z, keys = self.fit_axes(X[:, :-K]), self._keys(X)
        some = check_random_state(self.random_state).permutation(n * K)[: self.pairs]
        self.states_, self.keys_ = self._with_one(Z[some // K]), keys[some // K, some % K]
        self.prior_ = prior_log_proba(y.reshape(-1, 1), validation[1].reshape(-1, 1), V)[0]
        targets = (y.ravel()[some, None] == np.arange(V)) - np.bincount(y.ravel(), minlength=V) / y.size
        kernel = (self.states_ @ self.states_.T) * self._key_products(self.keys_)
        shrunk = np.eye(len(kernel)) * np.diag(kernel).mean()
        ways = [cho_solve(cho_factor(kernel + alpha * shrunk, overwrite_a=True), targets) for alpha in ALPHAS]
        scores = self._scores(validation[0], np.concatenate(ways, axis=1))
        self.count_ = scores.shape[0] * K
        scores = scores.reshape(self.count_, len(ALPHAS), V)
        best, self.steep_ = best_candidate(scores, validation[1].ravel(), self.prior_)
        self.weights_ = ways[best]

    def log_proba(self, X: Floats) -> Floats:
        scores = self._scores(X, self.weights_) * self.steep_ + self.prior_
        return add_doubt(log_softmax(scores), self.count_)

    def _scores(self, X: Floats, weights: Floats) -> Floats:
        """Scores of each item by weights [P, C]: [n, K, C]."""
        near = self._with_one(self.on_axes(X[:, : -self.items_])) @ self.states_.T
        return np.stack([(near * self._key_products(column)) @ weights for column in self._keys(X).T], axis=1)

    def _keys(self, X: Floats) -> Labels:
        """[n, K]."""
        keys = X[:, -self.items_ :]
        most = np.inf if self.vectors is None else len(self.vectors) - 1
        if (keys != keys.round()).any() or keys.min() < 0 or keys.max() > most:
            raise ValueError(f"keys are integers from 0 to {most}, not {keys.min():g} to {keys.max():g}")
        return keys.astype(np.int64)

    def _key_products(self, keys: Labels) -> Floats:
        """Products e . e' of these keys with those fitted to: [., P]."""
        if self.vectors is None:
            return np.asarray(keys[:, None] == self.keys_, np.float64)
        vectors: Floats = self.vectors
        return np.asarray(vectors[keys] @ vectors[self.keys_].T)

    def _with_one(self, Z: Floats) -> Floats:
        """States of mean square length 1, then a 1: a value that depends on the key alone is read too."""
        return np.concatenate([Z / np.sqrt(max(1, Z.shape[1])), np.ones((len(Z), 1))], axis=1)
