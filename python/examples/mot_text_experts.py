"""A Mixture-of-Transformers whose text tower has experts (arXiv 2411.04996, section 5): four, which choose their rows.

motley train mot_text_experts.py --data DIR --steps 200 --out RUN
motley inspect mot_text_experts.py --set size=443M --modalities text=57344,image=8192
"""

import math

import motley as mt
from motley import nn

SIZES = {"tiny": (128, 4, 4), "94M": (512, 8, 8), "443M": (1024, 24, 16), "1.5B": (2048, 24, 16)}

train = dict(learning_rate=3e-4, warmup=20, schedule="cosine", rows=2048)


class Block(nn.Module):
    """Norms come after the sublayer, inside the residual, as in Swin and Chameleon-34B."""

    def __init__(self, width, heads, modalities, experts, out_std):
        self.attn = nn.Attention(width, heads, qk_norm=True, untie=modalities, out_std=out_std)
        self.attn_norm = nn.RMSNorm(width, untie=modalities)
        towers = {one.name: nn.SwiGLU(width, out_std=out_std) for one in modalities}
        towers["text"] = nn.MoE(towers["text"], experts)
        self.ffn = nn.ByModality(towers)
        self.ffn_norm = nn.RMSNorm(width, untie=modalities)

    def forward(self, x, tokens):
        x = x + self.attn_norm(self.attn(x, tokens), tokens)
        return x + self.ffn_norm(self.ffn(x, tokens), tokens)


class MixtureOfTransformers(nn.Module):
    def __init__(self, vocabulary, modalities, width, layers, heads, experts):
        out_std = 0.02 / math.sqrt(2 * layers)
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, modalities, experts, out_std) for _ in range(layers))
        self.norm = nn.RMSNorm(width, untie=modalities)
        self.criterion = nn.CrossEntropy(nn.Head(width, vocabulary), z_loss=1e-5)

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x, tokens), tokens)


def model(data, size="94M", experts=4):
    if size not in SIZES:
        raise mt.Error(f"unknown size '{size}'; expected one of {', '.join(SIZES)}", location=None)
    return MixtureOfTransformers(data.vocabulary, data.modalities, *SIZES[size], experts)
