"""A Mixture-of-Transformers (arXiv 2411.04996): every weight but embedding and head belongs to a modality.

motley train mot.py --data DIR --steps 200 --out RUN
motley inspect mot.py --set size=443M --modalities text=57344,image=8192
"""

import math

import motley as mt
from motley import nn

SIZES = {  # width, layers, heads; named for their parameters with a vocabulary of 65,536
    "tiny": (128, 4, 4),
    "37M": (256, 4, 8),
    "94M": (512, 8, 8),
    "443M": (1024, 24, 16),
    "880M": (1536, 24, 24),
    "1.5B": (2048, 24, 16),
    "7B": (4096, 32, 32),
}

train = dict(learning_rate=3e-4, warmup=20, schedule="cosine", rows=2048)


class Block(nn.Module):
    """Norms come after the sublayer, inside the residual, as in Swin and Chameleon-34B."""

    def __init__(self, width, heads, untie, out_std):
        self.attn = nn.Attention(width, heads, qk_norm=True, untie=untie, out_std=out_std)
        self.attn_norm = nn.RMSNorm(width, untie=untie)
        self.ffn = nn.SwiGLU(width, untie=untie, out_std=out_std)
        self.ffn_norm = nn.RMSNorm(width, untie=untie)

    def forward(self, x, tokens):
        x = x + self.attn_norm(self.attn(x, tokens), tokens)
        return x + self.ffn_norm(self.ffn(x, tokens), tokens)


class MixtureOfTransformers(nn.Module):
    def __init__(self, vocabulary, modalities, width, layers, heads):
        out_std = 0.02 / math.sqrt(2 * layers)
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, modalities, out_std) for _ in range(layers))
        self.norm = nn.RMSNorm(width, untie=modalities)
        self.head = nn.Head(width, vocabulary)
        self.criterion = nn.CrossEntropy(self.head, z_loss=1e-5)

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x, tokens), tokens)


def model(data, size="94M"):
    if size not in SIZES:
        raise mt.Error(f"unknown size '{size}'; expected one of {', '.join(SIZES)}", location=None)
    return MixtureOfTransformers(data.vocabulary, data.modalities, *SIZES[size])
