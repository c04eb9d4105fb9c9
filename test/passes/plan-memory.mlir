// RUN: motley-opt %s --pass-pipeline='builtin.module(plan.step(motley-plan-memory),motley-verify-plan)' --split-input-file | FileCheck %s
// RUN: motley-opt %s --pass-pipeline='builtin.module(plan.step(motley-plan-memory{in-place=false}),motley-verify-plan)' --split-input-file | FileCheck %s --check-prefix=APART

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.kernel @map_0 #plan.map<num_inputs = 1> [memref<64x32xf32>, memref<64x32xf32>] access [read, write] body {
^bb0(%x: f32):
  motley.yield %x : f32
}

// Tests that a result moves into the place of the input that dies, and that apart they alternate between two places.
// CHECK-LABEL: plan.step @chain arena 8192
// APART-LABEL: plan.step @chain arena 16384
plan.step @chain {
  %y = plan.output "y" : memref<64x32xf32>
  // CHECK: plan.alloc at 0
  // APART: plan.alloc at 0
  %a = plan.alloc : memref<64x32xf32>
  plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
  // CHECK: plan.alloc at 0
  // APART: plan.alloc at 8192
  %b = plan.alloc : memref<64x32xf32>
  plan.launch @map_0 (%a, %b) factor 1 : memref<64x32xf32>, memref<64x32xf32>
  // CHECK: plan.alloc at 0
  // APART: plan.alloc at 0
  %c = plan.alloc : memref<64x32xf32>
  plan.launch @map_0 (%b, %c) factor 1 : memref<64x32xf32>, memref<64x32xf32>
  plan.launch @map_0 (%c, %y) factor 1 : memref<64x32xf32>, memref<64x32xf32>
}

// Tests that an input that is read again later keeps its place.
// CHECK-LABEL: plan.step @later arena 16384
plan.step @later {
  %y = plan.output "y" : memref<64x32xf32>
  // CHECK: plan.alloc at 0
  %a = plan.alloc : memref<64x32xf32>
  plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
  // CHECK: plan.alloc at 8192
  %b = plan.alloc : memref<64x32xf32>
  plan.launch @map_0 (%a, %b) factor 1 : memref<64x32xf32>, memref<64x32xf32>
  plan.launch @map_0 (%b, %y) factor 1 : memref<64x32xf32>, memref<64x32xf32>
  plan.launch @map_0 (%a, %y) factor 1 : memref<64x32xf32>, memref<64x32xf32>
}

// -----

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.kernel @fill_1 #plan.fill<0.0 : f32> [memref<3xf32>] access [write]
plan.kernel @fill_2 #plan.fill<0.0 : f32> [memref<16x32xf32>] access [write]
plan.kernel @map_0 #plan.map<num_inputs = 1> [memref<64x32xf32>, memref<64x32xf32>] access [read, write] body {
^bb0(%x: f32):
  motley.yield %x : f32
}
plan.kernel @map_1 #plan.map<num_inputs = 1> [memref<3xf32>, memref<3xf32>] access [read, write] body {
^bb0(%x: f32):
  motley.yield %x : f32
}

// Tests that a buffer lives as long as a window that looks at it, that small buffers lie behind large ones on multiples of 64, and
// that what no launch touches disappears.
// CHECK-LABEL: plan.step @windows arena 10304
plan.step @windows {
  %y = plan.output "y" : memref<64x32xf32>
  %z = plan.output "z" : memref<3xf32>
  // CHECK: plan.alloc at 10240 : memref<3xf32>
  %small = plan.alloc : memref<3xf32>
  plan.launch @fill_1 (%small) factor 1 : memref<3xf32>
  // CHECK: plan.alloc at 8192 : memref<16x32xf32>
  %short = plan.alloc : memref<16x32xf32>
  %seen = plan.window %short begin 16 : memref<16x32xf32> to memref<64x32xf32>
  plan.launch @fill_2 (%short) factor 1 : memref<16x32xf32>
  // CHECK: plan.alloc at 0 : memref<64x32xf32>
  %a = plan.alloc : memref<64x32xf32>
  plan.launch @fill_0 (%a) factor 1 : memref<64x32xf32>
  plan.launch @map_0 (%a, %y) factor 1 : memref<64x32xf32>, memref<64x32xf32>
  // CHECK: plan.launch @map_0
  // CHECK-NOT: plan.alloc
  %unused = plan.alloc : memref<64x32xf32>
  %unseen = plan.window %unused begin 0 : memref<64x32xf32> to memref<64x32xf32>
  plan.launch @map_0 (%seen, %y) factor 1 : memref<64x32xf32>, memref<64x32xf32>
  plan.launch @map_1 (%small, %z) factor 1 : memref<3xf32>, memref<3xf32>
}

// A step without buffers has an empty arena.
// CHECK-LABEL: plan.step @nothing arena 0
plan.step @nothing {
}

// -----

plan.kernel @fill_0 #plan.fill<0.0 : f32> [memref<64x32xf32>] access [write]
plan.kernel @combine_0 #plan.combine<plus = true> [memref<64x32xf32>, memref<64x32xf32>, memref<3xi32>, memref<65xi32>, memref<64xi32>, memref<64x32xf32>] access [read, read, read, read, read, write]

// Tests that combining moves into the place of what it adds to, but not into that of the slots.
// CHECK-LABEL: plan.step @combining arena 16384
// APART-LABEL: plan.step @combining arena 24576
plan.step @combining {
  %y = plan.output "y" : memref<64x32xf32>
  %offset = plan.input "offset" : memref<3xi32>
  %begin = plan.input "begin" : memref<65xi32>
  %slot = plan.input "slot" : memref<64xi32>
  // CHECK: %[[SLOTS:.*]] = plan.alloc at 0
  %slots = plan.alloc : memref<64x32xf32>
  plan.launch @fill_0 (%slots) factor 1 : memref<64x32xf32>
  // CHECK: %[[PLUS:.*]] = plan.alloc at 8192
  %plus = plan.alloc : memref<64x32xf32>
  plan.launch @fill_0 (%plus) factor 1 : memref<64x32xf32>
  // CHECK: %[[SUM:.*]] = plan.alloc at 8192
  %sum = plan.alloc : memref<64x32xf32>
  // CHECK: plan.launch @combine_0(%[[SLOTS]], %[[PLUS]], %{{.*}}, %{{.*}}, %{{.*}}, %[[SUM]])
  plan.launch @combine_0 (%slots, %plus, %offset, %begin, %slot, %sum) factor 1 : memref<64x32xf32>, memref<64x32xf32>, memref<3xi32>, memref<65xi32>, memref<64xi32>, memref<64x32xf32>
  // What is combined with itself keeps its place.
  // CHECK: plan.alloc at 0
  %twice = plan.alloc : memref<64x32xf32>
  plan.launch @combine_0 (%sum, %sum, %offset, %begin, %slot, %twice) factor 1 : memref<64x32xf32>, memref<64x32xf32>, memref<3xi32>, memref<65xi32>, memref<64xi32>, memref<64x32xf32>
  plan.launch @combine_0 (%twice, %twice, %offset, %begin, %slot, %y) factor 1 : memref<64x32xf32>, memref<64x32xf32>, memref<3xi32>, memref<65xi32>, memref<64xi32>, memref<64x32xf32>
}
