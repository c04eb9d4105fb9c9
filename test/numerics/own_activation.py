"""A model whose author brought an activation: towers by modality around a gate that no library knows."""

import motley as mt
from motley import nn

WIDTH, HIDDEN = 32, 48


@mt.elementwise
def bent_gate(gate, up, bend=0.5):
    """x -> log(1 + exp(x)) bent at 2, times a bounded value."""
    soft = mt.maximum(gate, 0) + mt.log1p(mt.exp(-abs(gate)))
    return mt.where(soft > 2, 2 + bend * (soft - 2), soft) * mt.tanh(up)


class FeedForward(nn.Module):
    def __init__(self):
        self.gate = nn.Linear(WIDTH, HIDDEN)
        self.up = nn.Linear(WIDTH, HIDDEN)
        self.down = nn.Linear(HIDDEN, WIDTH)

    def forward(self, x, tokens):
        return self.down(bent_gate(self.gate(x), self.up(x)))


class Model(nn.Module):
    def __init__(self, data):
        self.embed = nn.Embedding(data.vocabulary, WIDTH)
        self.norm = nn.RMSNorm(WIDTH)
        self.ffn = nn.ByModality({one.name: FeedForward() for one in data.modalities})
        self.criterion = nn.CrossEntropy(nn.Head(WIDTH, data.vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        return self.criterion(x + self.ffn(self.norm(x), tokens), tokens)


def model(data):
    return Model(data)
