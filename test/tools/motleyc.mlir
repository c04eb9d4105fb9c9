// Tests that every level comes out, and that a level can be taken up again.

// RUN: motleyc --emit motley %s | FileCheck %s --check-prefix=MOTLEY
// MOTLEY: motley.linear @w
// RUN: motleyc --emit motley --locations %s | FileCheck %s --check-prefix=LOCATIONS
// LOCATIONS: motley.linear {{.*}} loc(
// RUN: motleyc --emit grouped %s -o %t.grouped
// RUN: FileCheck %s --check-prefix=GROUPED < %t.grouped
// GROUPED: motley.grouped_matmul @bank.w
// RUN: motleyc --emit plan %s -o %t.plan
// RUN: FileCheck %s --check-prefix=PLAN < %t.plan
// PLAN: plan.step @f arena
// RUN: motleyc --from grouped --emit plan %t.grouped | diff - %t.plan
// RUN: motleyc --emit kernel %s | FileCheck %s --check-prefix=KERNEL
// KERNEL: vector.
// RUN: motleyc --emit llvm %s | FileCheck %s --check-prefix=LLVM
// LLVM: define {{.*}}@matmul_0
// RUN: motleyc --emit asm %s | FileCheck %s --check-prefix=ASM
// ASM: vfmadd
// RUN: motleyc %s -o %t.so
// RUN: motleyc --from plan %t.plan -o %t.again.so
// RUN: cmp %t.so %t.again.so
// RUN: motleyc --timing %s -o %t.timed.so 2>&1 | FileCheck %s --check-prefix=TIMING
// RUN: cmp %t.so %t.timed.so
// TIMING: parse
// TIMING: GroupModalities
// TIMING: lower to LLVM IR
// TIMING: optimise LLVM IR
// TIMING: write machine code
// TIMING: matmul_0_avx2
// TIMING: link

motley.modality @text ids 0 to 128
motley.variable @w : tensor<32x48xf32> init normal 2.0e-02
func.func @f(%x: tensor<64x32xf32>) -> tensor<64x48xf32> {
  %y = motley.linear @w(%x) : (tensor<64x32xf32>) -> tensor<64x48xf32>
  return %y : tensor<64x48xf32>
}
