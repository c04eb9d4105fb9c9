// RUN: motleyc --from plan --emit kernel %s | FileCheck %s

// Tests that a step fills the slots of each launch in order, passes the count buffer where there is one, and returns at
// the first status that is not 0.

plan.kernel @fill #plan.fill<1.000000e+00 : f32> [memref<64x32xf32>] access [write]
plan.kernel @sum #plan.sum_squares [memref<64x32xf32>, i64, memref<1xf64>] access [read, read, write]
plan.kernel @merge #plan.merge<[0]> [memref<64x32xf32>, memref<4x3xi32>, memref<64x32xf32>] access [read, read, write]

// CHECK: module @avx2
// CHECK: func.func @fill_avx2(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64, %{{.*}}: i64)
// CHECK: module @avx512
// CHECK: func.func @fill_avx512
// CHECK: module @host

// CHECK-LABEL: llvm.func @motley_step_first(
// CHECK-SAME: %[[CONTEXT:.*]]: !llvm.ptr, %[[BUFFERS:.*]]: !llvm.ptr, %[[SCALARS:.*]]: !llvm.ptr) -> i32
// CHECK: %[[SLOTS:.*]] = llvm.alloca %{{.*}} x i64
// CHECK: %[[LAUNCH:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: %[[ARENA:.*]] = llvm.load %[[BUFFERS]]
// CHECK: %[[AT:.*]] = llvm.mlir.constant(8192 : i64)
// CHECK: %[[X:.*]] = llvm.getelementptr %[[ARENA]][%[[AT]]]
// CHECK: llvm.store %[[X]], %[[SLOTS]]
// CHECK: %[[NULL:.*]] = llvm.mlir.zero : !llvm.ptr
// CHECK: %[[NUMBER:.*]] = llvm.mlir.constant(0 : i32)
// CHECK: %[[STATUS:.*]] = llvm.call %[[LAUNCH]](%[[CONTEXT]], %[[NUMBER]], %[[SLOTS]], %[[NULL]], %{{.*}})
// CHECK: %[[FAILED:.*]] = llvm.icmp "ne" %[[STATUS]]
// CHECK: llvm.cond_br %[[FAILED]], ^[[END:bb[0-9]+]](%[[STATUS]] : i32), ^[[NEXT:bb[0-9]+]]
// CHECK: ^[[NEXT]]:
// CHECK: %[[SECOND:.*]] = llvm.mlir.constant(2 : i32)
// CHECK: llvm.call %[[LAUNCH]](%[[CONTEXT]], %[[SECOND]], %[[SLOTS]], %[[COUNT:[0-9]+]],
// CHECK: ^[[END]](%[[RESULT:.*]]: i32):
// CHECK-NEXT: llvm.return %[[RESULT]]
plan.step @first arena 32768 {
  %x = plan.alloc at 8192 : memref<64x32xf32>
  %y = plan.alloc at 16384 : memref<64x32xf32>
  %tiles = plan.alloc at 0 : memref<4x3xi32>
  %count = plan.alloc at 64 : memref<1xi32>
  plan.launch @fill (%x) factor 1 : memref<64x32xf32>
  plan.launch @merge (%x, %tiles, %y) count %count factor 1 : memref<64x32xf32>, memref<4x3xi32>, memref<64x32xf32>, memref<1xi32>
}

// Tests that a window moves the address back by its first row.

// CHECK-LABEL: llvm.func @motley_step_second(
// CHECK: llvm.mlir.constant(-2048 : i64)
plan.step @second arena 4096 {
  %short = plan.alloc at 0 : memref<16x32xf32>
  %x = plan.window %short begin 16 : memref<16x32xf32> to memref<64x32xf32>
  plan.launch @fill (%x) factor 1 : memref<64x32xf32>
}

// CHECK: llvm.mlir.global internal constant @motley_manifest(
// CHECK-SAME: {\22arena_bytes\22:32768,\22buffers\22:[{\22kind\22:\22arena\22}],\22bytes\22:0,\22flops\22:0,\22launches\22:2,\22name\22:\22first\22
// CHECK-SAME: {\22family\22:\22fill\22,\22name\22:\22fill\22,\22scratch_bytes\22:0}
// CHECK: llvm.mlir.global external constant @motley_artifact
