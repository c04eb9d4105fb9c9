"""MoMa (arXiv 2407.21770): attention is shared, feed-forward experts belong to a modality and choose among its rows.

kind is dense, 1t1i, 4t4i or other counts of text and image experts (7t1i), moe_8x (experts of all modalities), or one
of them under mixture-of-depths (mod+4t4i), which has more layers for the same work. gumbel: noise, to upcycle (2.5).

motley train moma.py --data DIR --steps 200 --out RUN
motley inspect moma.py --set size=1.4B --set kind=mod+4t4i --modalities text=57344,image=8192
"""

import math
import re

import motley as mt
from motley import nn
SIZES = {  # width, layers, heads; and under mixture-of-depths (table 1)
    "tiny": ((128, 4, 4), (128, 7, 4)),
    "90M": ((512, 8, 8), (512, 14, 8)),
    "435M": ((1024, 24, 16), (1024, 40, 16)),
    "1.4B": ((2048, 24, 16), (2304, 32, 18)),
}

train = dict(learning_rate=1e-4, final_learning_rate=1e-6, warmup=20, schedule="linear", rows=2048)


def network(kind, width, modalities, std, noise):
    """The feed-forward part of a block."""

    def experts(count):
        expert = nn.SwiGLU(width, rule="chameleon", out_std=std)
        return expert if count == 1 else nn.MoE(expert, count, noise=noise)  # each takes 1 / count of the rows

    if kind == "dense":
        return experts(1)
    if of_all := re.fullmatch(r"moe_(\d+)x", kind):
        return experts(int(of_all[1]))
    counts = {letter: int(count) for count, letter in re.findall(r"(\d+)([a-z])", kind)}  # by a modality's first letter
    if not re.fullmatch(r"(\d+[a-z])+", kind):
        raise mt.Error(f"unknown kind '{kind}'; expected dense, moe_8x, 1t1i, 4t4i, or one after mod+", location=None)
    return nn.ByModality({one.name: experts(counts.get(one.name[0], 1)) for one in modalities})


class Block(nn.Module):
    """Norms come after the sublayer, inside the residual (Swin)."""

    def __init__(self, width, heads, ffn, std):
        self.width = width
        self.attn = nn.Attention(width, heads, qk_norm="layer", out_std=std)
        self.attn_norm = nn.RMSNorm(width)
        self.ffn = ffn
        self.ffn_norm = nn.RMSNorm(width)

    def forward(self, x, tokens):
        x = x + self.attn_norm(self.attn(x, tokens))
        return x + self.ffn_norm(self.ffn(x, tokens))


class MoMa(nn.Module):
    def __init__(self, data, kind, depths, width, layers, heads, gumbel=False):
        std = 0.02 / math.sqrt(2 * layers)
        ffn = (kind, width, data.modalities, std, nn.Gumbel() if gumbel else None)
        self.embed = nn.Embedding(data.vocabulary, width)
        self.blocks = [Block(width, heads, network(*ffn), std) for _ in range(layers)]
        if depths:  # every second layer, the first one too
            self.blocks[::2] = [nn.MixtureOfDepths(block, capacity=0.25) for block in self.blocks[::2]]
        self.norm = nn.RMSNorm(width)
        self.criterion = nn.CrossEntropy(nn.Head(width, data.vocabulary), z_loss=1e-5)

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x), tokens)


def model(data, size="90M", kind="4t4i", gumbel=False):
    if size not in SIZES:
        raise mt.Error(f"unknown size '{size}'; expected one of {', '.join(SIZES)}", location=None)
    depths = kind.startswith("mod+")
    return MoMa(data, kind.removeprefix("mod+"), depths, *SIZES[size][depths], gumbel)
