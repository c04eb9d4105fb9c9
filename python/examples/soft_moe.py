"""Every second layer a soft mixture of experts (Soft MoE, arXiv 2308.00951), with attention in both directions.

A slot is a mean over the whole microbatch, and so a row sees the rows behind it, its own target among them: the
paper's models are encoders of images, and this one's loss is no likelihood of the next token. It shows how to write
one and what it costs: an expert computes its slots, however many rows there are.

motley train soft_moe.py --data DIR --steps 200 --out RUN
"""

import math

from motley import nn

train = dict(learning_rate=3e-4, warmup=20, rows=2048)


class Block(nn.Module):
    def __init__(self, width, heads, ffn, std):
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attn = nn.Attention(width, heads, mask="full", out_std=std)
        self.ffn = ffn

    def forward(self, x, tokens):
        x = x + self.attn(self.norm1(x), tokens)
        return x + self.ffn(self.norm2(x), tokens)


class SoftMixtures(nn.Module):
    def __init__(self, vocabulary, width, layers, heads, experts, slots):
        std = 0.02 / math.sqrt(2 * layers)

        def network(layer):
            ffn = nn.SwiGLU(width, out_std=std)
            return ffn if layer % 2 == 0 else nn.SoftMoE(ffn, experts, slots)

        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, network(layer), std) for layer in range(layers))
        self.norm = nn.RMSNorm(width)
        self.criterion = nn.CrossEntropy(nn.Head(width, vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x), tokens)


def model(data, width=256, layers=4, heads=8, experts=16, slots=16):
    return SoftMixtures(data.vocabulary, width, layers, heads, experts, slots)
