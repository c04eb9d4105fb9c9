"""ReLU routing (ReMoE, arXiv 2412.14711): an expert runs where its gate is above 0, and there the gate is trained.

The l1 loss on the gates decides how many experts a row takes.

motley train relu_routed.py --data DIR --steps 200 --out RUN
"""

import math

from motley import nn

train = dict(learning_rate=3e-4, warmup=20, rows=2048, coefficients={"l1": [(0, 1e-5), (200, 1e-3)]})


class Block(nn.Module):
    def __init__(self, width, heads, experts, std):
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attn = nn.Attention(width, heads, out_std=std)
        self.ffn = nn.MoE(
            nn.SwiGLU(width, nn.hidden_size(width) // 2, out_std=std),
            experts,
            nn.Threshold(0.0),
            gate="relu",
            losses=dict(l1=nn.Scheduled("l1")),
        )

    def forward(self, x, tokens):
        x = x + self.attn(self.norm1(x), tokens)
        return x + self.ffn(self.norm2(x), tokens)


class ReMoE(nn.Module):
    def __init__(self, vocabulary, width, layers, heads, experts):
        std = 0.02 / math.sqrt(2 * layers)
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, experts, std) for _ in range(layers))
        self.norm = nn.RMSNorm(width)
        self.criterion = nn.CrossEntropy(nn.Head(width, vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x), tokens)


def model(data, width=256, layers=4, heads=8, experts=4):
    return ReMoE(data.vocabulary, width, layers, heads, experts)
