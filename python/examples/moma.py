"""MoMa's 1t1i (arXiv 2407.21770): attention is shared, the feed-forward network belongs to a modality; or its dense
baseline.

motley train moma.py --data DIR --steps 200 --out RUN
motley inspect moma.py --set size=1.4B --set kind=dense --modalities text=57344,image=8192
"""

import math

import motley as mt
from motley import nn

SIZES = {"90M": (512, 8, 8), "435M": (1024, 24, 16), "1.4B": (2048, 24, 16)}  # width, layers, heads

train = dict(learning_rate=1e-4, final_learning_rate=1e-6, warmup=20, schedule="linear", rows=2048)


class Block(nn.Module):
    """Norms come after the sublayer, inside the residual (Swin)."""

    def __init__(self, width, heads, modalities, out_std):
        self.attn = nn.Attention(width, heads, qk_norm="layer", out_std=out_std)
        self.attn_norm = nn.RMSNorm(width)
        self.ffn = self.network(width, out_std)
        if modalities is not None:
            self.ffn = nn.ByModality({one.name: self.network(width, out_std) for one in modalities})
        self.ffn_norm = nn.RMSNorm(width)

    def network(self, width, out_std):
        return nn.SwiGLU(width, rule="chameleon", out_std=out_std)

    def forward(self, x, tokens):
        x = x + self.attn_norm(self.attn(x, tokens))
        return x + self.ffn_norm(self.ffn(x, tokens))


class MoMa(nn.Module):
    def __init__(self, vocabulary, modalities, width, layers, heads):
        out_std = 0.02 / math.sqrt(2 * layers)
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, modalities, out_std) for _ in range(layers))
        self.norm = nn.RMSNorm(width)
        self.criterion = nn.CrossEntropy(nn.Head(width, vocabulary), z_loss=1e-5)

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x), tokens)


def model(data, size="90M", kind="1t1i"):
    if size not in SIZES or kind not in ("1t1i", "dense"):
        raise mt.Error(
            f"unknown size '{size}' or kind '{kind}'; expected one of {', '.join(SIZES)}, and 1t1i or dense",
            location=None,
        )
    return MoMa(data.vocabulary, data.modalities if kind == "1t1i" else None, *SIZES[size])
