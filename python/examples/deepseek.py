"""Many narrow experts beside shared ones, after a dense first layer (DeepSeekMoE, arXiv 2401.06066).

An expert is a quarter of a feed-forward network; a row takes the shared one and seven of the others.

motley train deepseek.py --data DIR --steps 200 --out RUN
"""

import math

from motley import nn

train = dict(learning_rate=3e-4, warmup=20, rows=2048)


class Block(nn.Module):
    def __init__(self, width, heads, ffn, std):
        self.norm1, self.norm2 = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attn = nn.Attention(width, heads, out_std=std)
        self.ffn = ffn

    def forward(self, x, tokens):
        x = x + self.attn(self.norm1(x), tokens)
        return x + self.ffn(self.norm2(x), tokens)


class DeepSeekMoE(nn.Module):
    def __init__(self, vocabulary, width, layers, heads, experts, k, shared):
        std = 0.02 / math.sqrt(2 * layers)
        narrow = nn.hidden_size(width) // 4

        def network(layer):
            if layer == 0:
                return nn.SwiGLU(width, (k + shared) * narrow, out_std=std)
            return nn.MoE(
                nn.SwiGLU(width, narrow, out_std=std),
                experts,
                nn.TopK(k),
                gate="softmax",
                shared=nn.SwiGLU(width, shared * narrow, out_std=std),
                losses=dict(balance=0.01),
            )

        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, network(layer), std) for layer in range(layers))
        self.norm = nn.RMSNorm(width)
        self.criterion = nn.CrossEntropy(nn.Head(width, vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, tokens)
        return self.criterion(self.norm(x), tokens)


def model(data, width=256, layers=4, heads=8, experts=31, k=7, shared=1):
    return DeepSeekMoE(data.vocabulary, width, layers, heads, experts, k, shared)
