"""A dense decoder over text and pictures, in the sizes of Mixture-of-Transformers (arXiv 2411.04996, tables 1 and 3).

motley train dense.py --data DIR --steps 200 --out RUN
motley inspect dense.py --set size=443M --modalities text=57344,image=8192
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

    def __init__(self, width, heads, out_std):
        self.attn = nn.Attention(width, heads, qk_norm=True, out_std=out_std)
        self.attn_norm = nn.RMSNorm(width)
        self.ffn = nn.SwiGLU(width, out_std=out_std)
        self.ffn_norm = nn.RMSNorm(width)

    def forward(self, x, tokens):
        x = x + self.attn_norm(self.attn(x, tokens))
        return x + self.ffn_norm(self.ffn(x))


class Dense(nn.Module):
    def __init__(self, vocabulary, width, layers, heads):
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, 0.02 / math.sqrt(2 * layers)) for _ in range(layers))
        self.norm = nn.RMSNorm(width)
        self.head = nn.Head(width, vocabulary)
        self.criterion = nn.CrossEntropy(self.head, z_loss=1e-5)

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x), tokens)


def model(data, size="94M"):
    if size not in SIZES:
        raise mt.Error(f"unknown size '{size}'; expected one of {', '.join(SIZES)}", location=None)
    return Dense(data.vocabulary, *SIZES[size])
