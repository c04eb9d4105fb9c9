// RUN: motleyc --from plan --emit kernel %s | FileCheck %s
// RUN: motleyc --from plan --emit asm %s | FileCheck %s --check-prefix=ASM

// Tests that products of bf16 have code of their own for AVX512_BF16, and other kernels that of AVX-512: one function, named
// in both rows of the table; and that nothing is spilled around vdpbf16ps.

plan.kernel @plain #plan.matmul<forward, panels = [0], map = [0], panels_per_block = 2, column_blocks = 1> [memref<64x64xf32>, memref<1x2x64x32xf32>, memref<2x3xi32>, memref<64x64xf32>] access [read, read, read, write]
plan.kernel @rounded #plan.matmul<forward, panels = [0], map = [0], panels_per_block = 2, column_blocks = 1 precision = bf16> [memref<64x64xf32>, memref<1x2x64x32xf32>, memref<2x3xi32>, memref<64x64xf32>] access [read, read, read, write]

// CHECK: module @avx2
// CHECK: func.func @plain_avx2
// CHECK: func.func @rounded_avx2
// CHECK-NOT: bf16
// CHECK: module @avx512 {
// CHECK: func.func @plain_avx512(
// CHECK-NOT: x86.avx512bf16
// CHECK: func.func @rounded_avx512(
// CHECK: llvm.intr.fma
// CHECK-NOT: x86.avx512bf16
// CHECK: module @avx512_bf16
// CHECK-NOT: @plain
// CHECK: func.func @rounded_avx512_bf16
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
// CHECK-COUNT-16: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"
// CHECK-NEXT: scf.yield
// CHECK: module @host
// CHECK: llvm.mlir.global internal constant @motley_kernels
// CHECK: llvm.mlir.addressof @plain_avx2
// CHECK: llvm.mlir.addressof @rounded_avx2
// CHECK: llvm.mlir.addressof @plain_avx512
// CHECK: llvm.mlir.addressof @rounded_avx512
// CHECK: llvm.mlir.addressof @plain_avx512 :
// CHECK: llvm.mlir.addressof @rounded_avx512_bf16

// ASM-LABEL: rounded_avx512_bf16:
// ASM: vcvtne2ps2bf16
// ASM-NOT: {{zmm[0-9]+, -?[0-9]*[(]%rsp[)]}}
// ASM-COUNT-16: vdpbf16ps {{.*}}%zmm
// ASM-NOT: {{zmm[0-9]+, -?[0-9]*[(]%rsp[)]}}
// ASM: .size rounded_avx512_bf16
