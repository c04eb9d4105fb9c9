// Tests that what one run writes another run reads: results become arguments, variables come back, and fields go by name.

// RUN: rm -rf %t && motley-interp %s --function make --outputs %t --set 'param @w = dense<[0.5, -0.25]> : tensor<2xf32>' --set 'v @w = dense<[3.0, 1.0e-300]> : tensor<2xf64>'
// RUN: mv %t/results %t/args
// RUN: motley-interp %s --function take --inputs %t --print param,grad,v | FileCheck %s
// RUN: mv %t/args/0.npy %t/args/token.npy
// RUN: motley-interp %s --function take --inputs %t --print param,grad,v | FileCheck %s
// CHECK: dense<[3, 1, dead]> : tensor<3xi32>
// CHECK-NEXT: dense<{{\[}}[0.5, nan]]> : tensor<1x2xf32>
// CHECK-NEXT: 0.1 : f32
// CHECK-NEXT: 1 : i1
// CHECK-NEXT: param @w = dense<[0.5, -0.25]>
// CHECK-NEXT: grad @w = dense<[0, 0]>
// CHECK-NEXT: v @w = dense<[3, 1e-300]>

// A table of groups becomes three files.
// RUN: motley-interp %s --function table --outputs %t/table && ls %t/table/results | FileCheck %s --check-prefix=TABLE
// TABLE: 0.inverse.npy
// TABLE-NEXT: 0.offset.npy
// TABLE-NEXT: 0.row.npy

// Tests that an arbitrary producer's header is understood (f32, version 1), and that broken files are refused.
// RUN: %python -c "import struct,sys; h=b\"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\"; h+=b' '*(117-len(h))+b'\n'; open(sys.argv[1],'wb').write(b'\x93NUMPY\x01\x00'+struct.pack('<H',len(h))+h+struct.pack('<2f',1.5,-2))" %t/param/w.npy
// RUN: motley-interp %s --function nothing --inputs %t --print param | FileCheck %s --check-prefix=FOREIGN
// FOREIGN: param @w = dense<[1.5, -2]>
// RUN: cp %t/param/w.npy %t/param/x.npy
// RUN: not motley-interp %s --function nothing --inputs %t 2>&1 | FileCheck %s --check-prefix=STRANGER
// STRANGER: error: {{.*}}x.npy: the module has no such variable
// RUN: rm %t/param/x.npy && head -c 132 %t/param/w.npy > %t/short && mv %t/short %t/param/w.npy
// RUN: not motley-interp %s --function nothing --inputs %t 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: error: {{.*}}w.npy: holds 4 bytes of data, its shape needs 8
// RUN: echo hello > %t/param/w.npy
// RUN: not motley-interp %s --function nothing --inputs %t 2>&1 | FileCheck %s --check-prefix=HELLO
// HELLO: error: {{.*}}w.npy: is not an .npy file

motley.variable @w : tensor<2xf32> init constant 0.0

func.func @make() -> (tensor<3xi32>, tensor<1x2xf32>, f32, i1) {
  %ids = arith.constant dense<[3, 1, 2]> : tensor<3xi32>
  %two = arith.constant 2 : i32
  %g = motley.group_by live %two : (i32) -> !motley.groups<1, 3>
  %moved = motley.gather_rows %ids by %g : (tensor<3xi32>, !motley.groups<1, 3>) -> tensor<3xi32>
  %x = arith.constant dense<[[0.5, 0x7FC00000]]> : tensor<1x2xf32>
  %tenth64 = arith.constant 0.1 : f64
  %tenth = arith.truncf %tenth64 : f64 to f32
  %true = arith.constant true
  return %moved, %x, %tenth, %true : tensor<3xi32>, tensor<1x2xf32>, f32, i1
}

func.func @take(%t: tensor<3xi32> {motley.field = #motley.field<token>}, %x: tensor<1x2xf32>, %s: f32, %b: i1) -> (tensor<3xi32>, tensor<1x2xf32>, f32, i1) {
  return %t, %x, %s, %b : tensor<3xi32>, tensor<1x2xf32>, f32, i1
}

func.func @table() -> !motley.groups<1, 3> {
  %two = arith.constant 2 : i32
  %g = motley.group_by live %two : (i32) -> !motley.groups<1, 3>
  return %g : !motley.groups<1, 3>
}

func.func @nothing() {
  return
}
