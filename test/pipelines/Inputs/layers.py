"""Writes a model of as many layers as the argument says, at level 1: attention shared by two modalities, a SwiGLU for each.

Every layer has its own variables, with its own initial scale, as a deep model would.
"""

import sys

ROWS, WIDTH, HIDDEN = 512, 64, 128
layers = int(sys.argv[1])

field = "tensor<512xi32> {motley.field = #motley.field<%s>}"
fields = ["token", "target", "modality", "document", "order", "position"]
variables, body = [], []


def variable(name, shape, init="normal 2.0e-02"):
    variables.append(f"motley.variable @{name} : tensor<{shape}xf32> init {init}")
    return f"@{name}"


def network(name, layer, x):
    """The lines of one SwiGLU, whose result is %name.d."""
    scale = f"normal {2e-2 / (layer + 1):e}"
    gate, up = (variable(f"{name}.{part}", f"{WIDTH}x{HIDDEN}") for part in ("gate", "up"))
    down = variable(f"{name}.down", f"{HIDDEN}x{WIDTH}", scale)
    return f"""
    %{name}.g = motley.linear {gate}({x}) : (!x) -> !h
    %{name}.u = motley.linear {up}({x}) : (!x) -> !h
    %{name}.s = motley.silu %{name}.g : !h
    %{name}.m = arith.mulf %{name}.s, %{name}.u : !h
    %{name}.d = motley.linear {down}(%{name}.m) : (!h) -> !x
    motley.yield %{name}.d : !x"""


embed = variable("embed", f"320x{WIDTH}")
for layer in range(layers):
    at, x = f"l{layer}", f"%x{layer}"
    q, k, v, o = (variable(f"{at}.{part}", f"{WIDTH}x{WIDTH}") for part in "qkvo")
    norms = [variable(f"{at}.norm{i}", WIDTH, "constant 1.0") for i in range(2)]
    body.append(f"""
  %{at}.n0 = motley.norm rms {x} gain {norms[0]} {{epsilon = 1.0e-05 : f64}} : !x
  %{at}.q = motley.linear {q}(%{at}.n0) : (!x) -> !x
  %{at}.k = motley.linear {k}(%{at}.n0) : (!x) -> !x
  %{at}.v = motley.linear {v}(%{at}.n0) : (!x) -> !x
  %{at}.qr = motley.rope %{at}.q at %position {{heads = 2 : i64, theta = 1.0e+04 : f64}} : !x, !i
  %{at}.kr = motley.rope %{at}.k at %position {{heads = 2 : i64, theta = 1.0e+04 : f64}} : !x, !i
  %{at}.a = motley.attention causal %{at}.qr, %{at}.kr, %{at}.v documents %document order %order {{heads = 2 : i64, kv_heads = 2 : i64}} : (!x, !x, !x, !i, !i) -> !x
  %{at}.o = motley.linear {o}(%{at}.a) : (!x) -> !x
  %{at}.x = arith.addf {x}, %{at}.o : !x
  %{at}.n1 = motley.norm rms %{at}.x gain {norms[1]} {{epsilon = 1.0e-05 : f64}} : !x
  %{at}.f = motley.by_modality %modality : !i -> (!x) {{{network(f"{at}.text", layer, f"%{at}.n1")}
  }} case [@text], {{{network(f"{at}.image", layer, f"%{at}.n1")}
  }} case [@image]
  %x{layer + 1} = arith.addf %{at}.x, %{at}.f : !x""")
head = variable("head", f"{WIDTH}x320")

arguments = ", ".join(f"%{name}: {field % name}" for name in fields)
print(f"""!i = tensor<{ROWS}xi32>
!x = tensor<{ROWS}x{WIDTH}xf32>
!h = tensor<{ROWS}x{HIDDEN}xf32>
!loss = tensor<{ROWS}xf32>
motley.modality @text ids 0 to 256
motley.modality @image ids 256 to 320
{chr(10).join(variables)}
func.func @loss({arguments}) -> (!loss {{motley.loss = "ce"}}, !loss {{motley.loss = "z"}}) {{
  %x0 = motley.embedding {embed}(%token) : (!i) -> !x{"".join(body)}
  %ce, %z = motley.cross_entropy {head}(%x{layers}) targets %target {{z_loss = 1.0e-05 : f64}} : (!x, !i) -> (!loss, !loss)
  return %ce, %z : !loss, !loss
}}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-08 weight_decay 0.1 clip 1.0""")
