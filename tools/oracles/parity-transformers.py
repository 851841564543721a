#!/usr/bin/env python3
"""Small random models of Hugging Face transformers with what they compute, in float32 on the CPU.

  python3 tools/oracles/parity-transformers.py OUT_DIR

Writes, one safetensors file each, with the configuration as JSON in its metadata:
  parity-deepseek-v3   whole model: MLA with YaRN past the original context, a dense block, group-limited routing
  parity-deepseek-v3-direct   the same without a query latent, one group, no YaRN, weights not normalised
  parity-qwen3-moe     whole model: grouped-query attention with norms of queries and keys, softmax routing
  parity-qwen4-ple     the PLE module of qwen4_exp alone: rows, gate, convolution, end-of-sequence segments
  parity-deepseek-v4-hc   the hyper-connections of deepseek_v4 alone
  parity-composed-mhc, parity-composed-single-pass   models composed here of the modules of these three
Whole models hold two sequences of unequal length: `logits.S` of a prefill, `decoded.S` of the same tokens one by one
through transformers' cache, `experts.S.L` [tokens, k] of the mixtures of experts, sorted. Prints each file's sha256.
Needs parity-requirements.txt.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, DynamicCache, DeepseekV3Config, Qwen3MoeConfig
from transformers.models.deepseek_v4.configuration_deepseek_v4 import DeepseekV4Config
from transformers.models.deepseek_v4.modeling_deepseek_v4 import DeepseekV4HyperConnection
from transformers.models.qwen4_exp.configuration_qwen4_exp import Qwen4ExpTextConfig
from transformers.models.qwen4_exp.modeling_qwen4_exp import Qwen4ExpTextPLELayer


def randomise(module, spread):
    """Every parameter and float buffer random: norms around 1 (or 0 where they are offsets), matrices by their inputs."""
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if not tensor.is_floating_point() or "inv_freq" in name:
                continue
            if tensor.dim() == 1:
                base = tensor if "norm" in name and "bias" not in name else torch.zeros_like(tensor)
                tensor.copy_(base + spread * torch.randn_like(tensor))
            else:
                tensor.copy_(torch.randn_like(tensor) / tensor.shape[-1] ** 0.5)


def whole_model(config, router_class, lengths, k):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    randomise(model, 0.3)
    chosen = []
    for module in model.modules():
        if type(module).__name__ == router_class:
            module.register_forward_hook(lambda _, __, output: chosen.append(output[-1]))
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for s, length in enumerate(lengths):
        ids = torch.randint(0, config.vocab_size, (1, length))
        chosen.clear()
        with torch.no_grad():
            logits = model(ids, use_cache=False).logits[0]
            for layer, experts in enumerate(chosen):
                assert experts.shape == (length, k), experts.shape
                tensors[f"experts.{s}.{layer}"] = experts.sort(-1).values.int()
            cache = DynamicCache(config=config)
            decoded = [model(ids[:, t : t + 1], past_key_values=cache, use_cache=True).logits[0, -1] for t in range(length)]
        tensors |= {f"ids.{s}": ids[0].int(), f"logits.{s}": logits, f"decoded.{s}": torch.stack(decoded)}
    return tensors, config.to_dict()


def deepseek_v3_config(**changes):
    config = DeepseekV3Config(
        vocab_size=72, hidden_size=24, intermediate_size=40, moe_intermediate_size=12, num_hidden_layers=3,
        num_attention_heads=2, num_key_value_heads=2, n_shared_experts=2, n_routed_experts=8, num_experts_per_tok=3,
        routed_scaling_factor=2.5, q_lora_rank=10, kv_lora_rank=8, qk_nope_head_dim=6, qk_rope_head_dim=8, v_head_dim=5,
        n_group=4, topk_group=2, first_k_dense_replace=1, norm_topk_prob=True, max_position_embeddings=96,
        num_nextn_predict_layers=0, rms_norm_eps=1e-6, bos_token_id=0, eos_token_id=1,
        # of the four frequencies one stays, one is blended, two are divided
        rope_parameters={"rope_type": "yarn", "rope_theta": 50.0, "factor": 4.0, "beta_fast": 3, "beta_slow": 1,
                         "mscale": 1.0, "mscale_all_dim": 0.8, "original_max_position_embeddings": 24},
    )
    for name, value in changes.items():
        setattr(config, name, value)
    return config


def deepseek_v3(**changes):
    config = deepseek_v3_config(**changes)
    return whole_model(config, "DeepseekV3TopkRouter", (40, 7), config.num_experts_per_tok)


def qwen3_moe():
    config = Qwen3MoeConfig(
        vocab_size=72, hidden_size=24, intermediate_size=40, moe_intermediate_size=12, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, head_dim=8, num_experts=6, num_experts_per_tok=2,
        norm_topk_prob=True, mlp_only_layers=[0], decoder_sparse_step=1, tie_word_embeddings=True,
        max_position_embeddings=64, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )
    return whole_model(config, "Qwen3MoeTopKRouter", (33, 6), 2)


def ple_config(vocab_size, hidden_size):
    return Qwen4ExpTextConfig(
        vocab_size=vocab_size, hidden_size=hidden_size, hc_count=3, num_hidden_layers=4, ple_layer_ids=[2], ple_embed_dim=16,
        ple_conv_kernel_size=4, ngram_size=3, heads_per_ngram=2, ngram_vocab_size_base=101,
        make_ngram_vocab_size_divisible_by=8, seed=1234, eos_token_id=7,
        layer_types=["linear_attention"] * 3 + ["full_attention"],
    )


def qwen4_ple():
    config = ple_config(60, 12)
    layer = Qwen4ExpTextPLELayer(config, layer_idx=1, ple_layer_index=0).float().eval()
    randomise(layer, 0.3)
    ids = torch.randint(0, 60, (1, 40))
    ids[0, [5, 6, 20, 33]] = 7
    hidden = torch.randn(1, 40, 3 * 12)
    rows = []
    layer.ple_embedding.ngram_embedding.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0][0]))
    with torch.no_grad():
        output = layer(hidden, ids, None)[0]
        cache = DynamicCache(config=config)
        decoded = [layer(hidden[:, t : t + 1], ids[:, t : t + 1], cache)[0, 0] for t in range(40)]
    tensors = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    tensors |= {"ids": ids[0].int(), "rows": rows[0].int(), "hidden": hidden[0], "output": output, "decoded": torch.stack(decoded)}
    return tensors, config.to_dict()


def deepseek_v4_hc():
    config = DeepseekV4Config(hidden_size=12, hc_mult=4, hc_sinkhorn_iters=3, hc_eps=1e-2, rms_norm_eps=1e-6)
    connection = DeepseekV4HyperConnection(config).float().eval()
    randomise(connection, 0.5)
    streams, y = torch.randn(1, 9, 4, 12), torch.randn(1, 9, 12)
    streams[0, 4] *= 1e-4  # a mean square near the epsilon
    with torch.no_grad():
        post, mix, collapsed = connection(streams)
        merged = post.unsqueeze(-1) * y.unsqueeze(-2) + torch.matmul(mix.transpose(-1, -2), streams)  # as its decoder layer
    tensors = {name: tensor.clone() for name, tensor in connection.state_dict().items()}
    tensors |= {"streams": streams[0], "y": y[0], "post": post[0], "mix": mix[0], "collapsed": collapsed[0], "merged": merged[0]}
    return tensors, config.to_dict()


def composed(single_pass):
    """A model put together here from transformers' modules: residual streams with hyper-connections, PLE, MLA, MoE."""
    config = deepseek_v3_config(num_hidden_layers=2, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    ple = Qwen4ExpTextPLELayer(ple_config(72, 24), layer_idx=1, ple_layer_index=0).float().eval()
    hyper = DeepseekV4Config(hidden_size=24, hc_mult=3, hc_sinkhorn_iters=3, hc_eps=1e-2 if single_pass else 0.0, rms_norm_eps=1e-6)
    connections = torch.nn.ModuleList(DeepseekV4HyperConnection(hyper) for _ in range(4)).float().eval()
    for module in (model, ple, connections):
        randomise(module, 0.3)
    ids = torch.randint(0, 72, (1, 24))
    ids[0, [6, 15]] = 7
    state = {"pre": None}

    def sub_layer(streams, connection, operation):
        post, mix, x = connection(streams)
        if single_pass:  # each sub-layer reads the streams by the coefficients of the one before it
            normed = connection.input_norm(streams.flatten(2))
            pre = torch.sigmoid((normed @ connection.fn[:3].T) * connection.scale[0] + connection.base[:3]) + hyper.hc_eps
            x = streams[:, :, 0] if state["pre"] is None else (state["pre"].unsqueeze(-1) * streams).sum(2)
            state["pre"] = pre
        y = operation(x)
        return post.unsqueeze(-1) * y.unsqueeze(-2) + torch.matmul(mix.transpose(-1, -2), streams)

    with torch.no_grad():
        x = model.model.embed_tokens(ids)
        streams = x.unsqueeze(2).repeat(1, 1, 3, 1)
        positions = model.model.rotary_emb(x, torch.arange(24)[None])
        mask = torch.full((24, 24), float("-inf")).triu(1)[None, None]
        for i, layer in enumerate(model.model.layers):
            if i == (0 if single_pass else 1):  # before the first collapse, so that streams differ there
                streams = streams + ple(streams.flatten(2), ids, None).unflatten(-1, (3, 24))
            attend = lambda x: layer.self_attn(layer.input_layernorm(x), position_embeddings=positions, attention_mask=mask)[0]
            streams = sub_layer(streams, connections[2 * i], attend)
            streams = sub_layer(streams, connections[2 * i + 1], lambda x: layer.mlp(layer.post_attention_layernorm(x)))
        last = (state["pre"].unsqueeze(-1) * streams).sum(2) if single_pass else streams.mean(2)
        logits = model.lm_head(model.model.norm(last))[0]
    tensors = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for prefix, module in (("ple", ple), ("connections", connections)):
        tensors |= {f"{prefix}.{name}": tensor.clone() for name, tensor in module.state_dict().items()}
    return {**tensors, "ids.0": ids[0].int(), "logits.0": logits}, config.to_dict()


SETS = {
    "parity-deepseek-v3": deepseek_v3,
    "parity-deepseek-v3-direct": lambda: deepseek_v3(
        q_lora_rank=None, n_group=1, topk_group=1, norm_topk_prob=False, n_shared_experts=1,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
    "parity-qwen3-moe": qwen3_moe,
    "parity-qwen4-ple": qwen4_ple,
    "parity-deepseek-v4-hc": deepseek_v4_hc,
    "parity-composed-mhc": lambda: composed(False),
    "parity-composed-single-pass": lambda: composed(True),
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for seed, (name, make) in enumerate(SETS.items()):
        torch.manual_seed(seed)
        tensors, config = make()
        path = Path(sys.argv[1]) / f"{name}.safetensors"
        save_file({k: v.contiguous() for k, v in tensors.items()}, path, {"config": json.dumps(config, default=str)})
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
