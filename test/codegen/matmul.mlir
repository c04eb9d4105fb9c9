// RUN: motleyc --from plan --emit kernel %s | FileCheck %s
// RUN: motleyc --from plan --emit asm %s | FileCheck %s --check-prefix=ASM --implicit-check-not='{{[yz]mm[0-9]+, -?[0-9]*[(]%rsp[)]}}'

// Tests the register tile of each level: 12 accumulators of 8 lanes are 6 of 16 for AVX2, 16 of 16 lanes for AVX-512; and
// that no vector is spilled to the stack.

plan.kernel @forward #plan.matmul<forward, panels = [0], map = [0, 1], panels_per_block = 2, column_blocks = 1> [memref<64x512xf32>, memref<2x2x512x32xf32>, memref<4x3xi32>, memref<64x64xf32>] access [read, read, read, write]

// CHECK-LABEL: func.func @forward_avx2
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-6: llvm.intr.fma{{.*}}vector<16xf32>
// CHECK-NEXT: scf.yield
// CHECK-LABEL: func.func @forward_avx512
// CHECK: scf.for {{.*}} iter_args
// CHECK-COUNT-16: llvm.intr.fma{{.*}}vector<16xf32>
// CHECK-NEXT: scf.yield

// ASM-LABEL: forward_avx512:
// ASM: vfmadd231ps {{.*}}%zmm
// ASM-COUNT-15: vfmadd231ps {{.*}}%zmm
