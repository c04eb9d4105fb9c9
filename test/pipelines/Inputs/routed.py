"""Writes a model at level 1 that routes in every way at once: mixture-of-depths around experts that choose rows of their modality,
then the two best of four experts with a capacity and losses that balance them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "python"))

import motley as mt
from motley import nn

ROWS, WIDTH, HIDDEN = 32, 8, 12


class Block(nn.Module):
    def __init__(self, ffn):
        self.norm1, self.norm2 = nn.RMSNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.attn = nn.Attention(WIDTH, 2)
        self.ffn = ffn

    def forward(self, x, tokens):
        x = x + self.attn(self.norm1(x, tokens), tokens)
        return x + self.ffn(self.norm2(x, tokens), tokens)


class Model(nn.Module):
    def __init__(self, data):
        expert = nn.SwiGLU(WIDTH, HIDDEN)
        experts = nn.ByModality({"text": nn.MoE(expert, 3), "image": nn.MoE(expert, 2)})
        best = nn.TopK(2, capacity=0.4, overflow="priority")
        losses = dict(balance=0.01, router_z=1e-3)
        self.embed = nn.Embedding(data.vocabulary, WIDTH)
        self.block1 = nn.MixtureOfDepths(Block(experts), capacity=0.5, width=WIDTH)
        self.block2 = Block(nn.MoE(expert, 4, best, gate="softmax", renormalise=True, losses=losses))
        self.criterion = nn.CrossEntropy(nn.Head(WIDTH, data.vocabulary), z_loss=1e-4)

    def loss(self, tokens):
        x = self.block1(self.embed(tokens), tokens)
        return self.criterion(self.block2(x, tokens), tokens)


data = mt.Data(mt.Modalities(text=20, image=10), rows=ROWS)
text = mt.trace(Model(data), data, train=mt.Hyperparameters(precision="f32"))
# Level 1 takes all rows for live where it is not told.
print(text.replace("@loss(", "@loss(%live: i32 {motley.field = #motley.field<live>}, ", 1))
