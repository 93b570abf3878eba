"""Valid calls of the networks, at the smallest sizes."""

import torch

from hostile.calls.values import MASK, TOKENS, Fixed, chance, normal, shares
from nlgnotes.networks.actor_critic import ActorCritic
from nlgnotes.networks.attention_only import AttentionLayer, AttentionOnly, AttentionOnlyConfig
from nlgnotes.networks.cache import Cache
from nlgnotes.networks.cross_attention import CrossAttention
from nlgnotes.networks.discriminator import Discriminator
from nlgnotes.networks.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from nlgnotes.networks.lstm import LSTMConfig, LSTMModel
from nlgnotes.networks.mlp import MLP
from nlgnotes.networks.moe import MoELayer
from nlgnotes.networks.moe_decoder import MoEDecoder, MoEDecoderConfig
from nlgnotes.networks.reader import Reader
from nlgnotes.networks.rotary import rotary_angles
from nlgnotes.networks.transformer import Block, Decoder, DecoderConfig

SIZES = {"vocab_size": 5, "context": 8, "width": 8, "layers": 1, "heads": 2, "hidden": 8}
CONFIG = DecoderConfig(**SIZES)
EXPERTS = MoEDecoderConfig(**SIZES, experts=3, k=2)
PAIR_SIZES = {**SIZES, "encoder_layers": 1}
PAIR_CONFIG = EncoderDecoderConfig(**PAIR_SIZES)
HEADS = AttentionOnlyConfig(5, 8, width=8, layers=1, heads=2)
DECODER = Decoder(CONFIG, chance()).eval()
PAIR_MODEL = EncoderDecoder(PAIR_CONFIG, chance()).eval()
LSTM = LSTMModel(LSTMConfig(5, 8, width=4), chance()).eval()
ATTENTION = AttentionOnly(HEADS, chance()).eval()
MOE = MoELayer(4, 6, 3, 2, chance()).eval()
MOE_DECODER = MoEDecoder(EXPERTS, chance()).eval()
BLOCK = Block(CONFIG, chance()).eval()
SOURCE = torch.tensor([[1, 2, 3], [4, 0, 0]])
TARGET = torch.tensor([[1, 2], [3, 4]])
PAIR = (SOURCE, MASK, TARGET)
STEP = torch.tensor([[1], [2]])
ANGLES = rotary_angles(torch.arange(3), 4).float()
COS, SIN = ANGLES.cos(), ANGLES.sin()
X = normal(2, 3, 8)
ROWS = normal(4, 4)
CHOSEN = torch.tensor([[0, 1], [2, 1], [0, 2], [1, 0]])
INDEX = torch.tensor([1, 0])
READER = Reader(PAIR_MODEL, SOURCE, MASK)
MEMORY = READER.empty_cache(2)
CROSS = CrossAttention(8, 2, 1, chance())
LAYER = AttentionLayer(HEADS, chance())

CALLS = {
    "networks.actor_critic:ActorCritic": {"policy": DECODER},
    "networks.actor_critic:ActorCritic.forward": {
        "self": ActorCritic(DECODER),
        "tokens": TOKENS,
        "words": 2,
    },
    "networks.attention:causal_mask": {"queries": 2, "keys": 3},
    "networks.attention:scaled_dot_product_attention": {
        "query": normal(2, 3, 4),
        "key": normal(2, 3, 4, seed=1),
        "value": normal(2, 3, 5),
        "mask": torch.ones(3, 3, dtype=torch.bool).tril(),
    },
    "networks.attention_only:AttentionLayer": {"config": HEADS, "generator": chance()},
    "networks.attention_only:AttentionOnly": {"config": HEADS, "generator": chance()},
    "networks.attention_only:AttentionOnly.forward": {"self": ATTENTION, "tokens": TOKENS},
    "networks.attention_only:AttentionOnly.run": {
        "self": ATTENTION,
        "tokens": TOKENS,
        "ablated": ((0, 1),),
        "patterns": shares(1, 2, 2, 6, 6),
    },
    "networks.attention_only:AttentionOnly.direct_logits": {"self": ATTENTION, "tokens": TOKENS},
    "networks.attention_only:AttentionOnlyConfig": {
        "vocab_size": 5,
        "context": 8,
        "width": 8,
        "layers": 1,
        "heads": 2,
        "smeared": False,
        "rope_base": 100.0,
    },
    "networks.attention_only:AttentionOnlyConfig.weight_shapes": {"self": HEADS},
    "networks.base:normal_matrix": {
        "rows": 2,
        "columns": 3,
        "std": 0.1,
        "generator": chance(),
    },
    "networks.cache:Cache.empty": {
        "layers": 1,
        "batch": 2,
        "heads": 2,
        "capacity": 4,
        "width": 4,
        "dtype": torch.float32,
    },
    "networks.cache:Cache.advance": {"self": Cache.empty(1, 2, 2, 4, 4), "time": 2},
    "networks.cache:Cache.rows": {"self": Cache.empty(1, 2, 2, 4, 4), "index": INDEX},
    "networks.cross_attention:CrossAttention": {
        "width": 8,
        "heads": 2,
        "layers": 1,
        "generator": chance(),
    },
    "networks.discriminator:Discriminator": {
        "vocab_size": 5,
        "generator": chance(),
        "width": 4,
        "dropout": 0.1,
    },
    "networks.discriminator:Discriminator.forward": {
        "self": Discriminator(5, chance(), width=4),
        "tokens": TOKENS,
        "generator": chance(),
    },
    "networks.encoder_decoder:EncoderDecoder": {"config": PAIR_CONFIG, "generator": chance()},
    "networks.encoder_decoder:EncoderDecoder.forward": {"self": PAIR_MODEL, "pair": PAIR},
    "networks.encoder_decoder:EncoderDecoder.encode": {
        "self": PAIR_MODEL,
        "source": SOURCE,
        "mask": MASK,
    },
    "networks.encoder_decoder:EncoderDecoder.cross_attention_weights": {
        "self": PAIR_MODEL,
        "pair": PAIR,
    },
    "networks.encoder_decoder:EncoderDecoder.read": {
        "self": PAIR_MODEL,
        "source": SOURCE,
        "mask": MASK,
    },
    "networks.encoder_decoder:EncoderDecoderConfig": PAIR_SIZES,
    "networks.encoder_decoder:EncoderDecoderConfig.weight_shapes": {"self": PAIR_CONFIG},
    "networks.expert_choice:expert_capacity": {"tokens": 4, "experts": 3, "factor": 1.5},
    "networks.expert_choice:expert_choice": {"scores": normal(4, 3), "capacity": 2},
    "networks.expert_choice:expert_choice_answer": {
        "layer": MOE,
        "x": normal(2, 3, 4),
        "factor": 1.0,
    },
    "networks.expert_parallel:token_exchange": {
        "chosen": CHOSEN,
        "experts": 4,
        "processes": 2,
    },
    "networks.flops:decoder_flops": {"config": CONFIG, "new": 2, "past": 1},
    "networks.flops:encoder_flops": {"config": PAIR_CONFIG, "source": 3},
    "networks.flops:memory_flops": {"config": PAIR_CONFIG, "source": 3},
    "networks.flops:moe_decoder_flops": {"config": EXPERTS, "new": 2, "past": 1},
    "networks.flops:writer_flops": {"config": PAIR_CONFIG, "new": 2, "past": 1, "source": 3},
    "networks.inputs:check_capacity": {"capacity": 4, "context": Fixed(8)},
    "networks.inputs:check_row_index": {"index": INDEX, "batch": Fixed(2)},
    "networks.inputs:check_step": {"tokens": STEP, "batch": Fixed(2)},
    "networks.inputs:embed": {
        "tokens": TOKENS,
        "embedding": Fixed(normal(5, 4)),
        "dtype": torch.float32,
    },
    "networks.inputs:check_hidden": {
        "name": Fixed("x"),
        "x": X,
        "width": Fixed(8),
        "like": Fixed(X),
        "rank": Fixed(3),
    },
    "networks.lstm:LSTMConfig": {"vocab_size": 5, "context": 8, "width": 4},
    "networks.lstm:LSTMConfig.weight_shapes": {"self": LSTM.config},
    "networks.lstm:LSTMModel": {"config": LSTM.config, "generator": chance()},
    "networks.lstm:LSTMModel.forward": {"self": LSTM, "tokens": TOKENS},
    "networks.lstm:LSTMModel.empty_cache": {"self": LSTM, "batch": 2, "capacity": 4},
    "networks.lstm:LSTMModel.step": {
        "self": LSTM,
        "tokens": STEP,
        "cache": LSTM.empty_cache(2, 4),
    },
    "networks.lstm:LSTMState.rows": {"self": LSTM.empty_cache(2, 4), "index": INDEX},
    "networks.mlp:MLP": {"sizes": (1, 3, 1), "generator": chance()},
    "networks.mlp:MLP.forward": {"self": MLP((1, 3, 1), chance()), "x": normal(2, 4, 1)},
    "networks.mlp:mlp": {
        "weights": list(MLP((1, 3, 1), chance()).parameters()),
        "x": normal(4, 1),
    },
    "networks.moe:MoELayer": {
        "width": 4,
        "hidden": 6,
        "experts": 3,
        "k": 2,
        "generator": chance(),
        "shared": 1,
        "gates": "chosen",
        "out_std": 0.02,
    },
    "networks.moe:MoELayer.route": {
        "self": MOE,
        "x": ROWS,
        "generator": chance(),
        "capacity": 3,
    },
    "networks.moe:MoELayer.answer": {"self": MOE, "x": ROWS, "routing": MOE.route(ROWS)},
    "networks.moe:MoELayer.answer_densely": {
        "self": MOE,
        "x": ROWS,
        "routing": MOE.route(ROWS),
    },
    "networks.moe:MoELayer.shared_answer": {
        "self": MoELayer(4, 6, 3, 2, chance(), shared=1),
        "x": ROWS,
    },
    "networks.moe:MoELayer.forward": {
        "self": MOE,
        "x": ROWS,
        "generator": chance(),
        "capacity": 3,
    },
    "networks.moe:Routing.at": {
        "self": MOE.route(ROWS),
        "mask": torch.tensor([True, False, True, True]),
    },
    "networks.moe:expert_networks": {
        "rows": ROWS,
        "up": normal(3, 4, 6),
        "down": normal(3, 6, 4),
        "counts": torch.tensor([1, 0, 3]),
    },
    "networks.moe:expert_products": {
        "rows": ROWS,
        "matrices": normal(3, 4, 6),
        "counts": torch.tensor([1, 0, 3]),
    },
    "networks.moe_decoder:MoEBlock": {"config": EXPERTS, "generator": chance()},
    "networks.moe_decoder:MoEDecoder": {"config": EXPERTS, "generator": chance()},
    "networks.moe_decoder:MoEDecoder.routed": {
        "self": MOE_DECODER,
        "tokens": SOURCE,
        "generator": chance(),
        "capacity": 4,
        "mask": MASK,
    },
    "networks.moe_decoder:MoEDecoderConfig": {
        **SIZES,
        "positions": "rotary",
        "experts": 3,
        "k": 2,
        "shared": 1,
        "gates": "chosen",
    },
    "networks.moe_decoder:MoEDecoderConfig.weight_shapes": {"self": EXPERTS},
    "networks.reader:Memory.rows": {"self": MEMORY, "index": INDEX},
    "networks.reader:Reader": {"model": PAIR_MODEL, "source": SOURCE, "mask": MASK},
    "networks.reader:Reader.empty_cache": {
        "self": READER,
        "batch": 2,
        "capacity": 4,
    },
    "networks.reader:Reader.step": {
        "self": READER,
        "tokens": STEP,
        "cache": MEMORY,
    },
    "networks.reward_model:RewardModel": {"config": CONFIG, "generator": chance()},
    "networks.reward_model:RewardModel.on": {"model": DECODER},
    "networks.rotary:apply_rotary": {"x": normal(2, 3, 8), "cos": COS, "sin": SIN}
    | {"x": normal(2, 3, 4)},
    "networks.rotary:rotary": {
        "x": normal(2, 3, 4),
        "positions": torch.arange(3),
        "base": 100.0,
    },
    "networks.rotary:rotary_alignment": {
        "distances": torch.arange(3),
        "width": 4,
        "base": 100.0,
    },
    "networks.rotary:rotary_angles": {
        "positions": torch.arange(3),
        "width": 4,
        "base": 100.0,
    },
    "networks.rotary:rotary_bound": {
        "distances": torch.arange(3),
        "width": 4,
        "base": 100.0,
    },
    "networks.transformer:Block": {"config": CONFIG, "generator": chance()},
    "networks.transformer:Decoder": {"config": CONFIG, "generator": chance()},
    "networks.transformer:Decoder.forward": {"self": DECODER, "tokens": TOKENS},
    "networks.transformer:Decoder.hidden": {"self": DECODER, "tokens": TOKENS},
    "networks.transformer:Decoder.attention_weights": {"self": DECODER, "tokens": TOKENS},
    "networks.transformer:Decoder.empty_cache": {"self": DECODER, "batch": 2, "capacity": 4},
    "networks.transformer:Decoder.step": {
        "self": DECODER,
        "tokens": STEP,
        "cache": DECODER.empty_cache(2, 4),
    },
    "networks.transformer:DecoderConfig": {**SIZES, "rope_base": 100.0, "positions": "rotary"},
    "networks.transformer:DecoderConfig.from_dict": {
        "values": {**SIZES, "rope_base": 100.0, "positions": "rotary"}
    },
    "networks.transformer:DecoderConfig.weight_shapes": {"self": CONFIG},
}
