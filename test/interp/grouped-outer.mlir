// RUN: motley-interp %s --function zeroed --print grad --set 'grad @m0.a = dense<100.0> : tensor<1x2xf32>' --set 'grad @m1.a = dense<100.0> : tensor<1x2xf32>' --set 'grad @m2.a = dense<100.0> : tensor<1x2xf32>' --set 'grad @m0.b = dense<100.0> : tensor<1x1xf32>' | FileCheck %s --check-prefix=ZEROED
// RUN: motley-interp %s --function added --print grad --set 'grad @m0.a = dense<100.0> : tensor<1x2xf32>' --set 'grad @m1.a = dense<100.0> : tensor<1x2xf32>' --set 'grad @m2.a = dense<100.0> : tensor<1x2xf32>' | FileCheck %s --check-prefix=ADDED

motley.variable @m0.a : tensor<1x2xf32> init constant 0.0
motley.variable @m0.b : tensor<1x1xf32> init constant 0.0
motley.variable @m1.a : tensor<1x2xf32> init constant 0.0
motley.variable @m1.b : tensor<1x1xf32> init constant 0.0
motley.variable @m2.a : tensor<1x2xf32> init constant 0.0
motley.variable @m2.b : tensor<1x1xf32> init constant 0.0
motley.bank @bank [[@m0.a, @m0.b], [@m1.a, @m1.b], [@m2.a, @m2.b]]

// Tests that groups 0 and 2 sum into member 1, that group 1 meets none, that the dead row is not read, and that
// members and ranges that the operation does not name are left as they are.
// ZEROED: grad @m0.a = dense<{{\[}}[100, 100]]>
// ZEROED: grad @m0.b = dense<{{\[}}[100]]>
// ZEROED: grad @m1.a = dense<{{\[}}[21, 42]]>
// ZEROED: grad @m2.a = dense<{{\[}}[100, 100]]>
// ADDED: grad @m0.a = dense<{{\[}}[100, 100]]>
// ADDED: grad @m1.a = dense<{{\[}}[121, 142]]>
// ADDED: grad @m2.a = dense<{{\[}}[100, 100]]>
func.func @outer(%add: i1) {
  %ids = arith.constant dense<[0, 1, 2, 2, 0]> : tensor<5xi32>
  %x = arith.constant dense<[[1.0], [50.0], [2.0], [3.0], [70.0]]> : tensor<5x1xf32>
  %dy = arith.constant dense<[[1.0, 2.0], [60.0, 60.0], [4.0, 8.0], [4.0, 8.0], [80.0, 80.0]]> : tensor<5x2xf32>
  %live = arith.constant 4 : i32
  %g = motley.group_by %ids live %live : (tensor<5xi32>, i32) -> !motley.groups<3, 5>
  motley.grouped_outer %x, (%dy) into @bank ranges [0] map [1, -1, 1] by %g add %add : tensor<5x1xf32>, (tensor<5x2xf32>), !motley.groups<3, 5>
  return
}

func.func @zeroed() {
  %add = arith.constant false
  call @outer(%add) : (i1) -> ()
  return
}

func.func @added() {
  %add = arith.constant true
  call @outer(%add) : (i1) -> ()
  return
}
