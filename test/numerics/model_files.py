"""Model files of the tests that use the command line: small, and with the modalities of tiny_data."""

PYTHON = """
import motley as mt
from motley import nn

train = dict(precision="f32")

class Model(nn.Module):
    def __init__(self, data):
        two = data.modalities
        self.embed = nn.Embedding(data.vocabulary, 32)
        self.norm1 = nn.RMSNorm(32, untie=two)
        self.attn = nn.Attention(32, 2, qk_norm=True, untie=two)
        self.norm2 = nn.RMSNorm(32, untie=two)
        self.ffn = nn.SwiGLU(32, 48, untie=two)
        self.criterion = nn.CrossEntropy(nn.Head(32, data.vocabulary))

    def loss(self, tokens):
        x = self.embed(tokens)
        x = x + self.attn(self.norm1(x, tokens), tokens)
        return self.criterion(x + self.ffn(self.norm2(x, tokens), tokens), tokens)

def model(data):
    return Model(data)
"""

MLIR = """motley.modality @text ids 0 to 48
motley.modality @image ids 48 to 64
motley.variable @embed : tensor<64x16xf32> init normal 0.02
motley.variable @head : tensor<16x64xf32> init normal 0.02
func.func @loss(%token: tensor<32xi32> {motley.field = #motley.field<token>},
                %target: tensor<32xi32> {motley.field = #motley.field<target>}) -> (tensor<32xf32> {motley.loss = "ce"}) {
  %x = motley.embedding @embed(%token) : (tensor<32xi32>) -> tensor<32x16xf32>
  %ce, %z = motley.cross_entropy @head(%x) targets %target {z_loss = 0.0 : f64}
      : (tensor<32x16xf32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  return %ce : tensor<32xf32>
}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-08 weight_decay 0.1 clip 1.0
"""
