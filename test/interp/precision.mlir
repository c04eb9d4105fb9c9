// Tests rounding to bf16, nearest even: of the numbers 1 + k / 256, 1 + 1/256 is halfway between 1 and 1 + 1/128 and becomes the even 1,
// 1 + 3/256 becomes 1 + 4/256, and a little more than 1 + 1/256 becomes 1 + 2/256. Products and sums are exact.

// RUN: motley-interp %s --function level1 --seed 1 --arg '3 : i32' --precision 12 | FileCheck %s --check-prefix=LEVEL1
// RUN: motley-interp %s --function level1 --seed 1 --arg '3 : i32' --precision 12 --exact | FileCheck %s --check-prefix=EXACT
// RUN: motley-interp %s --function level2 --seed 1 --precision 12 --print grad | FileCheck %s --check-prefix=LEVEL2
// RUN: motley-interp %s --function level2 --seed 1 --precision 12 --print grad --exact | FileCheck %s --check-prefix=GRAD

module attributes {motley.precision = #motley<precision bf16>} {
  motley.variable @w : tensor<1x1xf32> init constant 1.01171875 // 1 + 3/256, in bf16 1.015625
  motley.variable @head : tensor<1x2xf32> init constant 1.01171875
  motley.bank @bank.w [[@w]]
  motley.bank @bank.head [[@head]]

  // The module decides, and linear may ask for f32. The loss of two equal logits is log 2 whatever they are; its z is lse^2.
  // LEVEL1: dense<{{\[}}[1.015625], [1.03149414062], [1.02355957031]]>
  // LEVEL1-NEXT: dense<{{\[}}[1.01567077637], [1.0235748291], [1.01567174122]]>
  // LEVEL1-NEXT: dense<[2.91990236506, 2.91990236506, 2.91990236506]>
  // EXACT: dense<{{\[}}[1.01567077637], [1.0235748291], [1.01567174122]]>
  // EXACT-NEXT: dense<{{\[}}[1.01567077637], [1.0235748291], [1.01567174122]]>
  // EXACT-NEXT: dense<[2.92005880992, 2.92005880992, 2.92005880992]>
  func.func @level1(%live: i32 {motley.field = #motley.field<live>}) -> (tensor<3x1xf32>, tensor<3x1xf32>, tensor<3xf32>) {
    %x = arith.constant dense<[[1.00390625], [1.01171875], [1.00390725]]> : tensor<3x1xf32>
    %y = motley.linear @w(%x) : (tensor<3x1xf32>) -> tensor<3x1xf32>
    %z = motley.linear @w(%x) precision f32 : (tensor<3x1xf32>) -> tensor<3x1xf32>
    %one = arith.constant dense<1.00390625> : tensor<3x1xf32>
    %t = arith.constant dense<0> : tensor<3xi32>
    %ce, %l = motley.cross_entropy @head(%one) targets %t {z_loss = 1.0 : f64} : (tensor<3x1xf32>, tensor<3xi32>) -> (tensor<3xf32>, tensor<3xf32>)
    return %y, %z, %l : tensor<3x1xf32>, tensor<3x1xf32>, tensor<3xf32>
  }

  // At level 2 the operations decide alone.
  func.func @level2() -> (tensor<3x1xf32>, tensor<3x1xf32>) {
    %live = arith.constant 3 : i32
    %false = arith.constant false
    %g = motley.group_by live %live : (i32) -> !motley.groups<1, 3>
    %x = arith.constant dense<[[1.00390625], [1.01171875], [1.00390725]]> : tensor<3x1xf32>
    // LEVEL2: dense<{{\[}}[1.015625], [1.03149414062], [1.02355957031]]>
    // LEVEL2-NEXT: dense<{{\[}}[1.01567077637], [1.0235748291], [1.01567174122]]>
    // LEVEL2-NEXT: grad @w = dense<{{\[}}[3.04718017578]]>
    // GRAD: grad @w = dense<{{\[}}[3.03923226148]]>
    %y = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g precision bf16 : (tensor<3x1xf32>, !motley.groups<1, 3>) -> tensor<3x1xf32>
    %z = motley.grouped_matmul @bank.w ranges [0] map [0] (%x) by %g : (tensor<3x1xf32>, !motley.groups<1, 3>) -> tensor<3x1xf32>
    motley.grouped_outer %x, (%x) into @bank.w ranges [0] map [0] by %g precision bf16 add %false : tensor<3x1xf32>, (tensor<3x1xf32>), !motley.groups<1, 3>
    // The adjoint of the loss rounds the cotangents of the logits too: 1.00390625 / 2 is halfway, and becomes a half.
    // LEVEL2-NEXT: grad @head = dense<{{\[}}[-1.5, 1.5]]>
    // GRAD-NEXT: grad @head = dense<{{\[}}[-1.51174163818, 1.51174163818]]>
    %one = arith.constant dense<1.00390625> : tensor<3x1xf32>
    %d = arith.constant dense<1.00390625> : tensor<3xf32>
    %t = arith.constant dense<0> : tensor<3xi32>
    %ce, %l, %dx = motley.grouped_cross_entropy_backward @bank.head(%one) by %g targets %t cotangents %d, %d precision bf16 add %false {z_loss = 0.0 : f64} : (tensor<3x1xf32>, !motley.groups<1, 3>, tensor<3xi32>, tensor<3xf32>, tensor<3xf32>, i1) -> (tensor<3xf32>, tensor<3xf32>, tensor<3x1xf32>)
    return %y, %z : tensor<3x1xf32>, tensor<3x1xf32>
  }
}
