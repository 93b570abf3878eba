"""Ours against TRL's DPOTrainer: the loss of one batch, answers of unequal lengths in it."""

import pytest
import torch

from nlgnotes.batches import Batch
from nlgnotes.training.dpo import pair_loss, reference_pairs

trl = pytest.importorskip("trl")
datasets, tokenizers, transformers = map(
    pytest.importorskip, ("datasets", "tokenizers", "transformers")
)

WORDS = ["<pad>", "<end>", *"abcdefgh"]
TEXTS = [
    {"prompt": "a b", "chosen": " c d e", "rejected": " f g"},
    {"prompt": "b", "chosen": " a", "rejected": " h h h"},
    {"prompt": "c a b", "chosen": " e f", "rejected": " e g"},
]


def gpt2(seed):
    sizes = {"n_positions": 16, "n_embd": 16, "n_layer": 1, "n_head": 2}
    off = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    config = transformers.GPT2Config(
        vocab_size=len(WORDS), bos_token_id=1, eos_token_id=1, initializer_range=0.5, **sizes, **off
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return transformers.GPT2LMHeadModel(config)


def tokenizer():
    ids = {word: i for i, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(ids, unk_token="<end>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<end>"
    )


def sides(answer):
    """The prompts with the chosen or rejected answers, as our batch: both end with <end>."""
    prompts = [[WORDS.index(w) for w in row["prompt"].split()] for row in TEXTS]
    answers = [[*(WORDS.index(w) for w in row[answer].split()), 1] for row in TEXTS]
    time = max(len(p) + len(a) for p, a in zip(prompts, answers, strict=True))
    rows = [p + a + [0] * time for p, a in zip(prompts, answers, strict=True)]
    whole = torch.tensor([row[:time] for row in rows])
    place = torch.arange(1, time)
    starts, lengths = (torch.tensor([len(x) for x in xs])[:, None] for xs in (prompts, answers))
    mask = (place >= starts) & (place < starts + lengths)
    return Batch(whole[:, :-1], whole[:, 1:], mask)


@pytest.mark.parametrize(("objective", "beta"), [("dpo", 0.3), ("dpo", 2.0), ("ipo", 0.3)])
def test_loss_is_that_of_trl(objective, beta, tmp_path):
    policy, reference = gpt2(0), gpt2(1)
    settings = trl.DPOConfig(
        output_dir=str(tmp_path),
        beta=beta,
        loss_type=["sigmoid" if objective == "dpo" else "ipo"],
        per_device_train_batch_size=len(TEXTS),
        report_to=[],
        use_cpu=True,
        bf16=False,
    )
    trainer = trl.DPOTrainer(
        model=policy,
        ref_model=reference,
        args=settings,
        train_dataset=datasets.Dataset.from_list(TEXTS),
        processing_class=tokenizer(),
    )
    theirs = trainer.compute_loss(trainer.model, next(iter(trainer.get_train_dataloader())))
    # TRL's IPO divides by the number of tokens, as its authors do.
    average = objective == "ipo"
    pairs = reference_pairs(
        lambda ids: reference(ids).logits, sides("chosen"), sides("rejected"), average=average
    )
    ours = pair_loss(
        lambda ids: policy(ids).logits, pairs, beta=beta, objective=objective, average=average
    )
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)
