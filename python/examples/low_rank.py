"""Low-rank experts on a base weight, behind attention and in the feed-forward network (as MoLoRA, arXiv 2309.05444).

Each projection is y = x W + sum over two of the experts of gate[e] * x A_e B_e. The experts of a picture's rows are
others than those of text.

motley train low_rank.py --data DIR --steps 200 --out RUN
"""

import math

from motley import nn

train = dict(learning_rate=3e-4, warmup=20, rows=2048)


class Projection(nn.Module):
    """A base weight that all rows share, and low-rank experts of each modality."""

    def __init__(self, inputs, outputs, modalities, experts, rank, std=0.02):
        def group():
            return nn.MoE(nn.LowRank(inputs, rank, outputs), experts, nn.TopK(2), gate="softmax", after_choice=True)

        self.base = nn.Linear(inputs, outputs, std=std)
        self.experts = nn.ByModality({one.name: group() for one in modalities})

    def forward(self, x, tokens):
        return self.base(x) + self.experts(x, tokens)


class Block(nn.Module):
    def __init__(self, width, heads, modalities, experts, rank, std):
        hidden = nn.hidden_size(width)
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attn = nn.Attention(width, heads, out_std=std)
        self.mix = Projection(width, width, modalities, experts, rank, std)
        self.up = Projection(width, hidden, modalities, experts, rank)
        self.down = nn.Linear(hidden, width, std=std)

    def forward(self, x, tokens):
        x = x + self.mix(self.attn(self.norm1(x), tokens), tokens)
        return x + self.down(nn.silu(self.up(self.norm2(x), tokens)))


class LowRankExperts(nn.Module):
    def __init__(self, data, width, layers, heads, experts, rank):
        std = 0.02 / math.sqrt(2 * layers)
        self.embed = nn.Embedding(data.vocabulary, width)
        self.blocks = [Block(width, heads, data.modalities, experts, rank, std) for _ in range(layers)]
        self.norm = nn.RMSNorm(width)
        self.criterion = nn.CrossEntropy(nn.Head(width, data.vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x), tokens)


def model(data, width=256, layers=4, heads=8, experts=4, rank=8):
    return LowRankExperts(data, width, layers, heads, experts, rank)
