// What the compiler makes of a Mixture-of-Transformers layer (L = 1 layer, M = 2 modalities), forward and backward.
//
// RUN: motley-opt %root/python/examples/mot.mlir --motley-to-grouped -o %t.mlir
// RUN: sed -n '/func.func @eval/,/^  }/p' %t.mlir > %t.eval
// RUN: sed -n '/func.func @accumulate/,/^  }/p' %t.mlir > %t.accumulate
// RUN: FileCheck %s --check-prefix=TABLES < %t.eval
// RUN: FileCheck %s --check-prefix=TABLES < %t.accumulate
// RUN: FileCheck %s --check-prefix=ORDER < %t.accumulate
// RUN: FileCheck %s --check-prefix=LAUNCHES < %t.eval
// RUN: grep -c 'grouped_matmul @' %t.accumulate | FileCheck %s --check-prefix=FORWARD
// RUN: grep -c 'grouped_matmul transposed @' %t.accumulate | FileCheck %s --check-prefix=BACKWARD
// RUN: grep -c 'grouped_outer ' %t.accumulate | FileCheck %s --check-prefix=BACKWARD
// RUN: FileCheck %s --check-prefix=SWIGLU < %t.accumulate

// One table of modalities and one of documents per step.
// TABLES-COUNT-1: motley.group_by %arg{{[0-9]+}} {{.*}}groups<2, 512>
// TABLES-NOT: motley.group_by %arg{{[0-9]+}} {{.*}}groups<2, 512>
// TABLES: motley.group_by %arg{{[0-9]+}} {{.*}}groups<512, 512>
// TABLES-NOT: motley.group_by %arg

// Only fields of the rows are permuted, each once; no activation, neither forward nor backward.
// ORDER-NOT: gather_rows {{.*}} : (tensor<512x64
// ORDER-NOT: combine_rows
// ORDER-COUNT-5: motley.gather_rows %arg{{.*}} : (tensor<512x{{[if]}}32>,
// ORDER-NOT: motley.gather_rows
// ORDER-NOT: motley.combine_rows
// ORDER-NOT: motley.merge_groups
// ORDER-NOT: motley.split_groups

// One launch for q, k and v of all modalities, one for o, one for gate and up, one for down.
// LAUNCHES: grouped_matmul @bank.q_k_v ranges [0, 1, 2] map [0, 1]
// LAUNCHES: grouped_matmul @bank.o ranges [0] map [0, 1]
// LAUNCHES: grouped_matmul @bank.gate_up ranges [0, 1] map [0, 1]
// LAUNCHES: grouped_matmul @bank.down ranges [0] map [0, 1]
// LAUNCHES-NOT: grouped_matmul
// FORWARD: {{^4$}}
// BACKWARD: {{^4$}}

// The activation and its slope are computed in the epilogues; gate, up and their product are what is stored.
// SWIGLU: :3 = motley.grouped_matmul @bank.gate_up
// SWIGLU: :2 = motley.grouped_matmul transposed @bank.down
// SWIGLU: motley.silu_slope %{{.*}} : f32
// SWIGLU: motley.grouped_matmul transposed @bank.gate_up ranges [0, 1] map [0, 1]
