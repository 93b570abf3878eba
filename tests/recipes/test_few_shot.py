"""Recipes of few-shot decoders: how far each is from the exact posterior."""

import pytest
import torch

from nlgnotes import checkpoints
from nlgnotes.experiments.calibration.prompt_biases import ARMS, exact_reader, family_of
from nlgnotes.randomness import generator
from nlgnotes.recipes import few_shot
from nlgnotes.recipes.catalogue import RECIPES
from nlgnotes.recipes.recipe import run

SHIPPED = [n for n in checkpoints.available() if RECIPES[n].make is few_shot.make_few_shot]


def distances(model, arm, documents):
    """Mean |p - p'| of a document's labels, read one label at a time."""
    family = family_of(arm)
    exact = family.log_posterior(documents.words, documents.labels).exp()[..., 0]
    tokens = family.tokens(documents.words, documents.labels)
    tokens = torch.cat((torch.zeros_like(tokens[:, :1]), tokens), 1)
    total = torch.zeros(len(tokens), dtype=torch.float64)
    for e in range(documents.labels.shape[1]):
        before_label = 1 + 6 * e + 5  # the start, whole examples, four words and a separator
        with torch.no_grad():
            logits = model(tokens[:, :before_label])[:, -1, 1:3].double()
        total += (logits.softmax(-1)[:, 0] - exact[:, e]).abs()
    return total / documents.labels.shape[1]


@pytest.mark.parametrize("arm", ["bursty", "iid"])
def test_a_model_is_measured_by_its_distance_from_the_posterior(arm, tmp_path, tiny):
    name = f"few-shot-{arm}"
    assert run(tiny(name), progress=False, folder=tmp_path)
    made = checkpoints.load(tmp_path / name)
    assert len(made.words) == made.model.config.vocab_size == family_of(arm).vocab_size
    documents = exact_reader(arm).sample(20, 6, generator(0, name, "evaluation"))
    ours = float(distances(made.model, arm, documents).mean())
    assert made.metrics["distance"]["value"] == pytest.approx(ours, abs=1e-5)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_believe_the_posterior_of_their_own_documents(name):
    shipped, own = checkpoints.load(name), RECIPES[name].settings["arm"]
    assert shipped.metrics["distance"]["high"] < 0.05
    other = next(arm for arm in ARMS if arm != own)
    documents = exact_reader(own).sample(500, 6, generator(0, "shipped few-shot", name))
    near = float(distances(shipped.model, own, documents).mean())
    assert near < 0.05 and float(distances(shipped.model, other, documents).mean()) > 2 * near
