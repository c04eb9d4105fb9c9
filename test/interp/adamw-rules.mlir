// RUN: motley-interp %s --function rules --arg '0.5 : f32' --arg '3 : i64' --print param,ema --set 'param @slow = dense<1.0> : tensor<1xf32>' --set 'grad @slow = dense<3.0> : tensor<1xf32>' --set 'ema @slow = dense<2.0> : tensor<1xf32>' --set 'grad @still = dense<4.0> : tensor<1xf32>' --set 'param @late = dense<1.0> : tensor<1xf32>' --set 'grad @late = dense<4.0> : tensor<1xf32>' --set 'grad @listed = dense<4.0> : tensor<1xf32>' | FileCheck %s --check-prefix=RULES

motley.variable @slow : tensor<1xf32> init constant 0.0 rate 0.5 decay 0.0
motley.variable @still : tensor<1xf32> init constant 0.0 rate 0.0
motley.variable @late : tensor<1xf32> init constant 0.0
motley.variable @listed : tensor<1xf32> init constant 0.0
motley.bank @bank.rules [[@slow], [@still], [@late], [@listed]]

// Tests the rules of variables: the norm counts 3 and 4 alone. Moments are corrected by the steps that trained a variable, here the
// first of @late, where the move is g / (|g| + 0.5) + 0.1 w: 1 - 0.5 (4 / 4.5 + 0.1) = 0.505555556; the third of @slow, without decay
// and at half the rate: m' = 1.5, 1 - 0.5^3 = 0.875; v' = 2.25, 1 - 0.75^3 = 0.578125; 1 - 0.25 (1.71428571 / (1.97278 + 0.5)).
// Averages: 0.75 * 2 + 0.25 w', and 0.25 w' of a new one.
// RULES: dense<[5]> : tensor<1xf32>
// RULES: param @slow = dense<[0.826684918]>
// RULES-NEXT: param @still = dense<[0]>
// RULES-NEXT: param @late = dense<[0.505555556]>
// RULES-NEXT: param @listed = dense<[0]>
// RULES: ema @slow = dense<[1.70667123]>
// RULES-NEXT: ema @still = dense<[0]>
// RULES-NEXT: ema @late = dense<[0.126388889]>
func.func @rules(%lr: f32, %step: i64) -> tensor<1xf32> attributes {motley.frozen = [@listed], motley.missed = {late = 2 : i64}} {
  %norm = motley.gradient_norm [@bank.rules] : tensor<1xf32>
  motley.adamw @bank.rules norm %norm learning_rate %lr step %step {beta1 = 5.000000e-01 : f64, beta2 = 7.500000e-01 : f64, epsilon = 5.000000e-01 : f64, weight_decay = 1.000000e-01 : f64, clip = 6.500000e+00 : f64, ema = 7.500000e-01 : f64} : tensor<1xf32>
  return %norm : tensor<1xf32>
}
