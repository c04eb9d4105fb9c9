"""Every second layer a mixture of experts: top-2 with a capacity, balanced by a loss (GShard, arXiv 2006.16668).

motley train top2.py --data DIR --steps 200 --out RUN
"""

import math

from motley import nn

# The balance loss grows with the warm-up; the routers' z-loss (arXiv 2202.08906) holds their scores small.
train = dict(learning_rate=3e-4, warmup=20, rows=2048, coefficients={"balance": [(0, 0.0), (20, 0.01)]})


class Block(nn.Module):
    def __init__(self, width, heads, ffn, std):
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attn = nn.Attention(width, heads, out_std=std)
        self.ffn = ffn

    def forward(self, x, tokens):
        x = x + self.attn(self.norm1(x), tokens)
        return x + self.ffn(self.norm2(x), tokens)


class Top2(nn.Module):
    def __init__(self, vocabulary, width, layers, heads, experts, capacity_factor):
        std = 0.02 / math.sqrt(2 * layers)

        def network(layer):
            ffn = nn.SwiGLU(width, out_std=std)
            if layer % 2 == 0:
                return ffn
            return nn.MoE(
                ffn,
                experts,
                nn.TopK(2, capacity=min(1.0, 2 * capacity_factor / experts), overflow="priority"),
                gate="softmax",
                renormalise=True,
                noise=nn.Jitter(0.01),
                losses=dict(balance=nn.Scheduled("balance"), router_z=1e-3),
            )

        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, network(layer), std) for layer in range(layers))
        self.norm = nn.RMSNorm(width)
        self.criterion = nn.CrossEntropy(nn.Head(width, vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x), tokens)  # with what the routers add: balance and router_z


def model(data, width=256, layers=4, heads=8, experts=8, capacity_factor=1.25):
    return Top2(data.vocabulary, width, layers, heads, experts, capacity_factor)
