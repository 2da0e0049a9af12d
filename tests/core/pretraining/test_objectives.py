"""VICReg agrees with its formula written out; masked tokens share the encoder and count nothing but masks."""

from __future__ import annotations

import numpy as np
import torch

from evenhand.pretraining.objectives import Masked, vicreg


def written_out(a, b):
    """Bardes et al. 2022, equations 1 to 6, with lambda = mu = 25 and nu = 1, one output at a time."""
    n, d = a.shape
    s = sum(float(np.sum((x - y) ** 2)) for x, y in zip(a, b, strict=True)) / (n * d)
    v = c = 0.0
    for z in (a, b):
        v += sum(max(0.0, 1 - np.sqrt(np.var(z[:, j], ddof=1) + 1e-4)) for j in range(d)) / d
        cov = np.cov(z.T)
        c += sum(cov[i, j] ** 2 for i in range(d) for j in range(d) if i != j) / d
    return 25 * s + 25 * v / 2 + c


def test_vicreg_is_its_formula():
    rng = np.random.default_rng(0)
    for scale in (0.1, 1.0, 3.0):
        a, b = rng.normal(0, scale, (2, 9, 4))
        found = vicreg(torch.from_numpy(a), torch.from_numpy(b))
        np.testing.assert_allclose(float(found), written_out(a, b), rtol=1e-6)


def test_vicreg_punishes_a_network_that_says_the_same_of_everything():
    rng = torch.Generator().manual_seed(0)
    varied = torch.randn(64, 8, generator=rng) * 1.2
    assert vicreg(torch.ones(64, 8), torch.ones(64, 8)) > 20 > vicreg(varied, varied)


def test_masked_tokens_train_the_encoder_that_is_kept(bert):
    from transformers import AutoModel

    encoder = AutoModel.from_pretrained(bert)
    network = Masked(encoder)
    assert network.encoder is encoder
    decoder = network.model.get_output_embeddings().weight
    assert decoder is encoder.get_input_embeddings().weight
    inputs = {"input_ids": torch.tensor([[2, 5, 6, 3]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)}
    assert network(labels=torch.full((1, 4), -100), **inputs) == 0
    loss = network(labels=torch.tensor([[-100, 7, -100, -100]]), **inputs)
    loss.backward()
    assert loss > 0
    assert encoder.get_input_embeddings().weight.grad.abs().sum() > 0
