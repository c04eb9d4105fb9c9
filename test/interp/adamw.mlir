// RUN: motley-interp %s --function update --arg '0.5 : f32' --arg '1 : i64' --print param,m,v --set 'param @w = dense<[[1.0, 2.0]]> : tensor<1x2xf32>' --set 'grad @w = dense<[[3.0, 4.0]]> : tensor<1x2xf32>' --set 'grad @b = dense<12.0> : tensor<1xf32>' | FileCheck %s --check-prefix=CLIPPED
// RUN: motley-interp %s --function update --arg '0.5 : f32' --arg '2 : i64' --print param,m,v --set 'param @w = dense<[[1.0, 2.0]]> : tensor<1x2xf32>' --set 'grad @w = dense<[[0.3, 0.4]]> : tensor<1x2xf64>' --set 'm @w = dense<1.0> : tensor<1x2xf32>' --set 'v @w = dense<1.0> : tensor<1x2xf32>' | FileCheck %s --check-prefix=SECOND


motley.variable @w : tensor<1x2xf32> init constant 0.0
motley.variable @b : tensor<1xf32> init constant 0.0
motley.bank @bank.w [[@w]]
motley.bank @bank.b [[@b]]

// Tests norm and clipping: sqrt(9 + 16 + 144) = 13, so gradients are divided by 13 / 6.5 = 2. In the first step corrected moments
// are g and g^2, with epsilon 0.5: w' = w - 0.5 (g / (|g| + 0.5) + 0.1 w). g = 1.5 gives 1 - 0.5 (0.75 + 0.1) = 0.575,
// g = 2 gives 2 - 0.5 (0.8 + 0.2) = 1.5. The bias has no decay: g = 6 gives -0.5 * 6 / 6.5 = -0.461538462.
// CLIPPED: dense<[13]> : tensor<1xf32>
// CLIPPED-NEXT: param @w = dense<{{\[}}[0.575, 1.5]]>
// CLIPPED-NEXT: param @b = dense<[-0.461538462]>
// CLIPPED-NEXT: m @w = dense<{{\[}}[0.75, 1]]>
// CLIPPED-NEXT: m @b = dense<[3]>
// CLIPPED-NEXT: v @w = dense<{{\[}}[0.5625, 1]]>
// CLIPPED-NEXT: v @b = dense<[9]>

// Tests the second step, unclipped: m' = (1 + g) / 2, v' = 0.75 + 0.25 g^2; corrections 1 - 0.5^2 = 0.75 and 1 - 0.75^2 = 0.4375.
// SECOND: dense<[0.5]> : tensor<1xf32>
// SECOND-NEXT: param @w = dense<{{\[}}[0.713050688, 1.64689522]]>
// SECOND: m @w = dense<{{\[}}[0.65, 0.7]]>
// SECOND: v @w = dense<{{\[}}[0.7725, 0.79]]>
func.func @update(%lr: f32, %step: i64) -> tensor<1xf32> {
  %norm = motley.gradient_norm [@bank.w, @bank.b] : tensor<1xf32>
  motley.adamw @bank.w norm %norm learning_rate %lr step %step {beta1 = 5.000000e-01 : f64, beta2 = 7.500000e-01 : f64, epsilon = 5.000000e-01 : f64, weight_decay = 1.000000e-01 : f64, clip = 6.500000e+00 : f64} : tensor<1xf32>
  motley.adamw @bank.b norm %norm learning_rate %lr step %step {beta1 = 5.000000e-01 : f64, beta2 = 7.500000e-01 : f64, epsilon = 5.000000e-01 : f64, weight_decay = 0.000000e+00 : f64, clip = 6.500000e+00 : f64} : tensor<1xf32>
  return %norm : tensor<1xf32>
}
